"""The table of goals.sh, out of the results that its parts have written: goals.py BENCHMARKS FOLDER"""

import datetime
import json
import os
import re
import statistics
import subprocess
import sys

HERE, WORK = sys.argv[1:3]


def rows(path):
    """By section the rows of a page, each a list of cells."""
    sections, section = {}, ""
    for line in open(os.path.join(HERE, path)):
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.startswith("|") and not line.startswith("|--") and not line.startswith("|  |"):
            sections.setdefault(section, []).append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return sections


def section(page, start):
    return next(found for title, found in page.items() if title.startswith(start))


def value(cell):
    found = re.match(r"[\d,.]+", cell)
    return float(found[0].replace(",", "")) if found else None


def ours(table, column):
    return next(row[column] for row in table if row[0].startswith("**"))


def best(table, column, highest, without=()):
    """The best of the peers, with its name."""
    there = [row for row in table if not row[0].startswith("**") and value(row[column]) is not None]
    there = [row for row in there if not any(word in row[0] for word in without)]
    found = (max if highest else min)(there, key=lambda row: value(row[column]))
    return f"{found[column].split(' (')[0]} ({found[0]})"


RUNS = [json.loads(line) for line in open(os.path.join(WORK, "runs"))]


def bare(table, column):
    """What two bare processes reach that pass and store the same bytes, and do nothing else."""
    return next((row[column].split(" (")[0] for row in table if "bare" in row[0]), "")


def measured(benchmark, key):
    return statistics.median(run[key] for run in RUNS if run["benchmark"] == benchmark)


def restart():
    line = next(line for line in open(os.path.join(WORK, "restart")) if "first job" in line)
    return float(re.search(r"p50 +([\d.]+)", line)[1])


def table():
    peers, supervisors = rows("peers/results.md"), rows("supervisors/results.md")
    memory, always = section(peers, "In memory"), section(peers, "On the disk before")
    again, start = section(supervisors, "Restart"), section(supervisors, "Start")
    rest, log = section(supervisors, "At rest"), section(supervisors, "Log of one")
    stubborn = section(supervisors, "Stop of 100")
    blocked = re.search(r"full pipe: p50 ([\d.]+)", open(os.path.join(HERE, "supervisors/results.md")).read())[1]
    no = ["bare"]
    # What, ours, goal, whether more is better, the best peer of the same run, what two bare processes reach.
    return [
        ("memory: jobs/s", ours(memory, 1), 1_000_000, True, best(memory, 1, True, no), bare(memory, 1)),
        (
            "memory: CPU µs a job, all processes", ours(memory, 3), 1.5, False, best(memory, 3, False, no),
            bare(memory, 3),
        ),
        (
            "synced before each answer: jobs/s", ours(always, 1), 300_000, True, best(always, 1, True, no),
            bare(always, 1),
        ),
        (
            "one at a time, beside its peers: p50 µs", ours(memory, 6), 60, False, best(memory, 6, False, no),
            bare(memory, 6),
        ),
        ("one at a time, by itself: p50 µs", measured("latency", "p50Microseconds"), 60, False, ""),
        ("20,000 enqueued at once: ms", measured("burst", "enqueueMicroseconds") / 1e3, 100, False, ""),
        ("1,000,000 that wait, in a distributor: bytes each", measured("memory", "bytesPerWaitingJob"), 200, False, ""),
        ("1,000,000 that wait, on a node: bytes each", measured("memory", "bytesPerJob"), 200, False, ""),
        ("10,000 due in a second of 1,000,000: p99 ms late", measured("timers", "p99Microseconds") / 1e3, 5, False, ""),
        ("node killed to first stored job, 10,000 stored: p50 ms", restart(), 50, False, ""),
        ("child killed to running again: p50 ms", ours(again, 1), 3, False, best(again, 1, False)),
        ("the same: p99 ms", ours(again, 2), 20, False, best(again, 2, False)),
        ("the same, console blocked: p50 ms", blocked, 10, False, ""),
        ("100 up: ms", ours(start, 1), 100, False, best(start, 1, False)),
        ("1,000 up: ms", ours(start, 3), 1_500, False, best(start, 3, False)),
        ("at rest with 100: RSS MB", ours(rest, 2), 9, False, best(rest, 2, False)),
        ("at rest with 100: wake-ups a second", ours(rest, 5), 0, False, best(rest, 5, False)),
        ("log with time: MB/s", ours(log, 1), 250, True, best(log, 1, True, ["supervisord"])),
        ("100 that ignore TERM, 1 s grace: ms", ours(stubborn, 3), 1_300, False, best(stubborn, 3, False)),
    ]


def show(number):
    if isinstance(number, str):
        return number.split(" (")[0]
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


head = ["git", "-C", HERE, "rev-parse", "--short", "HEAD"]
commit = subprocess.run(head, capture_output=True, text=True).stdout
print("<!-- Written by Benchmarks/goals.sh. -->\n# Goals, and where we are\n")
print(
    f"{datetime.date.today()}, {os.cpu_count()} cores, commit {commit.strip()}. Machine and methods stand with the "
    "parts: [peers](peers/results.md),\n[supervisors](supervisors/results.md), [all](README.md). What limits those that "
    "are not reached:\n[performance](../docs/performance.md).\n")
print("| What | ours | goal | reached | best peer of the same run | two bare processes |")
print("|---" * 6 + "|")
for what, found, goal, isMore, peer, *limit in table():
    number = value(found) if isinstance(found, str) else found
    isReached = number >= goal if isMore else number <= goal
    sign = "at least" if isMore else "at most"
    cells = [what, show(found), f"{sign} {show(goal)}", "yes" if isReached else "**no**", peer, "".join(limit)]
    print("| " + " | ".join(cells) + " |")
