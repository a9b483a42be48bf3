#!/usr/bin/env bash
# JobReactor itself, by `jr bench`: an application with the distributor in it, and one node that keeps and runs jobs.
# $JR is the program; without it, the release build of this checkout.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

jr=${JR:-$(cd "$here/../.." && pwd)/.build/release/jr}
rows=(
    "memory|memory|300000|10000|JobReactor"
    "interval|interval|200000|10000|JobReactor, journal, sync interval"
    "always|always|200000|2000|JobReactor, journal, sync always"
)

install() { [ -x "$jr" ] || give_up "there is no $jr: run 'swift build -c release' first, or name it in JR"; }

version() { "$jr" --version; }

begin() { :; }

produce() { # ROW WINDOW JOBS
    local kind=throughput storage=(--storage memory)
    # Of one job at a time it has a benchmark of its own.
    if [ "$2" = 1 ]; then kind=latency; fi
    if [ "$1" != memory ]; then storage=(--storage journal --sync "$1"); fi
    application=(env TMPDIR="$dir" "$jr" bench "$kind" --jobs "$3" "${storage[@]}" --json)
    if [ "$2" != 1 ]; then application+=(--window "$2"); fi
}

peer "$@"
