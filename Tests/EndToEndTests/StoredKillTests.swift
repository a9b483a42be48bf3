import Glibc
import JRBase
import JRJSON
import JRReactor
import JRSystem
import JRWire
import JobReactor
import TestSupport
import Testing

/// A node with compiled jobs that write into a ledger which of them has begun: `hold` stays in its first attempt.
private final class Stage {
    let jobs: String
    let cluster: Cluster
    let begun: Descriptor
    let reactor: Reactor
    let client: JobClient
    let stored = Monitor(0)
    let ended = Monitor<[String]>([])
    private var ledger: String { jobs + "/.ledger" }

    private static let source = """
        import Glibc
        import JobReactor

        func note(_ path: String, _ line: String) {
            guard let file = fopen(path, "a") else { return }
            fputs(line + "\\n", file)
            fclose(file)
        }

        job("later") { args in
            note(args["ledger"]?.string ?? "", "later \\(args["n"]?.int ?? -1)")
        }

        job("hold") { args, context in
            note(args["ledger"]?.string ?? "", "hold \\(args["n"]?.int ?? -1) \\(context.attempt)")
            note(args["begun"]?.string ?? "", "begun")
            while context.attempt == 1 { try await Task.sleep(for: .seconds(60)) }
        }

        """

    init() throws {
        jobs = try Files.makeTemporaryDirectory(prefix: "jr-jobs-")
        try Files.write(jobs + "/held.swift", Array(Self.source.utf8))
        try #require(mkfifo(jobs + "/.begun", 0o600) == 0)
        begun = try Files.open(jobs + "/.begun", .readWrite)
        cluster = try Cluster(jobs: jobs)
        try cluster.up()
        reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        client = try JobClient("\(try cluster.address())", on: reactor)
    }

    deinit {
        client.stop()
        reactor.stop()
        reactor.waitUntilStopped()
        try? Files.removeTree(jobs)
    }

    /// Enqueues these for the first node and waits until they are stored; gives their ids.
    func enqueue(_ name: String, _ count: Int, _ given: JobOptions = .standard) throws -> [String] {
        var options = given
        options.placement = Placement(preferred: ["worker.1"], isStrict: true)
        let before = stored.update { $0 }
        let ids = try (0..<count).map { number in
            let arguments: JobArguments = [
                "n": .int(Int64(number)), "ledger": .string(ledger), "begun": .string(jobs + "/.begun"),
            ]
            return try client.enqueue(name, arguments, options, feedback: .both) { [stored, ended] event in
                switch event {
                case .stored: stored.update { $0 += 1 }
                case .ended(let result): ended.update { $0.append("\(name) \(result.arguments["n"]?.int ?? -1)") }
                case .accepted, .refused: break
                }
            }
        }
        try #require(stored.wait(timeout: .seconds(Int64(120))) { $0 >= before + count ? true : nil } == true)
        return ids.map { "\($0)" }
    }

    /// Waits until so many attempts of `hold` have begun.
    func waitForHeld(_ count: Int) throws {
        var found = 0
        var buffer = [UInt8](repeating: 0, count: 64)
        while found < count {
            let read = Glibc.read(begun.raw, &buffer, buffer.count)
            try #require(read > 0)
            found += buffer[..<read].count { $0 == UInt8(ascii: "\n") }
        }
    }

    func waitForEnds(_ count: Int) -> [String] {
        ended.wait(timeout: .seconds(Int64(120))) { $0.count >= count ? $0.sorted() : nil } ?? []
    }

    func linesOfLedger() throws -> [String] {
        try Programs.text(ledger).split(separator: "\n").map(String.init).sorted()
    }

    /// What the supervisor says of the first node's takeover, and whether it is ready.
    func takenOver() throws -> (state: String, recovered: String) {
        let status = try JSON(parsing: try cluster.supervisor("status", "--json").output)
        let row = status["instances"]?.array?.first { $0["name"]?.string == "worker.1" }
        return (row?["state"]?.string ?? "", row?["recovered"]?.string ?? "")
    }
}

@Suite("A node killed with many jobs stored", .serialized, .mayBlock)
struct StoredKillTests {
    @Test(
        """
        B38: killed with thousands of compiled jobs stored and four running, a node takes all of them over, runs those \
        four again and no other twice
        """)
    func killed() throws {
        let count = SystemProgram.environment["JR_TEST_FULL"] == "1" ? 10_000 : 500
        let stage = try Stage()
        var options = JobOptions()
        options.delay = .seconds(Int64(36_000))
        options.due = SystemClock.wall() + .seconds(Int64(36_000))
        let ids = try stage.enqueue("later", count, options)
        _ = try stage.enqueue("hold", 4)
        try stage.waitForHeld(4)
        let victim = try #require(try stage.cluster.instances().first { $0.name == "worker.1" }?.pid)
        #expect(Glibc.kill(victim, SIGKILL) == 0)
        try stage.waitForHeld(4)
        #expect(stage.waitForEnds(4) == (0..<4).map { "hold \($0)" })
        #expect(try stage.cluster.supervisor("wait", "ready", "worker.1").status == .exited(0))
        let (state, recovered) = try stage.takenOver()
        #expect(state == "ready")
        #expect(recovered.hasPrefix("\(count + 4)/\(count + 4) in "), "\(recovered)")

        // All that waited for their time are there, and run once when they are told to.
        for first in stride(from: 0, to: count, by: 1_000) {
            let retry = try stage.cluster.jr(["retry"] + ids[first..<min(first + 1_000, count)])
            #expect(retry.status == .exited(0), "\(retry.errors)")
        }
        let later = (0..<count).map { "later \($0)" }
        #expect(stage.waitForEnds(count + 4) == ((0..<4).map { "hold \($0)" } + later).sorted())
        let held = (0..<4).flatMap { ["hold \($0) 1", "hold \($0) 2"] }
        #expect(try stage.linesOfLedger() == (held + later).sorted())
    }
}
