#!/usr/bin/env bash
# PyPI's Celery with Redis in memory: one process that runs jobs itself (`--pool solo`).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=("memory|memory|3000|1000|Celery")

install() {
    debian redis-server redis-server
    python 'celery[redis]'
}

version() {
    python_versions celery redis
    redis-server --version | sed 's/.*v=\([^ ]*\).*/Redis \1/'
}

begin() { # ROW WINDOW
    redis_server memory
    export PEERS_REDIS_PORT=$port PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
    local options=(--pool solo --loglevel WARNING --without-gossip --without-mingle --without-heartbeat)
    start worker "$work/$name/bin/celery" -A celery_app worker "${options[@]}"
}

produce() { # ROW WINDOW JOBS NAME=SESSION...
    application=("$work/$name/bin/python" "$here/python_app.py" celery_app "$2" "$3" "${@:4}")
}

peer "$@"
