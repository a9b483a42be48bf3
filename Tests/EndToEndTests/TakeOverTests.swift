import Glibc
import JRBase
import JRReactor
import JRSystem
import JRWire
import JobReactor
import Synchronization
import TestSupport
import Testing

/// Real nodes on a real Redis server. On the first, `work` says that it has begun and waits; on the second it is done.
private final class Stage {
    let directory: String
    let server: RedisServer
    let reactor: Reactor
    let jobs: JobClient
    let address: String
    let started: Descriptor
    private let distributor: Running

    struct Heard: Sendable {
        var stored: [String: Int] = [:]
        var ends: [Int: Int] = [:]
    }
    let heard = Monitor(Heard())

    init() throws {
        directory = try Files.makeTemporaryDirectory(prefix: "jr-take-over-")
        server = try RedisServer(["--appendonly", "yes"])
        address = "unix:\(directory)/socket"
        for name in ["one", "two"] { try Files.makeDirectory("\(directory)/\(name)") }
        try #require(mkfifo("\(directory)/started", 0o600) == 0 && mkfifo("\(directory)/go", 0o600) == 0)
        started = try Files.open("\(directory)/started", .readWrite)
        let (ledger, ping) = ("\(directory)/ledger", "#!/bin/sh\necho '{}'\n")
        try Files.write(
            "\(directory)/one/work",
            Array(
                """
                #!/bin/sh
                echo . > '\(directory)/started'
                read go < '\(directory)/go'
                echo '{}'
                echo . > '\(directory)/started'

                """.utf8), mode: 0o755)
        try Files.write(
            "\(directory)/two/work",
            Array("#!/bin/sh\nread args\nprintf '%s\\n' \"$args\" >> '\(ledger)'\necho '{}'\n".utf8), mode: 0o755)
        for name in ["one", "two"] {
            try Files.write("\(directory)/\(name)/ping_\(name)", Array(ping.utf8), mode: 0o755)
        }
        distributor = try Running(["jr-distributor", "--listen", address], in: directory)
        reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        jobs = try JobClient(address, on: reactor)
    }

    deinit {
        release()
        jobs.stop()
        reactor.stop()
        reactor.waitUntilStopped()
        try? Files.removeTree(directory)
    }

    /// Lets the bodies go that wait.
    func release() {
        while true {
            let end = open("\(directory)/go", O_WRONLY | O_NONBLOCK)
            guard end >= 0 else { return }
            close(end)
        }
    }

    func node(_ number: String, _ name: String) throws -> Running {
        try Running(
            [
                "jr-node", "--name", name, "--distributors", address, "--jobs", "\(directory)/\(number)",
                "--storage", server.url, "--redis-lease", "5s", "--credit", "5000", "--program-jobs", "8",
            ], in: directory)
    }

    func ping(_ number: String) async throws { _ = try await jobs.enqueue("ping_\(number)").value }

    /// Enqueues it for the first node, if that is there.
    func enqueue(_ number: Int, after: Duration? = nil) throws {
        let options = JobOptions(after: after, node: "worker_1")
        let heard = heard
        try jobs.enqueue("work", ["n": .int(Int64(number))], options, feedback: .both) { event in
            heard.update { heard in
                switch event {
                case .stored(let node): heard.stored[node, default: 0] += 1
                case .ended(let result):
                    heard.ends[number, default: 0] += result.ending == .complete ? 1 : 1_000
                case .accepted, .refused: break
                }
            }
        }
    }

    func waitUntil(_ isSo: (Heard) -> Bool) -> Bool {
        heard.wait(timeout: .seconds(Int64(90))) { isSo($0) ? true : nil } ?? false
    }

    /// Waits until so many bodies on the first node have begun, or are about to end.
    func waitForBodies(_ count: Int) throws {
        var found = 0
        var buffer = [UInt8](repeating: 0, count: 64)
        while found < count {
            let read = Glibc.read(started.raw, &buffer, buffer.count)
            try #require(read > 0)
            found += buffer[..<read].count { $0 == UInt8(ascii: ".") }
        }
        #expect(found == count)
    }

    func meta(_ field: String) throws -> Int {
        Int(try server.command("HGET", "jr:{worker_1}:meta", field)) ?? 0
    }

    func statistics(_ node: String) async throws -> [String: Value] {
        let nodes = try await jobs.ask("stats").map?["nodes"]?.array ?? []
        return nodes.compactMap(\.map).first { $0["name"]?.string == node } ?? [:]
    }

    /// What the second node's bodies have noted, sorted.
    func ledger() throws -> [String] {
        try Programs.text("\(directory)/ledger").split(separator: "\n").map(String.init).sorted()
    }

    func expectEachOnce(_ count: Int) throws {
        let heard = heard.update { $0 }
        #expect(heard.ends == Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, 1) }))
        #expect(try ledger() == (0..<count).map { "{\"n\":\($0)}" }.sorted())
    }
}

@Suite("A node that dies on a Redis server", .serialized, .mayBlock)
struct TakeOverTests {
    @Test("B29, B38: killed with 1,000 jobs stored, scheduled and running, a node is replaced, and each job ends once")
    func killed() async throws {
        let stage = try Stage()
        let (one, two) = (try stage.node("one", "worker_1"), try stage.node("two", "worker_2"))
        try await stage.ping("one")
        try await stage.ping("two")
        for number in 0..<1_000 {
            try stage.enqueue(number, after: number < 600 ? nil : .milliseconds(1_500))
            // A node that is preferred and has as many on the way as it takes is not waited for.
            if number % 50 == 49 { #expect(stage.waitUntil { $0.stored.values.reduce(0, +) == number + 1 }) }
        }
        #expect(stage.heard.update { $0.stored } == ["worker_1": 1_000], "\(one.said)")
        try stage.waitForBodies(8)
        one.kill()
        #expect(stage.waitUntil { $0.ends.count == 1_000 })
        // Whatever came twice would have come before this.
        try await stage.ping("two")
        try stage.expectEachOnce(1_000)
        // On the server's clock: not before the hold had ended, and within a second of that.
        let delay = try stage.meta("takenAt") - stage.meta("heldUntil")
        #expect((0...1_000).contains(delay), "\(delay) ms after the end of its hold")
        let statistics = try await stage.statistics("worker_2")
        #expect(statistics["takenOver"] == .int(1_000))
        #expect(two.said.contains("the node 'worker_1' is dead: 1000 jobs taken over in "), "\(two.said)")
        #expect(two.said.contains("8 of them in progress"))
    }

    @Test(
        "B29: late results of a node that was frozen are refused and counted; it ends with 75, its next start is clean"
    )
    func frozen() async throws {
        let stage = try Stage()
        let (one, two) = (try stage.node("one", "worker_1"), try stage.node("two", "worker_2"))
        try await stage.ping("one")
        try await stage.ping("two")
        for number in 0..<30 { try stage.enqueue(number) }
        try stage.waitForBodies(8)
        #expect(stage.waitUntil { $0.stored == ["worker_1": 30] })
        try Processes.signal(pid: one.pid, SIGSTOP)
        #expect(stage.waitUntil { $0.ends.count == 30 })
        // The bodies on the frozen node come to their end too.
        stage.release()
        try stage.waitForBodies(8)
        try Processes.signal(pid: one.pid, SIGCONT)
        #expect(try one.ended() == .exited(75), "\(one.said)")
        #expect(one.said.contains("node 'worker_2'"), "\(one.said)")
        #expect(one.said.contains("[storage_fenced]"))
        #expect(one.said.contains("the results of 8 attempts"))
        let next = try stage.node("one", "worker_1")
        try await stage.ping("one")
        #expect(next.said.contains("0 stored jobs recovered"), "\(next.said)")
        #expect(try await stage.statistics("worker_1")["lateResults"] == .int(8))
        try await stage.ping("two")
        try stage.expectEachOnce(30)
        withExtendedLifetime(two) {}
    }
}
