#!/usr/bin/env bash
# Makes the documentation of the library, .build-docs/JobReactor.doccarchive. Warnings are errors, and so is a public
# symbol without a docstring.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docc=$(command -v docc || true)
if [[ -z $docc ]]; then docc=$(dirname "$(readlink -f "$(command -v swift)")")/docc; fi
if [[ ! -x $docc ]]; then
    echo "scripts/docs.sh: there is no docc in PATH nor beside swift. It is part of Swift's toolchain." >&2
    exit 69
fi

swift build --target JobReactorTesting >&2
built=$(swift build --show-bin-path)
target=$(swift -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p')
folder=.build-docs
rm -rf "$folder/graphs" "$folder/graph"
mkdir -p "$folder/graphs" "$folder/graph"

# The library, and the modules that come with it (Sources/JobReactor/Exports.swift).
for module in JobReactor JobReactorTesting JRBase JRCore JRReactor JRStorage JRSystem JRWire; do
    swift symbolgraph-extract -module-name "$module" -target "$target" -minimum-access-level public \
        -skip-synthesized-members -I "$built/Modules" -output-dir "$folder/graphs" \
        -Xcc "-fmodule-map-file=$built/CJRChecksum.build/module.modulemap" \
        -Xcc "-fmodule-map-file=$built/CJRLinux.build/module.modulemap"
done
swiftc -swift-version 6 scripts/SymbolGraph.swift -o "$folder/SymbolGraph"
"$folder/SymbolGraph" "$folder/graphs" "$folder/graph/JobReactor.symbols.json"

"$docc" convert Sources/JobReactor/JobReactor.docc --additional-symbol-graph-dir "$folder/graph" --warnings-as-errors \
    --fallback-display-name JobReactor --fallback-bundle-identifier JobReactor \
    --output-dir "$folder/JobReactor.doccarchive"
echo "$folder/JobReactor.doccarchive"
