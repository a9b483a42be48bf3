#!/usr/bin/env bash
# No peer, but the limit: two bare processes that pass, and store, as many bytes a job as ours do.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=(
    "memory|memory|2000000|20000|two bare processes, the same bytes"
    "always|always|1000000|2000|two bare processes, the same bytes written and synced"
)

install() { compile bare; }

version() { "${CC:-cc}" --version | head -1; }

begin() { # ROW WINDOW
    free_port
    cd "$dir"
    start worker "$work/bare.client" work "$port" "$1" "$2"
    cd "$OLDPWD"
    listening worker
}

produce() { # ROW WINDOW JOBS NAME=PID...
    application=("$work/bare.client" produce "$port" "$1" "$2" "$3" "${@:4}")
}

peer "$@"
