import JRBase
import JRReactor
import JRSupervision
import JRSystem
import JRWire

/// Asks all distributors of a cluster what they and their nodes have.
///
/// Belongs to its loop's thread.
final class JobSampler {
    /// More rows than an answer has room for are not asked for.
    private static let mostJobs = 20_000

    private let loop: Loop
    private let links: [DistributorLink]
    private var waiting: [(JobSample?) -> Void] = []
    private var number = 0
    private var sample = JobSample(time: WallTime(milliseconds: 0))
    private var awaited = 0
    private var timer: Handle?
    /// A process has ended meanwhile: what is counted may be of either of its lives.
    private var isStale = false

    init(_ addresses: [ListenAddress], _ loop: Loop) {
        self.loop = loop
        links = addresses.map { address in
            DistributorLink(to: .tcp(host: address.host, port: UInt16(address.port)), loop)
        }
    }

    /// Calls `done` once all are connected, which they are at once in a cluster that is ready.
    func open(_ done: @escaping () -> Void) {
        var left = links.count
        if left == 0 { return done() }
        for link in links {
            link.opened = {
                left -= 1
                if left == 0 { done() }
            }
            link.dial()
        }
    }

    func close() {
        for link in links { link.close() }
        if let timer { loop.cancel(timer) }
        waiting = []
    }

    /// Something died.
    func spoil() { isStale = true }

    /// Hands over a sample, or nil when not all have answered in time, as when one of them is stopped.
    func take(within limit: Interval, _ done: @escaping (JobSample?) -> Void) {
        waiting.append(done)
        guard waiting.count == 1 else { return }
        number += 1
        let current = number
        isStale = false
        sample = JobSample(time: loop.refreshNow().wall)
        awaited = 2 * links.count
        timer = loop.schedule(after: limit) { [weak self] _ in self?.finish(current, isComplete: false) }
        for link in links {
            var name = ""
            link.ask("stats", [:]) { [weak self] answer in
                name = self?.countStatistics(answer, current) ?? ""
            }
            link.ask("list", ["limit": .int(Int64(Self.mostJobs))]) { [weak self] answer in
                self?.countJobs(answer, of: name, current)
            }
        }
        if links.isEmpty { loop.soon { [weak self] _ in self?.finish(current, isComplete: true) } }
    }

    private func countStatistics(_ answer: Value, _ current: Int) -> String {
        guard current == number, let map = answer.map, let counts = map["distributor"]?.map else { return "" }
        let count = { (key: String) in counts[key]?.int ?? 0 }
        let name = counts["name"]?.string ?? ""
        sample.distributors[name] = JobSample.Distributor(
            enqueued: count("enqueued"), stored: count("stored"), cancelled: count("cancelled"),
            rejected: count("rejected"), held: count("waiting") + count("onTheWire"),
            maybeDuplicate: count("maybeDuplicate"))
        for node in (map["nodes"]?.array ?? []).compactMap(\.map) {
            let number = { (key: String) in node[key]?.int ?? 0 }
            sample.nodes[node["name"]?.string ?? ""] = JobSample.Node(
                active: number("ready") + number("running") + number("scheduled"), failed: number("failed"),
                isMemory: node["promise"]?.string == "memory")
        }
        answered(current)
        return name
    }

    private func countJobs(_ answer: Value, of distributor: String, _ current: Int) {
        guard current == number else { return }
        let rows = answer.array ?? []
        if rows.count >= Self.mostJobs { sample.isWhole = false }
        var bytes = 0
        for row in rows.compactMap(\.map) {
            var writer = ByteWriter()
            writer.pack(map: row)
            bytes += writer.count
            guard let id = row["id"]?.string else { continue }
            let status = row["status"]?.string ?? ""
            let isEnded = ["complete", "cancelled", "failed"].contains(status)
            let waits = row["node"] == nil && row["waiting"]?.string != "on its way to a node"
            sample.jobs[id] = JobSample.Job(
                hasFailed: status == "failed", due: isEnded ? nil : row["due"]?.date,
                waitsIn: waits ? distributor : nil)
        }
        // Nodes and distributors cut a list at this size.
        if bytes > Limits.frameBytes / 4 { sample.isWhole = false }
        answered(current)
    }

    private func answered(_ current: Int) {
        awaited -= 1
        if awaited == 0 { finish(current, isComplete: true) }
    }

    private func finish(_ current: Int, isComplete: Bool) {
        guard current == number, !waiting.isEmpty else { return }
        if let timer { loop.cancel(timer) }
        timer = nil
        number += 1
        let receivers = waiting
        waiting = []
        for receiver in receivers { receiver(isComplete && !isStale ? sample : nil) }
    }
}
