#!/usr/bin/env bash
# JobReactor and its peers in turn, on this machine, and a table of the medians (swift build -c release first).
#
#     Benchmarks/peers/run.sh [--quick] [--rounds COUNT] [--output FILE] [PEER...]
#
# PEER is bare, redis, beanstalkd, gearman, sidekiq, dramatiq, huey or celery; without any, all. Prints the table in
# Markdown, and writes it to FILE; without FILE and --quick and with all peers, to Benchmarks/peers/results.md. --quick
# makes one round with a tenth of the jobs, which only shows that everything works. JR names another `jr` than the
# release build.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all=(bare redis gearman beanstalkd sidekiq dramatiq huey celery)
peers=() rounds=5 quick='' output=''
# shellcheck source=../common.sh
source "$here/../common.sh"

while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=yes ;;
        --rounds) rounds=${2:-} && shift ;;
        --output) output=${2:-} && shift ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" && exit ;;
        -*) wrong "unknown option '$1'; there are --quick, --rounds COUNT and --output FILE" ;;
        *) peers+=("$1") ;;
    esac
    shift
done
check_peers
if [ -n "$quick" ]; then
    rounds=1
    export PEERS_SCALE=10
fi
begin_work
export PEERS_WORK=$work

# A script of a peer. What it says on standard error, is kept.
of_peer() { # PEER ARGUMENT...
    attended "$here/$1.sh" "${@:2}" 2> "$work/said"
}

# Ours must be there; a peer that is not is a line of the result.
of_peer jobreactor --install || { cat "$work/said" >&2; exit 69; }
present=(jobreactor)
for peer in "${peers[@]}"; do
    echo "installing $peer" >&2
    if of_peer "$peer" --install >&2; then
        present+=("$peer")
    else
        printf '%s\t%s\n' "$peer" "$(tail -1 "$work/said")" >> "$work/missing"
    fi
done

facts_of_machine "$here"
if [ -n "${JR:-}" ]; then fact commit ''; fi
for peer in "${present[@]}"; do
    of_peer "$peer" --rows | sed "s/^/$peer|/" >> "$work/rows"
    printf '%s\t%s\n' "$peer" "$(of_peer "$peer" --version | paste -sd ';')" >> "$work/versions"
done
total=$((rounds * $(wc -l < "$work/rows"))) done=0
fact before "$(mark)"
for ((round = 1; round <= rounds; round++)); do
    load
    # What a synced write of 4 KiB takes, 200 times.
    dd if=/dev/zero of="$work/disk" bs=4k count=200 oflag=dsync 2>&1 | awk '/copied/ { print $(NF - 3) / 200 * 1e6 }' \
        >> "$work/disk-times"
    while IFS='|' read -r peer row rest; do
        done=$((done + 1))
        echo "$done of $total: $peer $row" >&2
        of_peer "$peer" --measure "$row" < /dev/null >> "$work/lines" \
            || printf '%s\t%s\n' "$peer" "$(tail -1 "$work/said")" >> "$work/failed"
    done < "$work/rows"
done
fact after "$(mark)"
report
