#!/usr/bin/env bash
# jr-supervisor and its peers in turn, on this machine, and tables of the medians (swift build -c release first).
#
#     Benchmarks/supervisors/run.sh [--quick] [--rounds COUNT] [--restarts COUNT] [--limit SECONDS] [--output FILE]
#                                   [PEER...]
#
# PEER is supervisor, circus, honcho, runit, s6 or daemontools; without any, all. Prints the tables in Markdown, and
# writes them to FILE; without FILE and --quick and with all peers, to Benchmarks/supervisors/results.md. --restarts is
# how many restarts are measured in all rounds together, and --limit how many seconds those of one round may take: some
# supervisors wait a second between two. A round takes about nine minutes. --quick makes one round with 20 restarts and a tenth of the log. BIN names
# another folder of our programs than the release build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
place=$here
all=(supervisor circus honcho runit s6 daemontools)
peers=() rounds=1 restarts=200 limit=10 quick='' output=''
# shellcheck source=../common.sh
source "$here/../common.sh"
bin=${BIN:-$here/../../.build/release}

while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=yes ;;
        --rounds) rounds=${2:-} && shift ;;
        --restarts) restarts=${2:-} && shift ;;
        --limit) limit=${2:-} && shift ;;
        --output) output=${2:-} && shift ;;
        -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" && exit ;;
        -*) wrong "unknown option '$1'; there are --quick, --rounds, --restarts, --limit and --output" ;;
        *) peers+=("$1") ;;
    esac
    shift || wrong "the last option has no value"
done
for each in "--restarts $restarts" "--limit $limit"; do
    [[ $each =~ \ [1-9][0-9]*$ ]] || wrong "${each%% *} takes a number of 1 or more, not '${each#* }'"
done
check_peers
scale=1
if [ -n "$quick" ]; then rounds=1 restarts=20 scale=10; fi
[ -x "$bin/jr-supervisor" ] || needed "there is no $bin/jr-supervisor: run 'swift build -c release' first"
bin=$(cd "$bin" && pwd)

begin_work
export PEERS_WORK=$work
# How to install and compile, from the peers of the job systems.
# shellcheck source=../peers/lib.sh
source "$here/../peers/lib.sh"
here=$place
trap end_work EXIT

tools=''
install() { # PEER: in a subshell, as it may give up
    name=$1
    case $1 in
        supervisor | circus | honcho) python "$1" ;;
        runit) debian runsvdir runit ;;
        s6) debian s6-svscan s6 ;;
        daemontools) debian svscan daemontools ;;
    esac
}

version() { # PEER
    name=$1
    case $1 in
        jobreactor) "$bin/jr-supervisor" --version ;;
        supervisor | circus | honcho) python_versions "$1" ;;
        *) echo "$1 $(dpkg-query -W -f '${Version}' "$1" 2> "$work/dpkg.err" || echo 'of this machine')" ;;
    esac
}

tools_of() { # PEER
    case $1 in
        jobreactor) tools=$bin ;;
        supervisor | circus | honcho) tools=$work/$1/bin ;;
        *) tools='' ;;
    esac
}

(name=child && compile child)
present=(jobreactor)
for each in "${peers[@]}"; do
    echo "installing $each" >&2
    if (install "$each") 2> "$work/said"; then
        present+=("$each")
    else
        printf '%s\t%s\n' "$each" "$(tail -1 "$work/said")" >> "$work/missing"
    fi
done

facts_of_machine "$bin"
fact restarts "$restarts"
fact limit "$limit"
for each in "${present[@]}"; do
    printf '%s\t%s\n' "$each" "$(version "$each" | head -1)" >> "$work/versions"
done
fact before "$(mark)"
export PYTHONDONTWRITEBYTECODE=1
for ((round = 1; round <= rounds; round++)); do
    load
    # Ours first and last, as the other work of a machine comes and goes.
    for each in "${present[@]}" jobreactor; do
        echo "round $round of $rounds" >&2
        tools_of "$each"
        # Killed when this script is, and its children with it: they come to it, and it ends them.
        attended setpriv --pdeathsig TERM python3 "$here/measure.py" "$each" "$work/child.client" "$tools" "$work" \
            --restarts $(((restarts + rounds - 1) / rounds)) --limit "$limit" --scale "$scale" >> "$work/lines" \
            || printf '%s\t%s\n' "$each" "the measuring ended with an error" >> "$work/failed"
    done
done
fact after "$(mark)"
report
