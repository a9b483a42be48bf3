import Glibc
import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

/// The processes that belong to one runtime directory, as `/proc` has them.
private struct ClusterProcesses {
    struct Found: CustomStringConvertible {
        var pid: Int32
        /// Nil for the supervisor, and for a child of it that has not been executed yet.
        var name: String?
        var startTime: UInt64

        var isAlive: Bool {
            guard let facts = Processes.facts(of: pid) else { return false }
            return facts.startTime == startTime && facts.state != "Z"
        }
        var description: String { "\(name ?? "the supervisor, or its child") (pid \(pid))" }
    }

    /// What supervisors are given, so that a child shows it that is not executed yet: it still has their memory.
    static let mark = "JR_TEST_CLUSTER"
    let directory: String

    func living() -> [Found] {
        let marks = ["JR_RUNTIME=\(directory)/.jr", "\(Self.mark)=\(directory)"].map { Array($0.utf8) }
        return ((try? Files.list("/proc")) ?? []).compactMap { Int32($0) }.compactMap { pid in
            guard let environment = try? Files.read("/proc/\(pid)/environ", limit: 1 << 20) else { return nil }
            let variables = environment.split(separator: 0)
            guard variables.contains(where: { variable in marks.contains { variable.elementsEqual($0) } }),
                let facts = Processes.facts(of: pid), facts.state != "Z"
            else { return nil }
            let name = variables.first { $0.starts(with: "JR_NAME=".utf8) }
            return Found(
                pid: pid, name: name.map { String(decoding: $0.dropFirst(8), as: UTF8.self) },
                startTime: facts.startTime)
        }
    }

    /// Waits until there is none; gives those that are still there when the time is over.
    func left(by deadline: Instant) throws -> [Found] {
        while true {
            let found = living()
            if found.isEmpty { return [] }
            for one in found {
                guard let descriptor = try? Processes.open(pid: one.pid), one.isAlive else { continue }
                let rest = max(0, (deadline - SystemClock.instant()).millisecondsRoundedUp)
                guard try IO.waitReadable(descriptor.raw, timeout: Int32(clamping: rest)) else { return living() }
            }
        }
    }

    /// Two processes of one name that were there at the same time.
    func twins() -> [Found] {
        Dictionary(grouping: living().filter { $0.name != nil }, by: \.name).values.flatMap { same -> [Found] in
            // Looking takes time: the first may have ended before the second was there. Who is seen alive after the
            // other was seen, and before it is seen once more, was there with it.
            guard same.count > 1, same[0].isAlive, same[1].isAlive else { return [] }
            return same
        }
    }
}

@Suite("kill -9 of a supervisor", .serialized, .mayBlock)
struct SupervisorKillTests {
    private static let isFull = SystemProgram.environment["JR_TEST_FULL"] == "1"
    private static let manifest = """
        {
          "name": "killed",
          "distributors": { "main": { "listen": "127.0.0.1:0" } },
          "nodes": { "worker": { "count": 2, "distributors": ["main"], "jobs": "jobs", "ready": "120s" } },
          "programs": { "one": { "command": ["sleep", "1000"] }, "two": { "command": ["sleep", "1000"] } }
        }
        """
    private static let names = ["main.1", "one.1", "two.1", "worker.1", "worker.2"]

    private let directory: String
    private let processes: ClusterProcesses

    init() throws {
        directory = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-killed-"))
        processes = ClusterProcesses(directory: directory)
        try Files.write(directory + "/cluster.json", Array(Self.manifest.utf8))
        try Files.makeDirectory(directory + "/jobs")
        try Files.write(directory + "/jobs/nothing", Array("#!/bin/sh\n".utf8), mode: 0o755)
    }

    private func start(_ words: String...) throws -> Running {
        try Running(
            ["jr-supervisor"] + words + ["cluster.json"], in: directory,
            environment: [ClusterProcesses.mark: directory])
    }

    /// Starts the cluster in the background while its processes are watched, and gives how long that took.
    private func startNext(_ place: String) throws -> Interval {
        let begin = SystemClock.instant()
        let up = try start("up", "--detach")
        let ended = try Processes.open(pid: up.pid)
        var twins: [ClusterProcesses.Found] = []
        while try !IO.waitReadable(ended.raw, timeout: 3) { twins += processes.twins() }
        #expect(try up.ended() == .exited(0), "\(place): \(up.said)")
        twins += processes.twins()
        #expect(twins.isEmpty, "\(place): two of one: \(twins)")
        #expect(processes.living().compactMap(\.name).sorted() == Self.names, "\(place)")
        return SystemClock.instant() - begin
    }

    private func takeDown() throws {
        let down = try Programs.run(["jr-supervisor", "down", "--now"], in: directory)
        #expect(down.status == .exited(0), "\(down.errors)")
    }

    @Test("kill -9 of the supervisor at any moment ends its whole cluster, and the next up works, with one of each")
    func killed() throws {
        defer {
            for one in processes.living() { try? Processes.signal(pid: one.pid, Signals.kill) }
            try? Files.removeTree(directory)
        }
        let rounds = Self.isFull ? 200 : 8
        let seed = SystemRandom.seed()
        var random = SeededRandom(seed: seed)
        // How long a start takes here and now: most moments are within it.
        var startTime = try startNext("before the first")
        try takeDown()
        let nobody = Monitor(false)
        var (longest, early) = (Interval.zero, 0)
        for round in 1...rounds {
            let moment = Interval(nanoseconds: startTime.nanoseconds / 1_000 * Int64(random.below(1_200)))
            let place = "seed \(seed), round \(round), after \(Durations.format(moment))"
            let victim = try start("up")
            let ended = try Processes.open(pid: victim.pid)
            _ = nobody.wait(timeout: moment) { $0 ? true : nil }
            let killed = SystemClock.instant()
            let endedItself = try IO.waitReadable(ended.raw, timeout: 0)
            victim.kill()
            #expect(!endedItself, "\(place): it ended by itself: \(victim.said)")
            let left = try processes.left(by: killed + .seconds(Int64(Self.isFull ? 2 : 30)))
            try #require(left.isEmpty, "\(place): still there: \(left); \(victim.said)")
            longest = max(longest, SystemClock.instant() - killed)
            if !victim.said.contains("all ready") { early += 1 }
            startTime = try startNext(place)
            try takeDown()
        }
        if Self.isFull {
            let time = Durations.format(longest)
            print("kill -9 of a supervisor: \(rounds) times, \(early) before all were ready; all gone within \(time)")
        }
    }
}
