"""The supervisors: how each is told what to run, started, and stopped."""

import os
import subprocess
import time


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


class Case:
    """What is to run: COUNT times COMMAND, in FOLDER; `tuned` so that no back-off is in the figure."""

    def __init__(self, folder, command, count=1, tuned=False, stubborn=False, logged=False):
        self.folder, self.command, self.count = folder, command, count
        self.tuned, self.stubborn, self.logged = tuned, stubborn, logged

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def line(self):
        return " ".join(self.command)


class Peer:
    #: Seconds that a child has to be up so that its death is no quick one.
    settle = 0.02
    restarts = True
    #: How much the flood writes.
    flood = 200_000_000

    def __init__(self, tools):
        self.tools = tools

    def tool(self, name):
        return os.path.join(self.tools, name) if self.tools else name

    def stop(self, process, case):
        process.terminate()

    def logs(self, case):
        """The files that a flood ends up in, the oldest first."""
        return [case.path("log")]


class JobReactor(Peer):
    def begin(self, case):
        tuning = '"backoff": { "resetAfter": "0ms" }, "crashLoop": { "count": 1000, "within": "1s" },'
        grace = '"stop": { "drain": "0ms", "kill": "1s" },'
        command = ", ".join(f'"{word}"' for word in case.command)
        write(case.path("cluster.json"), f"""{{
  "name": "measured", "runtimeDirectory": "rt",
  "programs": {{ "c": {{ "count": {case.count}, "command": [{command}] }} }},
  "defaults": {{ {tuning if case.tuned else ""} {grace if case.stubborn else ""}
    "logs": {{ "directory": "logs", "maxSize": "1GiB" }} }}
}}
""")
        # The others write a flood to a file only.
        console = ["--quiet"] if case.logged else []
        return [self.tool("jr-supervisor"), "up", "--no-color", *console, case.path("cluster.json")]

    def logs(self, case):
        return [os.path.join(place, name) for place, _, names in os.walk(case.folder) for name in names
                if name.startswith("c.1.log")]


class Supervisord(Peer):
    def begin(self, case):
        options = "autorestart=true\n"
        if case.tuned:
            options += "startsecs=0\n"
        if case.stubborn:
            options += "stopwaitsecs=1\n"
        if case.logged:
            options += f"stdout_logfile={case.path('log')}\nstdout_logfile_maxbytes=0\n"
        programs = "".join(
            f"[program:c{number}]\ncommand={case.line()}\n{options}" for number in range(case.count))
        os.makedirs(case.path("children"))
        write(case.path("supervisord.conf"), f"""[supervisord]
nodaemon=true
logfile={case.path("supervisord.log")}
pidfile={case.path("pid")}
childlogdir={case.path("children")}
minfds=8192
{programs}""")
        return [self.tool("supervisord"), "-c", case.path("supervisord.conf")]


class Circus(Peer):
    flood = 50_000_000
    def begin(self, case):
        options = ""
        if case.tuned:
            options += "max_retry = -1\n"
        if case.stubborn:
            options += "graceful_timeout = 1\n"
        if case.logged:
            options += f"stdout_stream.class = FileStream\nstdout_stream.filename = {case.path('log')}\n"
            options += "stdout_stream.time_format = %Y-%m-%d %H:%M:%S\n"
        watchers = "".join(
            f"[watcher:c{number}]\ncmd = {case.line()}\n{options}" for number in range(case.count))
        write(case.path("circus.ini"), f"""[circus]
{"check_delay = 0.05" if case.tuned else ""}
endpoint = ipc://{case.path("endpoint")}
pubsub_endpoint = ipc://{case.path("pubsub")}
{watchers}""")
        return [self.tool("circusd"), case.path("circus.ini")]


class Honcho(Peer):
    restarts = False
    flood = 5_000_000
    def begin(self, case):
        write(case.path("Procfile"), "".join(f"c{number}: {case.line()}\n" for number in range(case.count)))
        return [self.tool("honcho"), "-f", case.path("Procfile"), "start"]

    def logs(self, case):
        return [case.path("stdout")]


class Scanned(Peer):
    """Those with a folder for each service, in which an executable `run` is started."""

    logger = ""

    def services(self, case):
        return [case.path("services", f"c{number}") for number in range(case.count)]

    def begin(self, case):
        for service in self.services(case):
            write(os.path.join(service, "run"), f"#!/bin/sh\nexec {case.line()}\n", 0o755)
            self.prepare(case, service)
        if case.logged:
            os.makedirs(case.path("log"), exist_ok=True)
            service = self.services(case)[0]
            write(os.path.join(service, "log", "run"), f"#!/bin/sh\nexec {self.logger} {case.path('log')}\n", 0o755)
        return self.scan(case.path("services"))

    def prepare(self, case, service):
        pass

    def logs(self, case):
        with os.scandir(case.path("log")) as entries:
            names = sorted(entry.name for entry in entries if entry.name[0] == "@" or entry.name == "current")
        return [case.path("log", name) for name in names]

    def run(self, *words):
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Runit(Scanned):
    settle = 1.1
    logger = "svlogd -tt"

    def scan(self, folder):
        return ["runsvdir", folder]

    def prepare(self, case, service):
        if case.logged:
            write(case.path("log", "config"), "s0\nn0\n")

    def stop(self, process, case):
        if case.stubborn:
            self.run("sv", "-w", "1", "force-stop", *self.services(case))
        process.send_signal(1)


class S6(Scanned):
    settle = 1.1
    logger = "s6-log n1000 s268435455 t"

    def scan(self, folder):
        # It takes 500 unless it is told.
        return ["s6-svscan", "-c", "2000", folder]

    def prepare(self, case, service):
        if case.tuned:
            write(os.path.join(service, "notification-fd"), "3\n")
            write(os.path.join(service, "run"), f"#!/bin/sh\nexec {case.line()} 3\n", 0o755)
        if case.stubborn:
            write(os.path.join(service, "timeout-kill"), "1000\n")


class Daemontools(Scanned):
    settle = 1.1
    logger = "multilog t s16777215 n1000"

    def scan(self, folder):
        return ["svscan", folder]

    def stop(self, process, case):
        process.terminate()
        self.run("svc", "-dx", *self.services(case))
        if case.stubborn:
            # It has no grace: a script has to wait and to kill.
            time.sleep(1)
            self.run("svc", "-k", *self.services(case))


PEERS = {
    "jobreactor": JobReactor, "supervisor": Supervisord, "circus": Circus, "honcho": Honcho,
    "runit": Runit, "s6": S6, "daemontools": Daemontools,
}
