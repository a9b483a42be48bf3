#!/usr/bin/env bash
# Where the instructions of a job go, and how often it takes memory: jr bench throughput under valgrind's callgrind,
# for the application (with its distributor) and the node. Instructions are the same on a busy machine as on an idle
# one.
#
#     Benchmarks/profile.sh [STORAGE [FUNCTIONS [FEW MANY]]]
#
# STORAGE is memory or journal; FUNCTIONS is how many of the most expensive ones to list (inclusive of what they call).
# Two runs of different length are made, so that what starting costs cancels out: FEW and MANY jobs, 5,000 and 25,000.
set -euo pipefail
export LC_ALL=C
storage=${1:-memory} functions=${2:-40}
jr=${JR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/release/jr}
for program in valgrind callgrind_annotate strip "$jr"; do
    command -v "$program" > /dev/null || { echo "profile.sh: there is no $program" >&2; exit 69; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Valgrind stumbles over Swift's debug sections; the names of functions are elsewhere.
strip -g -o "$work/jr" "$jr"
few=${3:-5000} many=${4:-25000}
for jobs in "$few" "$many"; do
    valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$work/$jobs.%p" \
        "$work/jr" bench throughput --jobs "$jobs" --storage "$storage" > "$work/$jobs.txt" 2>&1 \
        || { cat "$work/$jobs.txt"; exit 1; }
done

file() { # JOBS application|node
    local found
    for found in "$work/$1".[0-9]*; do
        case $(grep -m1 '^cmd:' "$found") in
            *bench-process*) [ "$2" = node ] && echo "$found" ;;
            *) [ "$2" = application ] && echo "$found" ;;
        esac
    done
    true
}
allocations() { # of memory: calls of the allocator by anything but itself
    awk '
        /^c?fn=/ {
            match($0, /\([0-9]+\)/); number = substr($0, RSTART, RLENGTH)
            if (NF > 1) name[number] = $2
            if (/^cfn=/) callee = name[number]
        }
        /^calls=/ && callee ~ /^(malloc|calloc|realloc|posix_memalign|aligned_alloc)$/ { count += substr($1, 7) }
        END { print count + 0 }' "$1"
}
total() { awk '/^(totals|summary):/ { print $2; exit }' "$1"; }

for process in application node; do
    short=$(file "$few" "$process") long=$(file "$many" "$process")
    hundredths=$((($(allocations "$long") - $(allocations "$short")) * 100 / (many - few)))
    echo "$process: $((($(total "$long") - $(total "$short")) / (many - few))) instructions and" \
        "$((hundredths / 100)).$(printf %02d $((hundredths % 100))) allocations a job"
    callgrind_annotate --inclusive=yes --threshold=100 "$long" 2> /dev/null \
        | sed -n 's/^ *\([0-9,]*\) ( *[0-9.]*%) *[^:]*:\(.*\) \[.*/\1 \2/p' | tr -d ',' \
        | { command -v swift > /dev/null && swift demangle --simplified || cat; } \
        | awk -v jobs="$many" -v most="$functions" '$1 / jobs >= 100 && n++ < most {
            count = $1 / jobs; $1 = ""; printf "%8d %s\n", count, substr($0, 1, 100) }'
done
