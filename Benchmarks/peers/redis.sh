#!/usr/bin/env bash
# Redis lists, driven by the bare client of redis.c (see there for batch, single and kept).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=(
    "batch|memory|500000|10000|Redis lists, batches"
    "single|memory|300000|10000|Redis lists, a command a job"
    "kept|memory|300000|10000|Redis lists, kept until done"
    "kept-everysec|interval|200000|10000|Redis lists, kept until done, \`appendfsync everysec\`"
    "batch-always|always|200000|2000|Redis lists, batches, \`appendfsync always\`"
    "kept-always|always|100000|2000|Redis lists, kept until done, \`appendfsync always\`"
)

install() {
    debian redis-server redis-server
    compile redis
}

version() { redis-server --version | sed 's/.*v=\([^ ]*\).*/Redis \1/'; }

begin() { # ROW WINDOW
    case $1 in
        *-*) redis_server "${1#*-}" ;;
        *) redis_server memory ;;
    esac
    start worker "$work/redis.client" work "$port" "${1%-*}" "$2"
}

produce() { # ROW WINDOW JOBS NAME=PID...
    application=("$work/redis.client" produce "$port" "${1%-*}" "$2" "$3" "${@:4}")
}

peer "$@"
