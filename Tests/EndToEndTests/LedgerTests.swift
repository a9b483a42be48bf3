import Glibc
import JRBase
import JRJSON
import JRReactor
import JRSystem
import JRWire
import JobReactor
import TestSupport
import Testing

@Suite("What the checker of deliveries tells apart")
struct DeliveryHistoryTests {
    private func history() -> DeliveryHistory {
        var history = DeliveryHistory(sent: ["a": "A", "b": "B"], stored: ["a", "b"])
        history.runs = [.init(job: "a", payload: "A", node: "n1", life: 1, attempt: 1)]
        history.visible = ["b"]
        return history
    }

    @Test("a job that ran and one that can be seen are as they should be")
    func good() {
        #expect(history().verdict() == DeliveryHistory.Verdict())
    }

    @Test("a lost, an altered, a phantom and an unanswered one are each told")
    func each() {
        var lost = history()
        lost.visible = []
        #expect(lost.verdict().lost == ["b"])
        var altered = history()
        altered.runs[0].payload = "B"
        #expect(altered.verdict().altered == ["a"])
        var phantom = history()
        phantom.runs[0].job = "c"
        #expect(phantom.verdict().phantoms == ["c"])
        #expect(phantom.verdict().lost == ["a"])
        var recovered = history()
        recovered.stored = []
        #expect(recovered.verdict().recovered == 1)
        #expect(recovered.verdict().isGood)
    }

    @Test("a second run is explained by a later life of the node or by another node, and by nothing else")
    func duplicates() {
        func verdict(node: String, life: Int, attempt: Int) -> DeliveryHistory.Verdict {
            var twice = history()
            twice.runs.append(.init(job: "a", payload: "A", node: node, life: life, attempt: attempt))
            return twice.verdict()
        }
        #expect(verdict(node: "n1", life: 2, attempt: 2).afterDeath == 1)
        #expect(verdict(node: "n2", life: 1, attempt: 1).onTwoNodes == 1)
        #expect(verdict(node: "n1", life: 1, attempt: 2).unexplained == ["a"])
        #expect(verdict(node: "n1", life: 1, attempt: 1).unexplained == ["a"])
        #expect(verdict(node: "n1", life: 2, attempt: 1).uncounted == 1)
    }
}

/// A distributor and two nodes with journals, as real processes, and a job that writes each of its runs, durably, into
/// a file outside the system.
private final class LedgerCluster {
    let directory: String
    private var front: Running?
    private var nodes: [String: Running] = [:]
    private var lifeCounts: [String: Int] = [:]

    static let nodeNames = ["worker_1", "worker_2"]

    init() throws {
        directory = try Files.makeTemporaryDirectory(prefix: "jr-ledger-")
        try Files.makeDirectory(directory + "/reactor_jobs")
        let script = """
            #!/bin/sh
            args=$(cat)
            # When its node dies, a program may get no more than the beginning.
            case $args in *}) ;; *) exit 75 ;; esac
            printf '%s\\n' "$JR_JOB_ID $LEDGER_LIFE $JR_ATTEMPT $args" >> '\(directory)/ledger' || exit 75
            sync '\(directory)/ledger' || exit 75
            echo '{}'

            """
        try Files.write(directory + "/reactor_jobs/note", Array(script.utf8), mode: 0o755)
        try Files.write(directory + "/ledger", [])
        try Files.write(directory + "/stored", [])
    }

    deinit {
        kill()
        try? Files.removeTree(directory)
    }

    var url: String { "unix:\(directory)/socket" }

    func start() throws {
        if front == nil { front = try Running(["jr-distributor", "--listen", url], in: directory) }
        for name in Self.nodeNames where nodes[name] == nil {
            lifeCounts[name, default: 0] += 1
            // Told and not asked of the parent's id: a program whose node is dead has another parent.
            nodes[name] = try Running(
                [
                    "jr-node", "--name", name, "--distributors", url, "--storage", "journal:\(directory)/\(name)",
                    "--poison-deaths", "1000",
                ], in: directory,
                environment: ["LEDGER_LIFE": "\(name)/\(lifeCounts[name] ?? 0)", "JR_PASS_ENV": "LEDGER_LIFE"])
        }
    }

    func killDistributor() { front = nil }
    func kill(_ node: String) { nodes[node] = nil }

    func kill() {
        front = nil
        nodes = [:]
    }

    /// The runs written so far.
    func runs() throws -> [DeliveryHistory.Run] {
        try Programs.text(directory + "/ledger").split(separator: "\n").map { line in
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            let life = words[1].split(separator: "/").map(String.init)
            return DeliveryHistory.Run(
                job: words[0], payload: try JSON(parsing: words[3])["text"]?.string ?? "", node: life[0],
                life: try #require(life.last.flatMap { Int($0) }), attempt: Int(words[2]) ?? 0)
        }
    }
}

/// Sends jobs and notes, in files that outlive it, what it sent and what was answered.
private final class LedgerClient: Sendable {
    private let jobs: JobClient
    private let notes: Descriptor
    private let count = Monitor(0)

    /// An attempt that is cut off counts, and another one follows at once.
    static let options = JobOptions(maxAttempts: 1_000, retry: .fixed(.milliseconds(1)))

    init(_ url: String, notes path: String, on reactor: Reactor) throws {
        jobs = try JobClient(url, on: reactor)
        notes = try Files.open(path, [.write, .append, .create])
    }

    /// Its text follows from its number, and no two are the same.
    static func text(_ number: Int) -> String {
        var random = SeededRandom(seed: UInt64(number))
        return (0..<8 + random.below(40)).map { _ in String(random.next(), radix: 16) }.joined()
    }

    func send(_ number: Int) throws {
        let text = Self.text(number)
        let id = JobID.fresh(at: jobs.wallTime)
        note("sent \(id) \(text)\n")
        try jobs.enqueue("note", ["text": .string(text)], Self.options, id: id, feedback: []) { event in
            guard case .stored = event else { return }
            self.note("stored \(id)\n")
            self.count.update { $0 += 1 }
        }
    }

    private func note(_ line: String) { try? Files.writeAll(notes.raw, Array(line.utf8)) }

    /// Waits until so many of its jobs were answered as stored.
    func waitForStored(_ wanted: Int) -> Bool {
        count.wait(timeout: .seconds(Int64(120))) { $0 >= wanted ? true : nil } == true
    }

    /// How many nodes are connected.
    func nodes() async throws -> Int { try await jobs.ask("nodes").array?.count ?? 0 }

    func list() async throws -> [JobInfo] { try await jobs.jobs(limit: 100_000) }

    func stop() { jobs.stop() }
}

@Suite("An execution ledger outside the system", .serialized, .mayBlock)
struct LedgerTests {
    @Test(
        "B38, B40: kills of client, distributor and nodes under load lose, alter and invent nothing; what ran twice is explained"
    )
    func kills() async throws {
        let isFull = SystemProgram.environment["JR_TEST_FULL"] == "1"
        let rounds = isFull ? 200 : 6
        let cluster = try LedgerCluster()
        try cluster.start()
        let reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let notes = cluster.directory + "/stored"
        let client = try LedgerClient(cluster.url, notes: notes, on: reactor)
        var random = SeededRandom(seed: SystemRandom.seed())
        var (sent, victims) = (0, [String: Int]())
        for round in 0..<rounds {
            let victim = (["client", "distributor"] + LedgerCluster.nodeNames)[(round + random.below(2)) % 4]
            victims[victim, default: 0] += 1
            if victim == "client" {
                try await killedClient(cluster.url, notes, round: round, after: random.below(20))
                continue
            }
            for number in 0..<20 { try client.send(round * 20 + number) }
            sent += 20
            // Some jobs of this round are on their way then, some stored, some run.
            try #require(client.waitForStored(sent - random.below(20)))
            if victim == "distributor" { cluster.killDistributor() } else { cluster.kill(victim) }
            try cluster.start()
        }
        try #require(client.waitForStored(sent))
        let history = try await drained(cluster, client, notes)
        let verdict = history.verdict()
        #expect(verdict.isGood, "\(verdict), victims \(victims)")
        for job in verdict.unexplained.union(verdict.lost) {
            Issue.record("\(job): \(history.runs.filter { $0.job == job })")
        }
        #expect(history.stored.count >= sent)
        if isFull {
            print(
                "ledger: \(rounds) kills \(victims.sorted { $0.key < $1.key }), \(history.sent.count) sent,",
                "\(history.stored.count) answered, \(history.runs.count) runs: \(verdict)")
        }
        client.stop()
    }

    /// A client in a process of its own, killed after so many answers.
    private func killedClient(_ url: String, _ notes: String, round: Int, after count: Int) async throws {
        try await #require(processExitsWith: .signal(SIGKILL)) {
            [url = url as String, notes = notes as String, round = round as Int, count = count as Int] in
            let reactor = try Reactor(name: "application")
            try reactor.start { _ in }
            let client = try LedgerClient(url, notes: notes, on: reactor)
            for number in 0..<20 { try client.send(round * 20 + number) }
            _ = client.waitForStored(count)
            kill(getpid(), SIGKILL)
        }
    }

    /// Waits until nothing waits or runs any more.
    private func drained(
        _ cluster: LedgerCluster, _ client: LedgerClient, _ notes: String
    ) async throws -> DeliveryHistory {
        let deadline = SystemClock.instant() + .seconds(Int64(300))
        var history = DeliveryHistory()
        // What nodes hold is seen only when all are connected, before and after the list was made.
        var (left, isWhole) = ([JobInfo](), false)
        while !isWhole || !left.allSatisfy({ $0.status == .failed }), SystemClock.instant() < deadline {
            let before = try await client.nodes()
            left = try await client.list()
            let after = try await client.nodes()
            isWhole = min(before, after) == LedgerCluster.nodeNames.count
        }
        #expect(left.isEmpty, "\(left.count) jobs are left")
        history.visible = Set(left.map { "\($0.id)" })
        for line in try Programs.text(notes).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words[0] == "sent" { history.sent[words[1]] = words[2] } else { history.stored.insert(words[1]) }
        }
        history.runs = try cluster.runs()
        return history
    }
}
