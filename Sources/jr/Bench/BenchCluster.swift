import JRBase
import JRReactor
import JRSystem
import JobReactor

/// A cluster for one benchmark: this process is the application, with a distributor in it; nodes, and a distributor
/// where its memory is measured, are processes of their own. Or, with an address, a cluster that runs already.
final class BenchCluster {
    private(set) var plan: BenchPlan
    let queue: any JobQueue
    private(set) var processes: [BenchProcess] = []
    private let reactor: Reactor
    private let directory: String
    private let address: String
    private var syncsBefore: Int64 = 0
    private let before: Monitor<[String: BenchUsage]>

    init(_ plan: BenchPlan, distributorIsAlone: Bool = false) throws {
        self.plan = plan
        before = Monitor([:])
        reactor = try Reactor(name: "bench")
        try reactor.start { _ in }
        directory = try Files.makeTemporaryDirectory(prefix: "jr-bench-")
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        if let url = plan.url {
            address = "\(url)"
            queue = try JobClient(address, name: "jr bench", on: reactor)
        } else if distributorIsAlone {
            let process = try BenchProcess("distributor", ["distributor"])
            processes.append(process)
            address = try process.line()
            queue = try JobClient(address, name: "jr bench", on: reactor)
        } else {
            let distributor = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
            address = "\(distributor.address)"
            queue = distributor
        }
    }

    deinit {
        for process in processes { process.end() }
        try? Files.removeTree(directory)
    }

    /// Starts the plan's nodes, and the Redis server that they need, and waits until each is connected.
    func startNodes() throws {
        guard plan.url == nil else { return }
        for number in 1...plan.nodes { try startNode(number) }
    }

    @discardableResult
    func startNode(_ number: Int) throws -> BenchProcess {
        if plan.storage == "redis", plan.redis == nil { try startRedis() }
        let process = try BenchProcess(
            "node \(number)",
            [
                "node", "bench.\(number)", address, plan.storage(in: "\(directory)/\(number)"),
                "\(plan.credit ?? Configuration(environment: [:]).credit)",
            ])
        processes.append(process)
        _ = try process.line()
        return process
    }

    /// A server of the benchmark's own, which syncs as is asked. Nodes wait until it is ready.
    private func startRedis() throws {
        guard !processes.contains(where: { $0.label == "redis-server" }) else { return }
        let socket = "\(directory)/redis.sock"
        let policy = ["always": "always", "interval": "everysec"][plan.sync] ?? "no"
        processes.append(
            try BenchProcess(
                program: "redis-server",
                [
                    "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "", "--appendonly", "yes",
                    "--appendfsync", policy,
                ]))
        plan.redis = "redis+unix:\(socket)"
    }

    func kill(_ process: BenchProcess) {
        process.kill()
        processes.removeAll { $0 === process }
    }

    // MARK: What it uses

    /// Counts from here.
    func mark() throws {
        syncsBefore = try allSyncs()
        before.update { $0 = usages() }
    }

    /// What each process has used since ``mark()``; this one is the application.
    func used() -> [(label: String, usage: BenchUsage)] {
        let (now, then) = (usages(), before.update { $0 })
        return now.sorted { $0.key < $1.key }.map { ($0.key, $0.value - (then[$0.key] ?? BenchUsage())) }
    }

    /// How often the nodes have synced a file since ``mark()``, as their journals do.
    func syncs() throws -> Int64 {
        try allSyncs() - syncsBefore
    }

    private func allSyncs() throws -> Int64 {
        try processes.filter { $0.label.hasPrefix("node") }.reduce(0) { try $0 + $1.syncs() }
    }

    private func usages() -> [String: BenchUsage] {
        var found = ["application": BenchUsage(of: SystemProgram.pid)]
        for process in processes { found[process.label] = process.usage }
        return found
    }
}

/// What is asked of a benchmark.
struct BenchPlan: Sendable {
    var mode: BenchMode
    var jobs: Int
    var storage: String
    var sync: String
    var nodes: Int
    var argumentBytes: Int
    var window: Int
    /// Nil is what a node's settings say.
    var credit: Int?
    /// Jobs that are run before those that are counted.
    var warmUp = 2_000
    var redis: String?
    var url: SocketAddress?

    /// As settings write it.
    func storage(in directory: String) -> String {
        switch storage {
        case "journal": "journal:\(directory)?sync=\(sync)"
        case "redis": redis ?? "redis"
        default: storage
        }
    }

    /// What a job's "stored" was worth.
    var promise: String {
        switch storage {
        case "memory": "memory"
        case "redis" where redis != nil: "Redis, as that server is set up"
        default: "\(storage), sync \(sync)"
        }
    }
}

enum BenchMode: String, CaseIterable, Sendable {
    case throughput, latency, burst, timers, memory, recovery
}
