#!/usr/bin/env bash
# How long a start takes for a large journal, with a release build (swift build -c release --product jr).
#
#     Benchmarks/recovery.sh [JOBS [ROUNDS]]
#
# Makes a journal of JOBS live jobs (1,000,000) with arguments of about 100 bytes, opens it ROUNDS times (3), each time
# in a new process and as a node does, and prints each time and the median, with the processor time and the rate.
set -euo pipefail
export LC_ALL=C
jobs=${1:-1000000} rounds=${2:-3}
bin=${JR_BIN:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/release}
if [ ! -x "$bin/jr" ]; then
    echo "there is no $bin/jr: run 'swift build -c release --product jr' first" >&2
    exit 69
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v n="$jobs" 'BEGIN {
    text = "the quick brown fox jumps over the lazy dog and runs on through the wood"
    printf "{\"format\":\"jobreactor-jobs\",\"version\":1,\"jobs\":%d}\n", n
    for (i = 1; i <= n; i++)
        printf "{\"id\":\"0190000000000000%016x\",\"name\":\"count_words\",\"arguments\":{\"number\":%d,\"text\":\"%s\"}," \
            "\"created_at\":\"2026-11-18T11:06:40.123Z\",\"feedback\":[\"success\",\"error\"]," \
            "\"client\":\"01900000000000000000000000000007\",\"status\":\"new\"}\n", i, i, text
}' > "$work/jobs.jsonl"
"$bin/jr" journal import "$work/jobs.jsonl" --to "$work/store"
rm "$work/jobs.jsonl"
for ((round = 0; round < rounds; round++)); do
    "$bin/jr" journal time "$work/store"
done | tee "$work/times"
sed 's/.*: \([0-9]*\) ms, CPU.*/\1/' "$work/times" | sort -n | awk -v r="$rounds" '{ v[NR] = $1 } END {
    printf "median %d ms of %d rounds\n", v[int((NR + 1) / 2)], NR }'
