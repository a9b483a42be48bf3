#!/usr/bin/env bash
# How cost grows: with the number of jobs, of connections, and with the size of arguments (swift build -c release first).
#
#     Benchmarks/growth.sh [MOST JOBS [ROUNDS]]     10,000,000 and 5 if left out: some 6 minutes
#
# A run of 10,000 jobs is over in a twentieth of a second and says little: the short ones are made several times a round,
# all after as many jobs before them, and with a window that is a small part of each.
# Prints the medians as tables in Markdown. JR names another `jr` than the release build.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jr=${JR:-$here/../.build/release/jr}
most=${1:-10000000} rounds=${2:-5}
[ -x "$jr" ] || { echo "growth.sh: there is no $jr: run 'swift build -c release', or name it in JR" >&2; exit 69; }
command -v python3 > /dev/null || { echo "growth.sh: there is no python3, which makes the tables" >&2; exit 69; }
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

bench() { # TABLE ARGUMENT...
    local line
    echo "$*" >&2
    line=$("$jr" bench "${@:2}" --json)
    printf '%s\t%s\n' "$1" "$line" >> "$lines"
}

# In turn, so that what else the machine does is no matter of one size.
for ((round = 1; round <= rounds; round++)); do
    for ((jobs = 10000; jobs <= most; jobs *= 10)); do
        for ((again = 1; again <= (jobs < 1000000 ? 5 : 1); again++)); do
            bench jobs throughput --jobs "$jobs" --warm-up 200000 --window 500
        done
    done
    for nodes in 1 10 100; do bench nodes throughput --jobs 200000 --nodes "$nodes"; done
    for size in 100 1024 65536; do bench size throughput --jobs $((size > 9999 ? 20000 : 200000)) --args "$size"; done
    for ((jobs = 10000; jobs <= most / 10; jobs *= 10)); do bench memory memory --jobs "$jobs"; done
done

python3 - "$lines" << 'END'
import json, statistics, sys

rows = {}
for line in open(sys.argv[1]):
    table, text = line.split("\t", 1)
    run = json.loads(text)
    rows.setdefault(table, {}).setdefault((run["jobs"], run["nodes"], run["argumentBytes"]), []).append(run)
fields = ["jobsPerSecond", "cpuMicrosecondsPerJob", "p50Microseconds", "p99Microseconds"]
tables = {
    "jobs": ("jobs", 0, fields), "nodes": ("nodes, a connection each", 1, fields),
    "size": ("bytes of arguments", 2, fields),
    "memory": ("jobs that wait", 0, ["bytesPerWaitingJob", "bytesPerJob"]),
}
names = {
    "jobsPerSecond": "jobs/s", "cpuMicrosecondsPerJob": "CPU µs a job", "p50Microseconds": "p50 µs",
    "p99Microseconds": "p99 µs", "bytesPerWaitingJob": "bytes each in a distributor",
    "bytesPerJob": "bytes each on a node, scheduled",
}
for table, (title, position, fields) in tables.items():
    if table not in rows:
        continue
    print(f"| {title} | " + " | ".join(names[field] for field in fields) + " |")
    print("|---" * (len(fields) + 1) + "|")
    for key, runs in rows[table].items():
        medians = [statistics.median(run[field] for run in runs) for field in fields]
        print(f"| {key[position]:,} | " + " | ".join(f"{m:,.0f}" if m >= 100 else f"{m:.1f}" for m in medians) + " |")
    print()
END
