#!/usr/bin/env bash
# First figures of a cluster of release programs (swift build -c release): a distributor and two nodes.
#
#     Benchmarks/first-figures.sh [JOBS [ROUNDS]]
#
# Prints how many trivial jobs a second go from `jr enqueue --many - --wait` through to their results and what CPU a job
# takes, for jobs in memory and for each sync mode of the journal; and how long it is from `kill -9` of a node to its
# first stored job running again.
set -euo pipefail
export LC_ALL=C
jobs=${1:-200000} rounds=${2:-20}
bin=${JR_BIN:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/release}
if [ ! -x "$bin/jr-supervisor" ]; then
    echo "there is no $bin/jr-supervisor: run 'swift build -c release' first" >&2
    exit 69
fi
export PATH=$bin:$PATH
work=$(mktemp -d)
trap 'cd "$work" && jr-supervisor down --now > down.log 2>&1 || true; rm -rf "$work"' EXIT
cd "$work"
unset JR_URL

mkdir jobs
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

up() { # STORAGE
    # The back-off is not what is measured, so no death counts against the next start.
    cat > cluster.json <<MANIFEST
{
  "name": "figures",
  "distributors": { "main": { "listen": "127.0.0.1:0" } },
  "nodes": { "worker": { "count": 2, "distributors": ["main"], "jobs": "jobs", "storage": $1, "ready": "120s" } },
  "defaults": { "backoff": { "resetAfter": "0ms" }, "crashLoop": { "count": 1000, "within": "1s" } }
}
MANIFEST
    jr-supervisor up --detach cluster.json > up.log 2>&1 || { cat up.log; exit 1; }
}

down() { jr-supervisor down > down.log 2>&1 || { cat down.log; exit 1; }; }

pid() { # NAME
    jr-supervisor status --json | tr -d ' \n' | grep -o "\"name\":\"$1\"[^}]*" | grep -o '"pid":[0-9]*' | cut -d: -f2
}

lines() { awk -v n="$1" 'BEGIN { while (n-- > 0) print "{\"n\": 1}" }'; } # COUNT

ticks() { # NAME...: clock ticks of user and system time so far
    local name sum=0 stat
    for name; do
        stat=$(< "/proc/$(pid "$name")/stat")
        set -- ${stat##*) }
        sum=$((sum + ${12} + ${13}))
    done
    echo "$sum"
}

throughput() { # LABEL
    local instances=(main.1 worker.1 worker.2) before after begun ended micros cpu user sys own tick
    tick=$((1000000 / $(getconf CLK_TCK)))
    lines 2000 | jr enqueue trivial --many - --wait > warm.out 2> warm.err
    lines "$jobs" > input
    before=$(ticks "${instances[@]}")
    begun=${EPOCHREALTIME/./}
    TIMEFORMAT='%U %S'
    { time jr enqueue trivial --many - --wait < input > results 2> many.err; } 2> times
    ended=${EPOCHREALTIME/./}
    after=$(ticks "${instances[@]}")
    [ "$(grep -c '"done":true' results)" = "$jobs" ] || { echo "not every job has its result" >&2; exit 70; }
    read -r user sys < times
    micros=$((ended - begun))
    cpu=$(((after - before) * tick))
    own=$(awk "BEGIN { print int(($user + $sys) * 1000000) }")
    awk -v l="$1" -v n="$jobs" -v t="$micros" -v c="$cpu" -v o="$own" 'BEGIN {
        printf "%-34s %9.0f jobs/s   CPU a job: cluster %5.1f us, jr %5.1f us\n", l, n / t * 1e6, c / n, o / n }'
}

killed() { # LABEL STORED
    local round line begun victim
    if [ "$2" -gt 0 ]; then
        lines "$2" | jr enqueue trivial --many - --after 10h --node worker.1 --strict > ids 2> ids.err
    fi
    for ((round = 0; round < rounds; round++)); do
        jr enqueue again "pipe=$work/said" --node worker.1 --strict > again.out
        read -r -t 60 line <&3 && [ "$line" = begun ] || { echo "the job did not begin: ${line:-}" >&2; exit 70; }
        victim=$(pid worker.1)
        begun=${EPOCHREALTIME/./}
        kill -9 "$victim"
        read -r -t 60 line <&3 || { echo "the job did not run again" >&2; exit 70; }
        echo $((line - begun))
    done | sort -n > rounds
    awk -v l="$1" '{ v[NR] = $1 / 1000 } END {
        printf "%-34s p50 %6.1f ms   least %6.1f ms   most %6.1f ms   (%d rounds)\n", l, v[int((NR + 1) / 2)], v[1],
            v[NR], NR }' rounds
}

echo "$(getconf _NPROCESSORS_ONLN) cores, $jobs jobs of {\"n\": 1}, 2 nodes"
up '{ "kind": "memory" }'
throughput "memory"
down
for sync in never interval always; do
    up "{ \"kind\": \"journal\", \"sync\": \"$sync\" }"
    throughput "journal, sync $sync"
    if [ $sync = always ]; then
        killed "kill -9 to running again" 0
        killed "the same, 10,000 jobs stored" 10000
    fi
    down
done
