#!/usr/bin/env bash
# Runs all tests, or those whose names match the arguments' patterns: scripts/test.sh JRWireTests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v swift > /dev/null; then
    echo "scripts/test.sh: there is no 'swift' in PATH. Install Swift 6.2 or later: https://www.swift.org/install" >&2
    exit 69
fi
# Some tests have more to do where these are found, and are skipped elsewhere.
for program in python3 strace systemd-analyze; do
    command -v "$program" > /dev/null || echo "note: '$program' is not installed; the tests that need it are skipped" >&2
done
# The tests of the storage on Redis start a server of their own each, and fail where there is none; some are run with
# Valkey as well, where this system has it or can install it.
for server in redis-server valkey-server; do
    command -v "$server" > /dev/null && continue
    if [[ $EUID -eq 0 ]] && command -v apt-get > /dev/null; then
        [[ $server == redis-server || -n $(apt-cache madison "$server" 2> /dev/null) ]] || continue
        echo "installing $server, which tests start" >&2
        install=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends "$server")
        log=$(mktemp)
        { apt-get update && "${install[@]}"; } > "$log" 2>&1 || tail -3 "$log" >&2
        rm -f "$log"
    fi
done
command -v redis-server > /dev/null \
    || echo "note: 'redis-server' is not installed; the tests that need it will fail: apt-get install redis-server" >&2
command -v valkey-server > /dev/null \
    || echo "note: 'valkey-server' is not installed; what is run with Valkey too is skipped" >&2
# What is exported for Kubernetes is compared with its own schemas where this package of PyPI is found.
if command -v python3 > /dev/null && ! python3 -c "import kubernetes_validate" 2> /dev/null; then
    if [[ $EUID -eq 0 ]] && python3 -m pip --version > /dev/null 2>&1; then
        echo "installing kubernetes-validate for python3, which a test uses" >&2
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore kubernetes-validate \
            > /dev/null 2>&1 || true
    fi
    python3 -c "import kubernetes_validate" 2> /dev/null || echo "note: 'kubernetes-validate' is not installed for \
python3; the test that needs it is skipped: python3 -m pip install kubernetes-validate" >&2
fi

arguments=()
for pattern in "$@"; do arguments+=(--filter "$pattern"); done
# Crashes are part of some tests; Swift's own report of each would cost seconds and say nothing.
SWIFT_BACKTRACE=enable=no exec swift test "${arguments[@]}"
