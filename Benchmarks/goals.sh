#!/usr/bin/env bash
# All figures that have a goal, in one run with the peers, as one table (swift build -c release first).
#
#     Benchmarks/goals.sh [ROUNDS]      rounds of Benchmarks/peers/run.sh, 5 if left out: some 25 minutes
#
# Runs Benchmarks/peers/run.sh, Benchmarks/supervisors/run.sh and Benchmarks/restart.sh, which write their own results,
# and `jr bench`, and writes Benchmarks/goals.md.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jr=$here/../.build/release/jr
[ -x "$jr" ] || { echo "goals.sh: there is no $jr: run 'swift build -c release' first" >&2; exit 69; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/peers/run.sh" --rounds "${1:-5}" > /dev/null
"$here/supervisors/run.sh" --limit 25 > /dev/null
"$here/restart.sh" 20 > "$work/restart"
for round in 1 2 3; do
    "$jr" bench burst --jobs 20000 --json
    "$jr" bench latency --jobs 15000 --json
    "$jr" bench timers --jobs 1000000 --json
    "$jr" bench memory --jobs 1000000 --json
    echo "benchmarks: round $round of 3" >&2
done > "$work/runs"
python3 "$here/goals.py" "$here" "$work" > "$work/table"
cp "$work/table" "$here/goals.md"
cat "$here/goals.md"
