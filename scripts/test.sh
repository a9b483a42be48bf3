#!/usr/bin/env bash
# Runs all tests, or those whose names match the arguments' patterns: scripts/test.sh JRWireTests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v swift > /dev/null; then
    echo "scripts/test.sh: there is no 'swift' in PATH. Install Swift 6.2 or later: https://www.swift.org/install" >&2
    exit 69
fi
# Some tests have more to do where these are found, and are skipped elsewhere.
for program in python3 strace; do
    command -v "$program" > /dev/null || echo "note: '$program' is not installed; the tests that need it are skipped" >&2
done

arguments=()
for pattern in "$@"; do arguments+=(--filter "$pattern"); done
# Crashes are part of some tests; Swift's own report of each would cost seconds and say nothing.
SWIFT_BACKTRACE=enable=no exec swift test "${arguments[@]}"
