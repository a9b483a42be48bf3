"""The application of the peers in Python, on Redis. None of them tells an application of a job's end without being
asked, so the jobs push their numbers onto the list 'done', which costs less than any result store of theirs.

    PEERS_REDIS_PORT=PORT python_app.py MODULE WINDOW JOBS NAME=SESSION...

MODULE has `send(payload)`, which enqueues a job, and the job, which calls `done(payload)`.
"""

import glob
import importlib
import json
import os
import sys
import time

import redis

URL = f"redis://127.0.0.1:{os.environ['PEERS_REDIS_PORT']}/0"
connections = redis.Redis.from_url(URL)


def done(payload):
    connections.lpush("done", payload[:8])


def drive(send, window, jobs):
    """Keeps the window full until all have ended; how long each took."""
    begun, took = [0.0] * jobs, [None] * jobs
    sent = ended = 0
    while ended < jobs:
        while sent < jobs and sent - ended < window:
            begun[sent] = time.monotonic()
            send(f"{sent:08}".ljust(100, "x"))
            sent += 1
        answer = connections.execute_command("BLMPOP", 60, 1, "done", "RIGHT", "COUNT", 1000)
        if answer is None:
            sys.exit("nothing has come for a minute")
        for digits in answer[1]:
            number = int(digits)
            if number >= sent or took[number] is not None:
                sys.exit(f"job {number} ended twice, or was never sent")
            took[number] = time.monotonic() - begun[number]
        ended += len(answer[1])
    return took


def processor(session):
    """Processor time of all processes of a session, as the kernel's clocks of processes have it."""
    total = 0.0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rpartition(")")[2].split()
            if fields[3] == session:
                total += time.clock_gettime(~int(path.split("/")[2]) << 3 | 2)
        except OSError:
            pass  # It has ended meanwhile.
    return total


def main():
    module, window, jobs = importlib.import_module(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    sessions = dict(word.split("=") for word in sys.argv[4:])
    drive(module.send, window, max(window, 100))
    before = {name: processor(session) for name, session in sessions.items()}
    own, begun = time.process_time(), time.monotonic()
    took = sorted(drive(module.send, window, jobs))
    lasted = time.monotonic() - begun
    cpu = {"application": time.process_time() - own}
    cpu |= {name: processor(session) - before[name] for name, session in sessions.items()}
    cpu = {name: round(used * 1e6 / jobs, 2) for name, used in cpu.items()}
    print(json.dumps({
        "jobs": jobs,
        "window": window,
        "cpu": cpu,
        "jobsPerSecond": round(jobs / lasted, 1),
        "cpuMicrosecondsPerJob": round(sum(cpu.values()), 2),
        "p50Microseconds": round(took[jobs // 2] * 1e6, 1),
        "p99Microseconds": round(took[jobs * 99 // 100] * 1e6, 1),
    }, separators=(",", ":")))


if __name__ == "__main__":
    main()
