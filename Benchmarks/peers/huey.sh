#!/usr/bin/env bash
# PyPI's Huey with Redis in memory: one process of one thread, its own default.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=("memory|memory|6000|2000|Huey")

install() {
    debian redis-server redis-server
    python huey redis
}

version() {
    python_versions huey redis
    redis-server --version | sed 's/.*v=\([^ ]*\).*/Redis \1/'
}

begin() { # ROW WINDOW
    redis_server memory
    export PEERS_REDIS_PORT=$port PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
    start worker "$work/$name/bin/huey_consumer" huey_app.huey --workers 1 --no-periodic --quiet
}

produce() { # ROW WINDOW JOBS NAME=SESSION...
    application=("$work/$name/bin/python" "$here/python_app.py" huey_app "$2" "$3" "${@:4}")
}

peer "$@"
