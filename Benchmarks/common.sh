# shellcheck shell=bash disable=SC2154
# What the two run.sh, which measure something of ours and its peers in turn, have in common. They source it, and have
# set: all (the names of the peers), peers (those that are wanted), output, quick, here, rounds.

wrong() { # MESSAGE
    echo "run.sh: $1" >&2
    exit 64
}

needed() { # MESSAGE: what is missing here
    echo "run.sh: $1" >&2
    exit 69
}

# Checks what was asked for, and fills in what was not.
check_peers() {
    local each
    [[ $rounds =~ ^[1-9][0-9]*$ ]] || wrong "--rounds takes a number of 1 or more, not '$rounds'"
    for each in "${peers[@]}"; do
        [[ " ${all[*]} " == *" $each "* ]] || wrong "there is no peer '$each'; there are: ${all[*]}"
    done
    if [ ${#peers[@]} = 0 ]; then
        peers=("${all[@]}")
        [ -n "$output$quick" ] || output=$here/results.md
    fi
    command -v python3 > /dev/null || needed "there is no python3, which makes the tables"
}

child=''
begin_work() { # a folder for everything, removed at the end together with the child that runs then
    work=$(mktemp -d)
    trap end_work EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

end_work() {
    if [ -n "$child" ]; then
        kill -TERM "$child" 2> "$work/kill.err" || true
        wait "$child" || true
    fi
    rm -rf "$work"
}

# Runs a command that is told when this script is ended.
attended() { # COMMAND...
    local status=0
    "$@" &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

mark() { awk '/^cpu / { print $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

load() { cut -d' ' -f1 /proc/loadavg >> "$work/loads"; }

fact() { printf '%s\t%s\n' "$1" "$2" >> "$work/facts"; }

facts_of_machine() { # FOLDER: of which repository
    fact date "$(date -u +%Y-%m-%d)"
    fact cores "$(getconf _NPROCESSORS_ONLN)"
    fact processor "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)"
    fact kernel "$(uname -sr)"
    fact file-system "$(df --output=fstype "$work" | tail -1)"
    fact rounds "$rounds"
    fact commit "$(git -C "$1" rev-parse --short HEAD 2> "$work/git.err" || true)"
}

# What has become of it, in Markdown.
report() {
    load
    python3 "$here/report.py" "$work" > "$work/table"
    if [ -n "$output" ]; then cp "$work/table" "$output"; fi
    cat "$work/table"
}
