import JRBase
import JRReactor
import JRSystem
import JobReactor
import Synchronization
import TestSupport
import Testing

@Suite("Rolling restarts of real nodes", .serialized, .mayBlock)
struct RollTests {
    private static let isFull = SystemProgram.environment["JR_TEST_FULL"] == "1"

    /// A job directory in a folder of its own, of which the tests write new versions.
    private final class Jobs {
        let path: String

        init() throws {
            path = try Files.makeTemporaryDirectory(prefix: "jr-roll-")
            try write(version: "one")
        }

        deinit { try? Files.removeTree(path) }

        func write(_ text: String) throws { try Files.replace(path + "/work.swift", with: Array(text.utf8)) }

        func write(version: String) throws {
            try write("import JobReactor\n\njob(\"work\") { args in args[\"version\"] = \"\(version)\" }\n")
        }
    }

    @Test("a roll to a job file that does not compile stops at the first node and takes it back; the mended one rolls")
    func doesNotCompile() throws {
        let jobs = try Jobs()
        let cluster = try Cluster(jobs: jobs.path)
        try cluster.up()
        let before = try cluster.instances()
        try jobs.write("import JobReactor\n\njob(\"work\") { args in args[\"version\"] = }\n")
        let roll = try cluster.supervisor("restart", "--rolling", "worker")
        #expect(roll.status == .exited(74), "\(roll.errors)\(roll.output)")
        #expect(roll.errors.contains("went back to what ran before, and is ready"), "\(roll.errors)")
        #expect(roll.errors.contains("not touched: worker."), "\(roll.errors)")
        let after = try cluster.instances()
        #expect(after.allSatisfy { $0.state == "ready" })
        // Only one of the workers is another process than before.
        let changed = zip(before, after).filter { $0.pid != $1.pid }.map(\.0.name)
        #expect(changed.count == 1 && changed.first?.hasPrefix("worker.") == true, "\(changed)")
        for worker in ["worker.1", "worker.2"] {
            let job = try cluster.jr(["enqueue", "work", "--node", worker, "--wait"])
            #expect(job.output.contains(#""version":"one""#) || job.output.contains(#""version": "one""#), "\(job)")
        }
        try jobs.write(version: "two")
        let second = try cluster.supervisor("restart", "--rolling", "--json", "worker")
        #expect(second.status == .exited(0), "\(second.errors)\(second.output)")
        #expect(second.output.contains("\"progress\""))
        for worker in ["worker.1", "worker.2"] {
            let job = try cluster.jr(["enqueue", "work", "--node", worker, "--wait"])
            #expect(job.output.contains("two"), "\(job)")
        }
    }

    /// How long each job took, and how it ended.
    private struct Tally: Sendable {
        var sent = 0
        var succeeded = 0
        var failures: [String] = []
        var milliseconds: [Double] = []
    }

    @Test("rolls under a steady load lose nothing and fail nothing")
    func underLoad() async throws {
        let rolls = Self.isFull ? 50 : 3
        let perTurn = Self.isFull ? 20 : 2
        let jobs = try Jobs()
        let cluster = try Cluster(jobs: jobs.path)
        try cluster.up()
        let reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let client = try JobClient("\(try cluster.address())", on: reactor)
        let tally = Monitor(Tally())
        let isOver = Monitor(false)
        // So many every ten milliseconds, whatever becomes of them.
        @Sendable func send(_ loop: Loop) {
            guard !isOver.update({ $0 }) else { return }
            for _ in 0..<perTurn {
                let start = SystemClock.instant()
                tally.update { $0.sent += 1 }
                do {
                    try client.enqueue(
                        "work", [:],
                        success: { _ in
                            let time = (SystemClock.instant() - start).seconds * 1_000
                            tally.update {
                                $0.succeeded += 1
                                $0.milliseconds.append(time)
                            }
                        }, error: { arguments in tally.update { $0.failures.append("\(arguments)") } })
                } catch {
                    tally.update { $0.failures.append("\(error)") }
                }
            }
            loop.schedule(after: .milliseconds(10), send)
        }
        let start = SystemClock.instant()
        reactor.execute { loop in send(loop) }
        for _ in 0..<rolls {
            let roll = try cluster.supervisor("restart", "--rolling", "worker")
            try #require(roll.status == .exited(0), "\(roll.errors)\(roll.output)")
        }
        let seconds = (SystemClock.instant() - start).seconds
        isOver.update { $0 = true }
        let all = tally.wait(timeout: .seconds(Int64(60))) { $0.succeeded + $0.failures.count == $0.sent ? $0 : nil }
        let end = try #require(all, "\(tally.update { "\($0.succeeded) of \($0.sent)" })")
        #expect(end.failures == [])
        // Whatever came twice would have come before this.
        _ = try await client.enqueue("work").value
        #expect(tally.update { $0.succeeded } == end.sent)
        let sorted = end.milliseconds.sorted()
        let p99 = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        let rate = Int(Double(end.sent) / seconds)
        print("\(rolls) rolls, \(end.sent) jobs at \(rate)/s, p50 \(sorted[sorted.count / 2]) ms, p99 \(p99) ms")
        client.stop()
    }

    @Test("drain and resume of a real node: jobs go to the other one meanwhile, and what it holds stays")
    func drain() throws {
        let jobs = try Jobs()
        let cluster = try Cluster(jobs: jobs.path)
        try cluster.up()
        _ = try cluster.jr(["enqueue", "work", "--node", "worker.1", "--after", "1h"])
        let drain = try cluster.supervisor("drain", "worker.1")
        #expect(drain.status == .exited(0), "\(drain.errors)")
        #expect(drain.output == "worker.1 is drained and keeps 1 scheduled job\n")
        let job = try cluster.jr(["enqueue", "work", "--wait"])
        #expect(job.status == .exited(0), "\(job.errors)")
        let status = try cluster.supervisor("status")
        #expect(status.status == .exited(3))
        #expect(status.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(status.output)")
        #expect(status.output.contains("worker.1 is draining: drained"), "\(status.output)")
        let resume = try cluster.supervisor("resume", "worker.1")
        #expect(resume.output == "ready: worker.1\n", "\(resume.errors)")
        #expect(try cluster.jr(["enqueue", "work", "--node", "worker.1", "--wait"]).status == .exited(0))
        #expect(try cluster.supervisor("status").status == .exited(0))
    }

    @Test("scale: more nodes take jobs at once; fewer go only when they hold none, and what they hold is said")
    func scale() throws {
        let jobs = try Jobs()
        let cluster = try Cluster(jobs: jobs.path)
        try cluster.up()
        let more = try cluster.supervisor("scale", "worker=4")
        #expect(more.status == .exited(0), "\(more.errors)")
        #expect(more.output == "ready: worker.3, worker.4\n")
        #expect(try cluster.jr(["enqueue", "work", "--node", "worker.4", "--wait"]).status == .exited(0))
        #expect(try cluster.jr(["enqueue", "work", "--node", "worker.4", "--after", "1h"]).status == .exited(0))
        // The one that holds a job is left alone as long as there are others.
        let fewer = try cluster.supervisor("scale", "worker=3")
        #expect(fewer.output == "worker has 3 instances; gone: worker.3\n", "\(fewer.errors)\(fewer.output)")
        let refused = try cluster.supervisor("scale", "worker=0")
        #expect(refused.status == .exited(69))
        #expect(refused.errors.contains("worker.4 holds 1 scheduled job"), "\(refused.errors)")
        #expect(try cluster.instances().map(\.name) == ["main.1", "worker.1", "worker.2", "worker.4"])
        #expect(try cluster.instances().allSatisfy { $0.state == "ready" })
        let again = try cluster.supervisor("scale", "worker=4")
        #expect(again.output == "ready: worker.3\n", "\(again.errors)")
        #expect(try cluster.supervisor("scale", "main=2").status == .exited(64))
        #expect(try cluster.supervisor("scale", "worker").status == .exited(64))
    }

    /// A cluster whose manifest changes.
    private func manifest(_ jobs: String, count: Int = 2, worker: String = "", more: String = "") -> String {
        """
        {
          "name": "test",
          "distributors": { "main": { "listen": "127.0.0.1:0" } },
          "nodes": { "worker": { "count": \(count), "distributors": ["main"], "jobs": "\(jobs)" \(worker) } },
          "programs": { \(more) }
        }
        """
    }

    @Test("reload shows the difference, changes only what changed, and a wrong manifest or a bad value changes nothing")
    func reload() throws {
        let jobs = try Jobs()
        let cluster = try Cluster(jobs: jobs.path)
        let file = cluster.directory + "/cluster.json"
        func write(_ text: String) throws { try Files.replace(file, with: Array(text.utf8)) }
        try write(manifest(jobs.path, more: #""pause": { "command": ["sleep", "1000"] }"#))
        try cluster.up()
        let before = try cluster.instances()
        #expect(try cluster.supervisor("reload").output == "no difference\n")

        try write(#"{ "nodes": { "worker": { "cuont": 3 } } }"#)
        let wrong = try cluster.supervisor("reload")
        #expect(wrong.status == .exited(78))
        #expect(wrong.errors.contains(#"unknown key "cuont""#) && wrong.errors.contains("nothing was changed"))

        let pause = #""pause": { "command": ["sleep", "1000"] }"#
        try write(manifest(jobs.path, count: 3, worker: #", "credit": 7"#, more: pause))
        let dry = try cluster.supervisor("reload", "--dry-run")
        #expect(
            dry.output == "+ worker: 1 more instance\n~ worker: JR_CREDIT (restarted one after the other)\n",
            "\(dry.errors)")
        #expect(try cluster.instances().map(\.pid) == before.map(\.pid), "a dry run does nothing")
        let reload = try cluster.supervisor("reload")
        #expect(reload.status == .exited(0), "\(reload.errors)")
        let after = try cluster.instances()
        #expect(after.map(\.name) == ["main.1", "worker.1", "worker.2", "worker.3", "pause.1"])
        #expect(after.allSatisfy { $0.state == "ready" })
        let pids = { (rows: [Cluster.Instance], name: String) in rows.first { $0.name == name }?.pid }
        for name in ["main.1", "pause.1"] { #expect(pids(before, name) == pids(after, name), "\(name)") }
        for name in ["worker.1", "worker.2"] { #expect(pids(before, name) != pids(after, name), "\(name)") }

        // The new one does not load its jobs: it goes back, and with it what the plan says of it.
        let empty = cluster.directory + "/other"
        try Files.makeDirectories(empty)
        try Files.write(empty + "/work.swift", Array("import JobReactor\nlet x: Int = \"\"\n".utf8))
        try write(manifest(empty, count: 3, worker: #", "credit": 7"#, more: pause))
        let bad = try cluster.supervisor("reload")
        #expect(bad.status == .exited(74), "\(bad.errors)")
        #expect(bad.errors.contains("went back to what ran before, and is ready"), "\(bad.errors)")
        #expect(try cluster.supervisor("reload", "--dry-run").output.hasPrefix("~ worker: JR_JOBS"))
        #expect(try cluster.jr(["enqueue", "work", "--wait"]).output.contains("one"))

        try write(manifest(jobs.path, count: 1, worker: #", "credit": 7"#))
        let less = try cluster.supervisor("reload")
        #expect(less.status == .exited(0), "\(less.errors)")
        #expect(try cluster.instances().map(\.name) == ["main.1", "worker.1"], "the highest numbers go first")
    }
}
