"""The tables of run.sh, from the folder in which it has collected what was measured: report.py FOLDER"""

import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from common import lines, machine, number, pairs

OURS = "jobreactor"
NAMES = {OURS: "**jr-supervisor**", "supervisor": "supervisord", "circus": "circus", "honcho": "honcho"}
#: What stands before each line of a log.
PREFIXES = {
    OURS: "time, stream", "supervisor": "nothing", "circus": "time, pid", "honcho": "time, name",
    "runit": "time", "s6": "time", "daemontools": "time",
}


MEASURED = [json.loads(line) for line in lines("lines")]
PRESENT = [peer for peer, _ in pairs("versions")]


def runs(peer, measure):
    return [line for line in MEASURED if (line["peer"], line["measure"]) == (peer, measure) and "problem" not in line]


def late(peer, measure, key):
    """What stands for a figure that did not come in time."""
    for line in MEASURED:
        if (line["peer"], line["measure"], line.get("late")) == (peer, measure, key):
            return f"not in {line['seconds']:.0f} s"
    return "-"


def median(peer, measure, key):
    there = [line[key] for line in MEASURED if (line["peer"], line["measure"]) == (peer, measure) and key in line]
    return statistics.median(there) if there else None


def shown(value, unit=1):
    return "-" if value is None else number(value / unit)


def compared(value, ours):
    return "" if value is None or not ours else number(value / ours)


def both(peer, measure, key, unit=1):
    """A figure and its ratio to ours."""
    value = median(peer, measure, key)
    if value is None:
        return [late(peer, measure, key), ""]
    return [shown(value, unit), compared(value, median(OURS, measure, key))]


def times(peer, measure):
    return sorted(value for line in runs(peer, measure) for value in line["milliseconds"])


def part(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def table(title, columns, rows, note=""):
    print(f"## {title}\n")
    if note:
        print(note + "\n")
    print("| " + " | ".join(["", *columns]) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for peer, cells in rows:
        print("| " + " | ".join([NAMES.get(peer, peer), *cells]) + " |")
    print()


def restarts():
    rows = []
    ours = statistics.median(times(OURS, "restart")) if times(OURS, "restart") else None
    for peer in PRESENT:
        tuned, default = times(peer, "restart"), times(peer, "restart-default")
        if not tuned and not default:
            rows.append((peer, ["restarts nothing", "", "", "", "", ""]))
            continue
        middle = statistics.median(tuned) if tuned else None
        rows.append((peer, [
            shown(middle), shown(part(tuned, 0.99)), compared(middle, ours), str(len(tuned)),
            shown(statistics.median(default) if default else None), shown(default[-1] if default else None),
        ]))
    order = {peer: statistics.median(times(peer, "restart") or [1e9]) for peer in PRESENT}
    blocked = times(OURS, "restart-blocked")
    note = (
        f"Ours with its console blocked, standard output a full pipe: p50 {number(statistics.median(blocked))} ms, p99 "
        f"{number(part(blocked, 0.99))} ms, of {len(blocked)}.") if blocked else ""
    table(
        "Restart after `kill -9`",
        ["p50 ms", "p99 ms", "× ours", "of so many", "by default, first death: p50 ms", "longest"],
        sorted(rows, key=lambda row: order[row[0]]), note)


def ranked(measure, key, least=True):
    """The peers, the best first; what was not measured comes last."""
    def place(peer):
        value = median(peer, measure, key)
        return float("inf") if value is None else value if least else -value
    return sorted(PRESENT, key=place)


def starts():
    table(
        "Start until all run", ["100: ms", "× ours", "1,000: ms", "× ours"],
        [(peer, both(peer, "many-100", "start") + both(peer, "many-1000", "start"))
         for peer in ranked("many-100", "start")])
    table(
        "Stop",
        ["100: children gone, ms", "× ours", "all gone, ms", "1,000: children gone, ms", "× ours", "all gone, ms"],
        [(peer, both(peer, "many-100", "gone") + [shown(median(peer, "many-100", "stop"))]
          + both(peer, "many-1000", "gone") + [shown(median(peer, "many-1000", "stop"))])
         for peer in ranked("many-100", "gone")])
    table(
        "Stop of 100 that ignore TERM, with a second of grace", ["children gone, ms", "× ours", "all gone, ms"],
        [(peer, both(peer, "stubborn", "gone") + [shown(median(peer, "stubborn", "stop"))])
         for peer in ranked("stubborn", "gone")],
        "honcho's grace is 5 s and cannot be set; daemontools has none: a script waits and kills.")


def rests():
    table(
        "At rest with 100 children", ["processes", "RSS MB", "PSS MB", "× ours", "wake-ups a second"],
        [(peer, [
            shown_count(median(peer, "rest", "processes")), shown(median(peer, "rest", "rss"), 1e6),
            *both(peer, "rest", "pss", 1e6), shown(median(peer, "rest", "wakings")),
        ]) for peer in ranked("rest", "pss")],
        "All processes that are no child.")


def shown_count(value):
    return "-" if value is None else f"{value:.0f}"


def logs():
    rows = []
    for peer in ranked("log", "rate", least=False):
        mine = runs(peer, "log")
        if not mine:
            rows.append((peer, ["-", "", "", "", ""]))
            continue
        lost = max(line["lines"] - line["whole"] for line in mine)
        rows.append((peer, [
            *both(peer, "log", "rate"), PREFIXES.get(peer, "-"), f"{lost:,} of {mine[0]['lines']:,}",
            "yes" if all(line["order"] for line in mine) else "**no**",
        ]))
    table("Log of one child to a file", ["MB/s", "× ours", "before each line", "lost or torn", "in order"], rows)


def orphans():
    rows = []
    for peer in PRESENT:
        mine = runs(peer, "orphans")
        worst = max((line["left"] for line in mine), default=None)
        again = {line["again"] for line in mine}
        rows.append((peer, [
            "-" if worst is None else "no" if worst == 0 else f"yes, {worst}",
            ", ".join(map(str, sorted(again))) or "-",
        ]))
    table(
        "`kill -9` of the supervisor", ["children of 10 left after 2 s", "5 s after it is started again"], rows,
        "More than 10 in the last column: doubles. runit, s6 and daemontools: of the process that watches the folder; "
        "each child has a small supervisor of its own besides, which goes on, as it is meant to.")


def facts():
    known, text = machine("jr-supervisor")
    return (
        f"{text}, ours first and last; at most {known['restarts']} restarts, of each as many as fit in "
        f"{known['limit']} s a round."
    )


def main():
    print("<!-- Written by Benchmarks/supervisors/run.sh. -->\n# Figures of jr-supervisor and its peers\n")
    print("[How they are measured, and what they say](../README.md#supervisors).\n")
    print(facts() + "\n")
    for section in (restarts, starts, rests, logs, orphans):
        section()
    print("## Versions\n")
    for peer, version in pairs("versions"):
        print(f"- {version}")
    for peer, why in pairs("missing"):
        print(f"- {peer}: **not measured**. {why}")
    for line in MEASURED:
        if "problem" in line:
            print(f"- {line['peer']}, {line['measure']}: **failed**. {line['problem']}")
    for peer, why in pairs("failed"):
        print(f"- {peer}: **failed**. {why}")


if __name__ == "__main__":
    main()
