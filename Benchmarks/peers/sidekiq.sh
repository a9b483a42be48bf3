#!/usr/bin/env bash
# Debian's Sidekiq with Redis in memory: one process of ten threads, its own default; application in Ruby.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rows=("memory|memory|15000|2000|Sidekiq")

install() {
    debian redis-server redis-server
    debian sidekiq ruby-sidekiq
}

version() {
    ruby -r sidekiq -e 'puts "Sidekiq #{Sidekiq::VERSION}, Ruby #{RUBY_VERSION}"'
    redis-server --version | sed 's/.*v=\([^ ]*\).*/Redis \1/'
}

begin() { # ROW WINDOW
    redis_server memory
    export PEERS_REDIS_PORT=$port
    start worker sidekiq -r "$here/sidekiq_app.rb" -c 10 -q default
}

produce() { # ROW WINDOW JOBS NAME=SESSION...
    application=(ruby "$here/sidekiq_app.rb" "$2" "$3" "${@:4}")
}

peer "$@"
