# shellcheck shell=bash
# What the scripts of the peers have in common; each sources this file, defines the following and ends with `peer "$@"`:
#
#     rows      "ROW|GROUP|JOBS|JOBS OF LATENCY|LABEL" for each way to run it; GROUP is what stored means: memory,
#               interval or always
#     install   installs what is needed, or fails with one line that says why it cannot
#     version   prints the versions
#     begin     ROW WINDOW: starts the server as `server` and the worker as `worker`, at $port and in $dir
#     produce   ROW WINDOW JOBS NAME=PID...: the command of the application, in the array `application`
#
#     Benchmarks/peers/PEER.sh [ROW...]     installs the peer, measures its rows once, and prints lines of JSON
#     Benchmarks/peers/PEER.sh --rows | --install | --version | --measure ROW...     as run.sh calls it
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$(basename "$0" .sh)
window=${PEERS_WINDOW:-1000}
# run.sh has one folder for all; otherwise it is this script's own.
work=${PEERS_WORK:-$(mktemp -d)}
dir=$work
declare -A started=()

# Nothing outlives the script: what it has started is killed with its group, or by the kernel if the script itself is.
start() { # NAME COMMAND...
    setsid setpriv --pdeathsig KILL "${@:2}" < /dev/null > "$dir/$1.out" 2> "$dir/$1.err" &
    started[$1]=$!
}

stop() { # NAME...
    local each
    for each; do
        [ -n "${started[$each]:-}" ] || continue
        { kill -KILL -- "-${started[$each]}" || kill -KILL "${started[$each]}" || true; } 2> "$work/kill.err"
        { wait "${started[$each]}" || true; } 2> "$work/kill.err"
        unset "started[$each]"
    done
}

finish() {
    stop "${!started[@]}"
    if [ -z "${PEERS_WORK:-}" ]; then rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

give_up() { # MESSAGE
    echo "$name: $1" >&2
    exit 69
}

# MARK: Installing

debian() { # COMMAND PACKAGE
    if command -v "$1" > /dev/null; then return; fi
    apt "$2"
    command -v "$1" > /dev/null || give_up "Debian's $2 is there, but no $1"
}

apt() { # PACKAGE
    if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
        give_up "Debian's $1 is missing: install it, or run this as root where there is apt-get"
    fi
    # Its service is not to start; the scripts start servers of their own.
    local install=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends)
    { apt-get update && "${install[@]}" "$1"; } > "$work/apt.log" 2>&1 \
        || give_up "Debian's $1 cannot be installed: $(tail -1 "$work/apt.log")"
}

python() { # PACKAGE...: into an environment of its own, $work/$name
    local interpreter=${PYTHON:-python3}
    debian "$interpreter" python3
    # On Debian a python3 may come without what makes environments.
    "$interpreter" -c 'import ensurepip' 2> "$work/pip.log" || apt python3-venv
    "$interpreter" -m venv "$work/$name" > "$work/pip.log" 2>&1 \
        || give_up "$interpreter makes no environment: $(tail -1 "$work/pip.log")"
    "$work/$name/bin/pip" install -q --disable-pip-version-check "$@" > "$work/pip.log" 2>&1 \
        || give_up "PyPI's $* cannot be installed: $(tail -1 "$work/pip.log")"
}

python_versions() { # PACKAGE...
    "$work/$name/bin/python" -c '
import platform, sys
from importlib.metadata import version
print(", ".join(f"{each} {version(each)}" for each in sys.argv[1:]) + ", Python " + platform.python_version())' "$@"
}

compile() { # NAME: of NAME.c, to $work/NAME.client
    local compiler
    for compiler in "${CC:-cc}" gcc clang; do
        command -v "$compiler" > /dev/null || continue
        "$compiler" -O2 -Wall -Wextra -Werror -o "$work/$1.client" "$here/$1.c" 2> "$work/cc.log" \
            || give_up "$1.c cannot be compiled: $(head -3 "$work/cc.log")"
        return
    done
    give_up "there is no C compiler: install gcc or clang"
}

# MARK: Servers

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> "$work/connect.err"; } # PORT

# A port that nobody listens at, below those that the kernel gives to connections.
free_port() {
    port=$((20000 + RANDOM % 12000))
    while answers "$port"; do port=$((20000 + RANDOM % 12000)); done
}

listening() { # NAME: waits until the process that was started with it listens at $port
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        if answers "$port"; then return; fi
        kill -0 "${started[$1]}" 2> "$work/kill.err" || break
        sleep 0.025
    done
    give_up "the $1 does not listen: $(tail -1 "$dir/$1.out") $(tail -1 "$dir/$1.err")"
}

redis_server() { # no | everysec | always: when what it stores reaches the disk; with 'memory', never
    free_port
    local options=(--bind 127.0.0.1 --port "$port" --dir "$dir" --save '')
    if [ "$1" != memory ]; then options+=(--appendonly yes --appendfsync "$1" --auto-aof-rewrite-percentage 0); fi
    start server redis-server "${options[@]}"
    listening server
}

# MARK: Measuring

# What stands in the entry of a row: 1 ROW, 2 GROUP, 3 JOBS, 4 JOBS OF LATENCY, 5 LABEL.
row_field() { # ROW NUMBER
    local each
    for each in "${rows[@]}"; do
        if [ "${each%%|*}" = "$1" ]; then cut -d'|' -f"$2" <<< "$each" && return; fi
    done
    give_up "there is no row '$1'; there are: $(printf '%s\n' "${rows[@]}" | cut -d'|' -f1 | tr '\n' ' ')"
}

measure_one() { # ROW MEASURE WINDOW JOBS
    local each processes=() application=()
    dir=$(mktemp -d "$work/run.XXXXXX")
    begin "$1" "$3"
    for each in "${!started[@]}"; do processes+=("$each=${started[$each]}"); done
    produce "$1" "$3" "$4" "${processes[@]}"
    start application timeout "${PEERS_TIMEOUT:-300}" "${application[@]}"
    wait "${started[application]}" \
        || give_up "$1, $2: the application failed: $(tail -1 "$dir/application.err") $(tail -1 "$dir/worker.err")"
    sed "s/^{/{\"peer\":\"$name\",\"row\":\"$1\",\"measure\":\"$2\",/" "$dir/application.out"
    stop "${!started[@]}"
    rm -rf "$dir"
    dir=$work
}

measure() { # ROW
    local scale=${PEERS_SCALE:-1} jobs latency
    jobs=$(row_field "$1" 3)
    latency=$(row_field "$1" 4)
    measure_one "$1" throughput "$window" $((jobs / scale))
    measure_one "$1" latency 1 $((latency / scale))
}

peer() {
    local row
    case ${1:-} in
        --rows) printf '%s\n' "${rows[@]}" ;;
        --install) install ;;
        --version) version ;;
        --measure) for row in "${@:2}"; do measure "$row"; done ;;
        -*) give_up "unknown option '$1'" ;;
        *)
            install
            if [ $# = 0 ]; then mapfile -t rows_wanted < <(printf '%s\n' "${rows[@]}" | cut -d'|' -f1); fi
            for row in "${@:-${rows_wanted[@]}}"; do measure "$row"; done
            ;;
    esac
}
