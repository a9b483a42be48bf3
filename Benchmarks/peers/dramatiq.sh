#!/usr/bin/env bash
# PyPI's Dramatiq with Redis in memory: one process of eight threads, its own default.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=("memory|memory|5000|200|Dramatiq")

install() {
    debian redis-server redis-server
    python 'dramatiq[redis]'
}

version() {
    python_versions dramatiq redis
    redis-server --version | sed 's/.*v=\([^ ]*\).*/Redis \1/'
}

begin() { # ROW WINDOW
    redis_server memory
    export PEERS_REDIS_PORT=$port PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
    start worker "$work/$name/bin/dramatiq" dramatiq_app --processes 1 --threads 8
}

produce() { # ROW WINDOW JOBS NAME=SESSION...
    application=("$work/$name/bin/python" "$here/python_app.py" dramatiq_app "$2" "$3" "${@:4}")
}

peer "$@"
