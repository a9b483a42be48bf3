#!/usr/bin/env bash
# From `kill -9` of a node to its stored jobs running again, by release programs (swift build -c release).
#
#     Benchmarks/restart.sh [ROUNDS [STORED [RUNNING [BEFORE]]]]
#
# A node with a journal that syncs always has STORED jobs (10,000) for later and RUNNING ones (4) under way when it gets
# `kill -9`. BEFORE jobs (0) came and went first: what is left of them in the journal has to be read again. Prints the
# time until the supervisor says `recovered n/n`, and until the first and the last of those that ran begin again, in a
# new process, out of the journal and from compiled job files; ROUNDS times (20).
set -euo pipefail
export LC_ALL=C
rounds=${1:-20} stored=${2:-10000} running=${3:-4} before=${4:-0}
# shellcheck source=cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

mkfifo said
exec 3<> said
cat > jobs/trivial.swift <<'JOB'
import JobReactor

job("trivial") { args in args["done"] = true }
JOB
cat > jobs/again.swift <<'JOB'
import Glibc
import JobReactor

/// The first attempt says that it has begun and stays; a later one says when it began, in microseconds.
job("again") { args, context in
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    if let pipe = fopen(args["pipe"]?.string ?? "", "w") {
        fputs(context.attempt == 1 ? "begun\n" : "\(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)\n", pipe)
        fclose(pipe)
    }
    while context.attempt == 1 { try await Task.sleep(for: .seconds(60)) }
}
JOB
# The back-off is not what is measured, so no death counts against the next start.
cat > cluster.json <<'MANIFEST'
{
  "name": "restart",
  "distributors": { "main": { "listen": "127.0.0.1:0" } },
  "nodes": {
    "worker": { "count": 2, "distributors": ["main"], "jobs": "jobs", "storage": { "kind": "journal" }, "ready": "120s" }
  },
  "defaults": { "backoff": { "resetAfter": "0ms" }, "crashLoop": { "count": 1000, "within": "1s" } }
}
MANIFEST
jr-supervisor up --detach cluster.json > up.log 2>&1 || { cat up.log; exit 1; }

pid() { # NAME
    jr-supervisor status --json | tr -d ' \n' | grep -o "\"name\":\"$1\"[^}]*" | grep -o '"pid":[0-9]*' | cut -d: -f2
}

lines() { awk -v n="$1" -v l="${2:-{\"n\": 1\}}" 'BEGIN { while (n-- > 0) print l }'; } # COUNT [LINE]

said() { # a line of a job
    read -r -t 60 line <&3 || { echo "no job has begun for a minute" >&2; exit 70; }
}

# Waits until one more start of worker.1 is ready; says when that was, by the supervisor's clock, and what came back.
ready() { # COUNT
    local found=() deadline=$((SECONDS + 60))
    while [ ${#found[@]} -lt "$1" ]; do
        [ $SECONDS -lt $deadline ] || { echo "the node is not ready after a minute" >&2; exit 70; }
        mapfile -t found < <(grep '"instance":"worker.1"' .jr/events.jsonl | grep '"to":"ready"' || true)
    done
    line=$(grep -o '"time":"[^"]*"' <<< "${found[-1]}" | cut -d'"' -f4)
}

if [ "$before" -gt 0 ]; then
    lines "$before" | jr enqueue trivial --many - --wait > results 2> results.err
fi
lines "$stored" | jr enqueue trivial --many - --after 10h --node worker.1 --strict > ids 2> ids.err
for ((round = 0; round < rounds; round++)); do
    lines "$running" "{\"pipe\": \"$work/said\"}" | jr enqueue again --many - --node worker.1 --strict > again.out 2>&1
    for ((n = 0; n < running; n++)); do
        said
        [ "$line" = begun ] || { echo "a job ran again before its node was killed" >&2; exit 70; }
    done
    victim=$(pid worker.1)
    begun=${EPOCHREALTIME/./}
    kill -9 "$victim"
    for ((n = 0; n < running; n++)); do
        said
        echo $((line - begun))
    done | sort -n > times
    ready $((round + 2))
    echo "$(head -1 times) $(tail -1 times) $(($(date -d "$line" +%s%6N) - begun))"
done > rounds

row() { # LABEL FIELD
    cut -d' ' -f"$2" rounds | sort -n | awk -v l="$1" '{ v[NR] = $1 / 1000 } END {
        printf "%-40s p50 %6.1f ms   least %6.1f ms   most %6.1f ms   (%d rounds)\n", l, v[int((NR + 1) / 2)], v[1],
            v[NR], NR }'
}
echo "$(getconf _NPROCESSORS_ONLN) cores; $stored jobs stored, $running running, $before gone before"
row "kill -9 to the first job running again" 1
row "kill -9 to the last of them" 2
row "kill -9 to recovered n/n" 3
