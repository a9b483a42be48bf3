#!/usr/bin/env bash
# How long a commit to the journal takes while it is being compacted (swift build -c release --target JRStorage).
#
#     Benchmarks/commit-pauses.sh [JOBS [COMMITS]]
#
# So many jobs of 500 bytes are put off again and again, 20 in a commit, one commit at a time.
set -euo pipefail
jobs=${1:-100000} commits=${2:-50000}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${JR_BUILD:-$root/.build/release}
if [ ! -d "$build/JRStorage.build" ]; then
    echo "there is no $build/JRStorage.build: run 'swift build -c release --target JRStorage' first" >&2
    exit 69
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=()
for module in CJRLinux JRBase JRJSON JRWire JRCore JRJournal JRSystem JRReactor JRStorage; do
    objects+=("$build/$module.build"/*.o)
done
swiftc -O -swift-version 6 -I "$build/Modules" -Xcc -fmodule-map-file="$build/CJRLinux.build/module.modulemap" \
    -Xcc -I"$root/Sources/CJRLinux/include" -o "$work/bench" "$root/Benchmarks/commit-pauses.swift" "${objects[@]}"
for sync in always interval never; do
    printf '%-9s' "$sync"
    "$work/bench" "$work/$sync" "$sync" "$jobs" "$commits"
    rm -rf "${work:?}/$sync"
done
