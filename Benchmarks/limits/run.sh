#!/usr/bin/env bash
# JobReactor beside the limit of this machine: two bare processes in C that pass, and store, as many bytes a job.
#
#     Benchmarks/limits/run.sh [--quick] [--rounds COUNT]       after swift build -c release
#
# The same rows are in the table of all peers, which Benchmarks/peers/run.sh makes.
exec "$(dirname "${BASH_SOURCE[0]}")/../peers/run.sh" "$@" bare
