"""What the reports of the two run.sh have in common: reading what was collected, and how it is written down."""

import os
import sys

FOLDER = sys.argv[1]


def lines(name):
    path = os.path.join(FOLDER, name)
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line.rstrip("\n") for line in file if line.strip()]


def pairs(name):
    return [line.split("\t", 1) for line in lines(name)]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine(ours):
    """Where and when it was measured, and what was; and everything that is known."""
    known = dict(pairs("facts"))
    stolen, passed = (int(b) - int(a) for a, b in zip(known["before"].split(), known["after"].split()))
    rounds = "one round" if known["rounds"] == "1" else f"medians of {known['rounds']} rounds"
    name = f"{ours} at {known['commit']}" if known.get("commit") else ours
    return known, (
        f"{known['date']}: {known['cores']} cores ({known['processor']}), {known['kernel']}, {known['file-system']}; "
        f"load {', '.join(lines('loads'))} before each round and at the end, {100 * stolen / max(passed, 1):.1f} % of "
        f"the processors' time taken by the host. {name}, {rounds} of all in turn"
    )
