#!/usr/bin/env bash
# Gearman, driven by the bare client of gearman.c, with gearmand's default of four threads and with one.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=(
    "four|memory|500000|5000|Gearman"
    "one|memory|1000000|5000|Gearman, one thread"
)

install() {
    debian gearmand gearman-job-server
    compile gearman
}

version() { gearmand --version | sed -n 's/.*gearmand \([^ ]*\).*/gearmand \1/p'; }

begin() { # ROW WINDOW
    local options=()
    if [ "$1" = one ]; then options=(--threads 1); fi
    free_port
    start server gearmand --listen 127.0.0.1 --port "$port" --log-file none "${options[@]}"
    listening server
    start worker "$work/gearman.client" work "$port" "$1" "$2"
}

produce() { # ROW WINDOW JOBS NAME=PID...
    application=("$work/gearman.client" produce "$port" "$1" "$2" "$3" "${@:4}")
}

peer "$@"
