#!/usr/bin/env bash
# First figures of a cluster of release programs (swift build -c release): a distributor and two nodes.
#
#     Benchmarks/first-figures.sh [JOBS]
#
# Prints how many trivial jobs a second go from `jr enqueue --many - --wait` through to their results and what CPU a job
# takes, for jobs in memory and for each sync mode of the journal.
set -euo pipefail
export LC_ALL=C
jobs=${1:-200000}
# shellcheck source=cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

cat > jobs/trivial.swift <<'JOB'
import JobReactor

job("trivial") { args in args["done"] = true }
JOB

up() { # STORAGE
    cat > cluster.json <<MANIFEST
{
  "name": "figures",
  "distributors": { "main": { "listen": "127.0.0.1:0" } },
  "nodes": { "worker": { "count": 2, "distributors": ["main"], "jobs": "jobs", "storage": $1, "ready": "120s" } }
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

echo "$(getconf _NPROCESSORS_ONLN) cores, $jobs jobs of {\"n\": 1}, 2 nodes"
up '{ "kind": "memory" }'
throughput "memory"
down
for sync in never interval always; do
    up "{ \"kind\": \"journal\", \"sync\": \"$sync\" }"
    throughput "journal, sync $sync"
    down
done
