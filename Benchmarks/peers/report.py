"""The table of run.sh, from the folder in which it has collected what was measured: report.py FOLDER"""

import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from common import lines, machine, number, pairs

OURS = "jobreactor"
GROUPS = {
    "memory": "In memory",
    "interval": "On the disk now and then: a power cut loses what is not synced yet",
    "always": "On the disk before it is answered",
}
COLUMNS = [
    "", "jobs/s", "× ours", "CPU µs a job", "× ours", "application + server + worker", "alone: p50 µs", "p99 µs",
]


def ratio(value, ours):
    return "" if not ours else number(value / ours)


def processors(line):
    """CPU µs a job of application, server and worker; None for what is not there."""
    if "processes" not in line:
        return tuple(line["cpu"].get(name) for name in ("application", "server", "worker"))
    sums = {True: 0, False: 0}
    for process in line["processes"]:
        used = process["userMicroseconds"] + process["systemMicroseconds"]
        sums[process["name"] == "application"] += used / line["jobs"]
    return sums[True], None, sums[False]


class Row:
    def __init__(self, text, measured):
        self.peer, self.row, self.group, _, _, self.label = text.split("|")
        mine = [line for line in measured if (line["peer"], line["row"]) == (self.peer, self.row)]
        self.runs = [line for line in mine if line["measure"] == "throughput"]
        self.single = [line for line in mine if line["measure"] == "latency"]

    def median(self, key):
        return statistics.median(line[key] for line in self.runs)

    def cells(self, ours):
        rates = [line["jobsPerSecond"] for line in self.runs]
        rate, cpu = self.median("jobsPerSecond"), self.median("cpuMicrosecondsPerJob")
        spread = f" ({number(min(rates))} to {number(max(rates))})" if len(rates) > 1 else ""
        parts = [[part for part in column if part is not None] for column in zip(*map(processors, self.runs))]
        single = [
            number(statistics.median(line[key] for line in self.single)) if self.single else "-"
            for key in ("p50Microseconds", "p99Microseconds")
        ]
        our_rate, our_cpu = (ours.median("jobsPerSecond"), ours.median("cpuMicrosecondsPerJob")) if ours else (0, 0)
        name = f"**{self.label}**" if self.peer == OURS else self.label
        return [
            name, number(rate) + spread, ratio(rate, our_rate), number(cpu), ratio(cpu, our_cpu),
            " + ".join(number(statistics.median(part)) if part else "-" for part in parts), *single,
        ]


def facts():
    known, text = machine("JobReactor")
    disk = [float(line) for line in lines("disk-times")]
    return f"{text}. A synced write of 4 KiB takes {number(statistics.median(disk))} µs."


def main():
    measured = [json.loads(line) for line in lines("lines")]
    rows = [Row(text, measured) for text in lines("rows")]
    print("<!-- Written by Benchmarks/peers/run.sh. -->\n# Figures of JobReactor and its peers\n")
    print("[How they are measured, and what they say](../README.md#beside-its-peers).\n")
    print(facts() + "\n")
    for group, title in GROUPS.items():
        there = [row for row in rows if row.group == group and row.runs]
        if not there:
            continue
        ours = next((row for row in there if row.peer == OURS), None)
        print(f"## {title}\n")
        print("| " + " | ".join(COLUMNS) + " |")
        print("|---" * len(COLUMNS) + "|")
        for row in sorted(there, key=lambda row: -row.median("jobsPerSecond")):
            print("| " + " | ".join(row.cells(ours)) + " |")
        print()
    print("## Versions\n")
    for peer, version in pairs("versions"):
        print(f"- {peer}: {version.replace(';', ', ')}")
    for peer, why in pairs("missing"):
        print(f"- {peer}: **not measured**. {why}")
    failures = pairs("failed")
    for peer, why in sorted(set(map(tuple, failures))):
        print(f"- {peer}: **failed {failures.count([peer, why])} times**. {why}")


if __name__ == "__main__":
    main()
