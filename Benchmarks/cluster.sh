# shellcheck shell=bash
# What measures a cluster of release programs begins with: it sources this, and is in a folder of its own then, with a
# folder for jobs, in which `jr-supervisor` and `jr` are the release programs. Cluster and folder are gone at its end.

bin=${JR_BIN:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/release}
if [ ! -x "$bin/jr-supervisor" ]; then
    echo "there is no $bin/jr-supervisor: run 'swift build -c release' first" >&2
    exit 69
fi
export PATH=$bin:$PATH
work=$(mktemp -d)
trap 'cd "$work" && jr-supervisor down --now > down.log 2>&1 || true; rm -rf "$work"' EXIT
cd "$work"
unset JR_URL
mkdir jobs
