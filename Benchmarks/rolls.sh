#!/usr/bin/env bash
# Rolling restarts of a cluster under a constant load, by release programs (swift build -c release); needs python3.
#
#     Benchmarks/rolls.sh [ROLLS [RATE]]
#
# Three nodes, with journals that sync always, are restarted one after the other ROLLS times (50), while RATE jobs a
# second (2,000) come in whatever becomes of them. Each job notes in a file that it runs. Prints how many jobs there
# were, how many were lost, failed and ran twice, and how long they took from the enqueue to the word of their end.
set -euo pipefail
export LC_ALL=C
rolls=${1:-50} rate=${2:-2000}
# shellcheck source=cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

cat > jobs/work.swift <<JOB
import Glibc
import JobReactor

let ledger = open("$work/ledger", O_WRONLY | O_CREAT | O_APPEND, 0o600)

job("work") { args in
    let line = Array("\(args["n"]?.int ?? -1)\n".utf8)
    _ = line.withUnsafeBytes { write(ledger, \$0.baseAddress, \$0.count) }
}
JOB
cat > cluster.json <<'MANIFEST'
{
  "name": "rolls",
  "distributors": { "main": { "listen": "127.0.0.1:0" } },
  "nodes": {
    "worker": { "count": 3, "distributors": ["main"], "jobs": "jobs", "storage": { "kind": "journal" }, "ready": "120s" }
  }
}
MANIFEST
jr-supervisor up --detach cluster.json > up.log 2>&1 || { cat up.log; exit 1; }

cat > load.py <<'PYTHON'
import collections, json, os, subprocess, sys, threading, time

rolls, rate = int(sys.argv[1]), int(sys.argv[2])
jr = subprocess.Popen(["jr", "enqueue", "work", "--many", "-", "--wait"], stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, stderr=open("jr.err", "w"))
sent, took, failed, over = [], {}, 0, threading.Event()


def load():
    start = time.monotonic()
    while not over.is_set():
        due = int((time.monotonic() - start) * rate)
        first = len(sent)
        now = time.monotonic()
        sent.extend([now] * (due - first))
        lines = "".join('{"n": %d}\n' % n for n in range(first, due))
        jr.stdin.write(lines.encode())
        jr.stdin.flush()
        time.sleep(0.005)
    jr.stdin.close()


def results():
    global failed
    for line in jr.stdout:
        now = time.monotonic()
        number = json.loads(line).get("n")
        if number is None:
            failed += 1
        else:
            took[number] = now - sent[number]


threads = [threading.Thread(target=load), threading.Thread(target=results)]
for thread in threads:
    thread.start()
begun = time.monotonic()
for number in range(rolls):
    roll = subprocess.run(["jr-supervisor", "restart", "--rolling", "worker"], capture_output=True, text=True)
    if roll.returncode != 0:
        print("roll %d: exit %d: %s%s" % (number + 1, roll.returncode, roll.stderr, roll.stdout))
        break
seconds = time.monotonic() - begun
over.set()
for thread in threads:
    thread.join()
jr.wait()
runs = collections.Counter(int(line) for line in open("ledger"))
lost = len(sent) - len(took) - failed
times = sorted(took.values())
print("%d rolls in %.1f s, %d jobs at %.0f a second: %d lost, %d failed, %d ran twice, %d never" % (
    rolls, seconds, len(sent), len(sent) / seconds, lost, failed, sum(1 for n in runs.values() if n > 1),
    len(sent) - len(runs)))
at = lambda part: times[min(len(times) - 1, int(len(times) * part))] * 1000
print("latency p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, most %.1f ms" % (
    at(0.5), at(0.9), at(0.99), at(0.999), times[-1] * 1000))
sys.exit(0 if lost == failed == 0 else 70)
PYTHON
python3 load.py "$rolls" "$rate"
