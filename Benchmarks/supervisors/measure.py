"""Measures a supervisor and prints lines of JSON: measure.py PEER CHILD TOOLS FOLDER [--only MEASURE]... [OPTIONS]

CHILD is the program of child.c, TOOLS the folder of the supervisor's programs (empty: they are in PATH), and FOLDER one
for everything that is written. All processes that are left over come to this one, which ends them before it ends.
"""

import argparse
import ctypes
import glob
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from peers import PEERS, Case

LINE = 100
#: Seconds for one measure of one peer, whatever hangs.
LONGEST = 150


def now():
    return time.monotonic_ns()


def milliseconds(nanoseconds):
    return round(nanoseconds / 1e6, 3)


class TooLate(Exception):
    """What was waited for did not come; after how many seconds, and what it was."""

    def __init__(self, what, seconds, text):
        super().__init__(text)
        self.what, self.seconds, self.known = what, seconds, {}


# MARK: Processes

def parents():
    """The parent of each process that is not only waiting to be asked for its end."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            found[int(entry)] = int(parent)
    return found


def below_this():
    found, mine = parents(), {os.getpid()}
    while True:
        more = {pid for pid, parent in found.items() if parent in mine} - mine
        if not more:
            return mine - {os.getpid()}
        mine |= more


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def end_all():
    while True:
        left = below_this()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        if not left:
            return
        time.sleep(0.005)


def adopt_orphans():
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:  # PR_SET_CHILD_SUBREAPER
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


# MARK: A supervisor that runs

class Running:
    """A supervisor from its start on, and what its children say."""

    def __init__(self, peer, child, words, console=None, **options):
        self.peer, self.child = peer, child
        self.folder = tempfile.mkdtemp(prefix="case.")
        fifo = os.path.join(self.folder, "notes")
        os.mkfifo(fifo)
        self.notes = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.unread = b""
        self.case = Case(self.folder, [child, words[0], fifo, *words[1:]], **options)
        self.command = peer.begin(self.case)
        self.console = console
        self.start()

    def start(self):
        output = self.console or open(os.path.join(self.folder, "stdout"), "wb")
        with open(os.path.join(self.folder, "stderr"), "wb") as error:
            self.began = now()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=error, cwd=self.folder,
                start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_all()
        self.process.returncode = 0
        os.close(self.notes)
        shutil.rmtree(self.folder)

    def said(self, what, seconds, ended=(), since=None):
        """The next note of that kind, at most so many seconds from now or that time: the process and the time."""
        limit = (since or now()) + int(seconds * 1e9)
        while True:
            while b"\n" in self.unread:
                line, self.unread = self.unread.split(b"\n", 1)
                kind, pid, when = line.decode().split()
                if kind == what and int(pid) not in ended:
                    return int(pid), int(when)
            left = limit - now()
            if left <= 0:
                raise TooLate("start", seconds, f"no '{what}' within {seconds:.0f} s; {self.complaint()}")
            if select.select([self.notes], [], [], left / 1e9)[0]:
                self.unread += os.read(self.notes, 65536)

    def complaint(self):
        for name in ("stderr", "stdout"):
            try:
                with open(os.path.join(self.folder, name), errors="replace") as file:
                    text = file.read().strip()
            except OSError:
                continue
            if text:
                return "its last line: " + text.splitlines()[-1][:200]
        return "it says nothing"

    def all_started(self, seconds):
        """The children, and the time until the last of them had started."""
        started = {}
        while len(started) < self.case.count:
            pid, when = self.said("start", seconds, since=self.began)
            started[pid] = when
        return list(started), max(started.values()) - self.began

    def supervisors(self):
        return [pid for pid in below_this() if not self.is_child(pid)]

    def is_child(self, pid):
        try:
            return os.readlink(f"/proc/{pid}/exe") == self.child
        except OSError:
            return False

    def children(self):
        return [pid for pid in below_this() if self.is_child(pid)]

    def stop(self, children, seconds):
        """The times until no child and no supervisor is left. An end is an event of the process, not asked for."""
        poll, open_ones = select.poll(), set()
        for pid in children:
            descriptor = os.pidfd_open(pid)
            poll.register(descriptor, select.POLLIN)
            open_ones.add(descriptor)
        began = now()
        self.peer.stop(self.process, self.case)
        while open_ones:
            left = began + seconds * 1e9 - now()
            ended = poll.poll(left / 1e6) if left > 0 else []
            if not ended:
                text = f"{len(open_ones)} of {len(children)} children are left {seconds} s after the stop"
                raise TooLate("gone", seconds, text)
            for descriptor, _ in ended:
                poll.unregister(descriptor)
                open_ones.remove(descriptor)
                os.close(descriptor)
        gone = now()
        while below_this():
            reap()
            if now() > began + seconds * 1e9:
                raise TooLate("stop", seconds, f"it is still there {seconds} s after the stop")
            time.sleep(0.002)
        return gone - began, now() - began


# MARK: What is measured

def restart(run, settle, limit, times, seconds=30):
    """The times from a kill to the next start, at most so many, begun within so many seconds."""
    chance, taken, began = random.Random(7), [], now()
    pid, _ = run.said("start", seconds)
    while len(taken) < times and now() - began < limit * 1e9:
        time.sleep(settle + chance.uniform(0, 0.05))
        killed = now()
        os.kill(pid, signal.SIGKILL)
        pid, started = run.said("start", seconds, ended=(pid,))
        taken.append(milliseconds(started - killed))
    return taken


def restart_tuned(peer, options):
    with Running(peer, options.child, ["note"], tuned=True) as run:
        return {"milliseconds": restart(run, peer.settle, options.limit, options.restarts)}


def restart_default(peer, options):
    """Each of ten children once, begun within fifteen seconds: a first death after three."""
    chance, taken = random.Random(7), []
    with Running(peer, options.child, ["note"], count=10) as run:
        children, _ = run.all_started(30)
        time.sleep(3)
        began = now()
        for pid in children:
            if now() - began > 15e9:
                break
            killed = now()
            os.kill(pid, signal.SIGKILL)
            taken.append(milliseconds(run.said("start", 30, ended=children)[1] - killed))
            time.sleep(chance.uniform(0.1, 0.4))
    return {"milliseconds": taken}


def restart_blocked(peer, options):
    """The same while nobody reads its standard output, a pipe that is full before the first kill."""
    end, console = os.pipe()
    flags = os.get_blocking(console)
    os.set_blocking(console, False)
    try:
        while True:
            os.write(console, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(console, flags)
    try:
        with Running(peer, options.child, ["note"], console=console, tuned=True) as run:
            return {"milliseconds": restart(run, peer.settle, options.limit, options.restarts)}
    finally:
        os.close(end)
        os.close(console)


def many(count):
    def measure(peer, options):
        with Running(peer, options.child, ["note"], count=count) as run:
            children, started = run.all_started(60)
            # Also those that look at what they have started only now and then have seen it by then.
            time.sleep(2)
            try:
                gone, left = run.stop(children, 60)
            except TooLate as problem:
                problem.known = {"start": milliseconds(started)}
                raise
        return {"start": milliseconds(started), "gone": milliseconds(gone), "stop": milliseconds(left)}
    return measure


def wakings(pids):
    """How often each thread has waited."""
    found = {}
    for path in (path for pid in pids for path in glob.glob(f"/proc/{pid}/task/*/status")):
        try:
            with open(path) as file:
                found[path] = sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
        except OSError:
            continue
    return found


def rest(peer, options):
    with Running(peer, options.child, ["note"], count=100) as run:
        run.all_started(60)
        time.sleep(5)
        pids, sums = run.supervisors(), {"Rss:": 0, "Pss:": 0}
        for pid in pids:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                for words in map(str.split, file):
                    if words[0] in sums:
                        sums[words[0]] += int(words[1]) * 1024
        before = wakings(pids)
        time.sleep(5)
        # A thread that has ended meanwhile is not in the second.
        woken = sum(count - before.get(thread, 0) for thread, count in wakings(pids).items())
    return {"rss": sums["Rss:"], "pss": sums["Pss:"], "processes": len(pids), "wakings": woken / 5}


def ends_with(paths, last):
    for path in paths:
        try:
            with open(path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                if last in file.read():
                    return True
        except OSError:
            continue
    return False


def checked(paths, lines):
    """How many of the lines are there whole, and whether each comes after the one before it."""
    whole, order, previous = 0, True, -1
    rest_of_line = b"x" * (LINE - 17) + b"\n"
    for path in paths:
        with open(path, "rb") as file:
            for line in file:
                digits = line[-LINE:-LINE + 16]
                if line.endswith(rest_of_line) and digits.isdigit():
                    whole += 1
                    order, previous = order and int(digits) > previous, int(digits)
    return whole, order and previous == lines - 1


def log(peer, options):
    total = peer.flood // options.scale
    lines = total // LINE
    with Running(peer, options.child, ["flood", str(total)], logged=True) as run:
        _, began = run.said("flood", 60)
        last = b"%016dxxx" % (lines - 1)
        while not ends_with(peer.logs(run.case), last):
            if now() - began > 120e9:
                raise TooLate("rate", 120, f"the last of {lines} lines is not in the log after 120 s")
            time.sleep(0.002)
        took = now() - began
        written = run.said("flooded", 30)[1] - began
        time.sleep(0.3)
        paths = sorted(peer.logs(run.case), key=lambda path: (path.endswith(("main", "current", "log")), path))
        whole, order = checked(paths, lines)
    rate = total / 1e6 / (took / 1e9)
    return {"rate": round(rate, 1), "lines": lines, "whole": whole, "order": order, "written": milliseconds(written)}


def stubborn(peer, options):
    with Running(peer, options.child, ["stubborn"], count=100, stubborn=True) as run:
        children, _ = run.all_started(60)
        time.sleep(2)
        gone, left = run.stop(children, 10)
    return {"gone": milliseconds(gone), "stop": milliseconds(left)}


def orphans(peer, options):
    """How many of ten children live after the supervisor's death, and how many once it is started again."""
    with Running(peer, options.child, ["note"], count=10) as run:
        run.all_started(60)
        time.sleep(2)
        run.process.kill()
        time.sleep(2)
        reap()
        left = len(run.children())
        run.process.returncode = 0
        run.start()
        # Those that are ended now are taken off here, as init does it.
        for _ in range(500):
            reap()
            time.sleep(0.01)
        return {"left": left, "again": len(run.children())}


MEASURES = {
    "restart": restart_tuned, "restart-default": restart_default, "restart-blocked": restart_blocked,
    "many-100": many(100), "many-1000": many(1000), "rest": rest, "log": log, "stubborn": stubborn, "orphans": orphans,
}


def too_long(*_):
    raise TooLate("all", LONGEST, f"it was not over after {LONGEST} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("child")
    parser.add_argument("tools")
    parser.add_argument("folder")
    parser.add_argument("--only", choices=MEASURES, action="append")
    parser.add_argument("--restarts", type=int, default=200)
    parser.add_argument("--limit", type=float, default=300, help="seconds for the restarts of one row")
    parser.add_argument("--scale", type=int, default=1, help="divides what is written to the log")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tempfile.tempdir = options.folder
    options.child = os.path.realpath(options.child)
    adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGALRM, too_long)
    peer = PEERS[options.peer](options.tools)
    try:
        for name in options.only or MEASURES:
            if name.startswith("restart") and not peer.restarts:
                continue
            if name == "restart-blocked" and options.peer != "jobreactor":
                continue
            result = {"peer": options.peer, "measure": name}
            print(f"{options.peer}: {name}", file=sys.stderr)
            signal.alarm(LONGEST)
            try:
                result |= MEASURES[name](peer, options)
            except TooLate as problem:
                result |= {"problem": str(problem), "late": problem.what, "seconds": problem.seconds} | problem.known
            signal.alarm(0)
            print(json.dumps(result), flush=True)
    finally:
        end_all()


if __name__ == "__main__":
    main()
