import JRBase
import JRJSON
import JRSupervision
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

/// A library that sets the date to something else at every reading: an hour and ten days, forward and back.
private enum JumpingDate {
    static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <sys/time.h>
        #include <time.h>

        static long jump(void) {
            static const long jumps[] = { 0, 3600, -3600, 864000, -864000 };
            static unsigned reading;
            return jumps[__atomic_fetch_add(&reading, 1, __ATOMIC_RELAXED) % 5];
        }

        int clock_gettime(clockid_t id, struct timespec *time) {
            static int (*next)(clockid_t, struct timespec *);
            if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
            int result = next(id, time);
            if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += jump();
            return result;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            int result = clock_gettime(CLOCK_REALTIME, &now);
            time->tv_sec = now.tv_sec;
            time->tv_usec = now.tv_nsec / 1000;
            return result;
        }

        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }

        """
}

extension ShellTests {
    @Suite("A date that is set to something else", .serialized)
    struct ClockTests {
        private static let node = "#!/bin/sh\necho READY=1 >&3; read line <&4; exit 0\n"
        private static let cluster = """
            {
              "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
              "nodes": { "worker": { "count": 2, "command": ["./node"] } },
              "programs": {
                "bad": { "command": ["./bad"], "after": ["main"] },
                "once": { "command": ["true"], "restart": "onFailure", "after": ["main"] }
              },
              "defaults": { "backoff": { "then": "10ms", "max": "20ms" }, "crashLoop": { "count": 3, "within": "60s" } }
            }
            """

        /// Starts, a death, a crash loop, restarts and stops; what became of each instance, in order.
        private func life(_ folder: Folder, _ environment: [String]) throws -> (changes: [String: [String]], [WallTime])
        {
            let running = try folder.up("cluster.json", environment: environment)
            _ = try running.lines(
                #""instance":"worker.1","from":"starting","to":"ready""#,
                #""instance":"worker.2","from":"starting","to":"ready""#,
                #""instance":"once.1","from":"ready","to":"finished""#,
                #""instance":"bad.1","from":"ready","to":"crashLooping""#)
            #expect(try folder.run("kill", "worker.1", "KILL").code == 0)
            _ = try running.line(#""instance":"worker.1","from":"starting","to":"ready""#)
            #expect(try folder.run("restart", "worker.2").code == 0)
            #expect(try folder.run("stop", "worker.1").code == 0)
            #expect(try folder.run("down").code == 0)
            #expect(try running.wait() == 0)
            let text = String(decoding: try Files.read(folder.runtime.eventFile, limit: 1 << 24), as: UTF8.self)
            let events = try text.split(separator: "\n").compactMap { EventRecord(try JSON(parsing: String($0))) }
            var changes: [String: [String]] = [:]
            for event in events {
                // How often it has died by now is a matter of how long everything else took.
                guard let name = event.instance, name != "bad.1", let change = event.change else { continue }
                changes[name, default: []].append("\(change.from.rawValue) -> \(change.to.rawValue)")
            }
            return (changes, events.map(\.time))
        }

        @Test("by an hour and by ten days, forward and back, at every reading, changes nothing that is decided")
        func jumps() throws {
            let files = [
                "cluster.json": Self.cluster, "main": "#!/bin/sh\necho READY=1 port=41234 >&3; read line <&4\n",
                "node": Self.node, "bad": "#!/bin/sh\nexit 7\n",
            ]
            let (still, jumping) = (try Folder(files), try Folder(files))
            let library = jumping.path + "/jumping.so"
            guard try PreloadedLibrary.compile(JumpingDate.source, to: library) else {
                try Test.cancel("there is no compiler of C")
            }
            let (usual, _) = try life(still, [])
            let (found, times) = try life(jumping, ["LD_PRELOAD=" + library])
            #expect(found == usual)
            let day = Interval.seconds(86_400 as Int64)
            let (first, last) = (times.min() ?? .init(milliseconds: 0), times.max() ?? .init(milliseconds: 0))
            #expect(last - first > day * 19, "the date did jump")
        }
    }
}
