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

wrong() {
    echo "run.sh: $1" >&2
    exit 64
}

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
[[ $rounds =~ ^[1-9][0-9]*$ ]] || wrong "--rounds takes a number of 1 or more, not '$rounds'"
for peer in "${peers[@]}"; do
    [[ " ${all[*]} " == *" $peer "* ]] || wrong "there is no peer '$peer'; there are: ${all[*]}"
done
if [ ${#peers[@]} = 0 ]; then
    peers=("${all[@]}")
    [ -n "$output$quick" ] || output=$here/results.md
fi
if [ -n "$quick" ]; then
    rounds=1
    export PEERS_SCALE=10
fi
command -v python3 > /dev/null || { echo "run.sh: there is no python3, which makes the table" >&2; exit 69; }

work=$(mktemp -d)
export PEERS_WORK=$work
child=''
finish() {
    if [ -n "$child" ]; then
        kill -TERM "$child" 2> "$work/kill.err" || true
        wait "$child" || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A script of a peer, which is told when this one is ended. What it says on standard error, is kept.
of_peer() { # PEER ARGUMENT...
    local status=0
    "$here/$1.sh" "${@:2}" 2> "$work/said" &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

mark() { awk '/^cpu / { print $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

fact() { printf '%s\t%s\n' "$1" "$2" >> "$work/facts"; }

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

fact date "$(date -u +%Y-%m-%d)"
fact cores "$(getconf _NPROCESSORS_ONLN)"
fact processor "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)"
fact kernel "$(uname -sr)"
fact file-system "$(df --output=fstype "$work" | tail -1)"
fact rounds "$rounds"
if [ -z "${JR:-}" ]; then fact commit "$(git -C "$here" rev-parse --short HEAD 2> "$work/git.err" || true)"; fi
for peer in "${present[@]}"; do
    of_peer "$peer" --rows | sed "s/^/$peer|/" >> "$work/rows"
    printf '%s\t%s\n' "$peer" "$(of_peer "$peer" --version | paste -sd ';')" >> "$work/versions"
done
total=$((rounds * $(wc -l < "$work/rows"))) done=0
fact before "$(mark)"
for ((round = 1; round <= rounds; round++)); do
    cut -d' ' -f1 /proc/loadavg >> "$work/loads"
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
cut -d' ' -f1 /proc/loadavg >> "$work/loads"
python3 "$here/report.py" "$work" > "$work/table"
if [ -n "$output" ]; then cp "$work/table" "$output"; fi
cat "$work/table"
