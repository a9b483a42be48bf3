#!/usr/bin/env bash
# Compiles an example, a file or a folder of files, against the library and runs it:
#     scripts/example.sh Examples/programs/typed.swift
# BUILT names a folder in which the library is built already.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ ! -e ${1:-} ]]; then
    echo "usage: scripts/example.sh PATH [ARGUMENT...], where PATH is for instance one of:" >&2
    printf '  %s\n' "$root"/Examples/programs/*.swift >&2
    exit 64
fi
if [[ -z ${BUILT:-} ]]; then
    swift build --package-path "$root" --target JobReactorTesting >&2
    BUILT=$(swift build --package-path "$root" --show-bin-path)
fi

objects=("$BUILT"/CJR{Checksum,Linux}.build/*.o)
for module in "$root"/Sources/J*/; do
    # What an application links; of the objects, those whose sources are still there.
    case $module in */JRSupervis* | */JRManifest/ | */JRChaos/ | */JRCommandLine/) continue ;; esac
    map=$BUILT/$(basename "$module").build/output-file-map.json
    readarray -t -O "${#objects[@]}" objects < <(grep -o '"object": *"[^"]*"' "$map" | cut -d '"' -f 4)
done

sources=("$1")
if [[ -d $1 ]]; then sources=("$1"/*.swift); fi
program=$BUILT/examples/$(basename "$1" .swift)
if [[ ! -x $program || -n $(find "${sources[@]}" "${objects[@]}" -newer "$program") ]]; then
    mkdir -p "$BUILT/examples"
    # Two that compile the same at once both end with a whole program. The libraries are named because the toolchain's
    # own list of them (from the objects, by swift-autolink-extract) was once found empty on a busy machine.
    swiftc -swift-version 6 -warnings-as-errors -module-name Example -I "$BUILT/Modules" \
        -Xcc "-fmodule-map-file=$BUILT/CJRChecksum.build/module.modulemap" \
        -Xcc "-fmodule-map-file=$BUILT/CJRLinux.build/module.modulemap" \
        -lswift_Concurrency -lswift_StringProcessing -lswift_RegexParser -lswiftSynchronization \
        -lswiftSwiftOnoneSupport -lswiftGlibc -lm \
        "${objects[@]}" "${sources[@]}" -o "$program.$$"
    mv "$program.$$" "$program"
fi
exec "$program" "${@:2}"
