#!/usr/bin/env bash
# beanstalkd, driven by the bare client of beanstalkd.c: in memory, and with its log synced every 50 ms or always.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=(
    "memory|memory|40000|5000|beanstalkd"
    "f50|interval|40000|5000|beanstalkd \`-f 50\`"
    "f0|always|2000|300|beanstalkd \`-f 0\`"
)

install() {
    debian beanstalkd beanstalkd
    compile beanstalkd
}

version() { beanstalkd -v; }

begin() { # ROW WINDOW
    local options=()
    if [ "$1" != memory ]; then
        mkdir "$dir/log"
        options=(-b "$dir/log" -f "${1#f}")
    fi
    free_port
    start server beanstalkd -l 127.0.0.1 -p "$port" "${options[@]}"
    listening server
    start worker "$work/beanstalkd.client" work "$port" "$1" "$2"
}

produce() { # ROW WINDOW JOBS NAME=PID...
    application=("$work/beanstalkd.client" produce "$port" "$1" "$2" "$3" "${@:4}")
}

peer "$@"
