import JRBase
import JRChaos
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

    /// What is still to come of a distributor: each answer comes once.
    private struct Awaited {
        var figures = true
        var nodes = true
        var jobs = true
    }

    private let loop: Loop
    private let links: [DistributorLink]
    private var waiting: [(JobSample?) -> Void] = []
    private var number = 0
    private var sample = JobSample(time: WallTime(milliseconds: 0))
    private var awaited: [Awaited] = []
    /// What each distributor calls itself.
    private var names: [String]
    private var timers: [Handle] = []
    /// A distributor has ended meanwhile: what is counted may be of either of its lives.
    private var isStale = false
    /// The same of a node.
    private var isWithoutNodes = false

    init(_ addresses: [ListenAddress], _ loop: Loop) {
        self.loop = loop
        names = addresses.map { _ in "" }
        links = addresses.map { address in
            DistributorLink(to: .tcp(host: address.host, port: UInt16(address.port)), loop)
        }
    }

    func open() {
        for (place, link) in links.enumerated() {
            // What was asked before is not answered any more.
            link.opened = { [weak self] in
                guard let self, !waiting.isEmpty else { return }
                ask(place)
            }
            link.dial()
        }
    }

    func close() {
        for link in links { link.close() }
        for timer in timers { loop.cancel(timer) }
        timers = []
        waiting = []
    }

    /// An instance died.
    func spoil(_ name: String) {
        if names.contains(name) { isStale = true } else { isWithoutNodes = true }
    }

    /// Hands over a sample: one of the distributors alone when their nodes have not answered within `patience`, as when
    /// one of them is stopped, and nil when not even they have answered within `limit`.
    func take(patience: Interval, within limit: Interval, _ done: @escaping (JobSample?) -> Void) {
        waiting.append(done)
        guard waiting.count == 1 else { return }
        number += 1
        let current = number
        isStale = false
        isWithoutNodes = false
        sample = JobSample(time: loop.refreshNow().wall)
        awaited = links.map { _ in Awaited() }
        timers = [patience, limit].map { wait in
            loop.schedule(after: wait) { [weak self] _ in self?.timeIsUp(current, isLast: wait == limit) }
        }
        for place in links.indices { ask(place) }
        if links.isEmpty { loop.soon { [weak self] _ in self?.answered(current) } }
    }

    private var hasFigures: Bool { awaited.allSatisfy { !$0.figures } }

    private func timeIsUp(_ current: Int, isLast: Bool) {
        guard current == number, isLast || hasFigures else { return }
        sample.isPartial = true
        finish(current, hasFigures)
    }

    /// Every question that this one has not answered.
    private func ask(_ place: Int) {
        let current = number
        let open = awaited[place]
        // To somebody who has seen nothing yet the distributor shows itself at once.
        if open.figures {
            links[place].ask("watch", ["mark": [:]]) { [weak self] in self?.countFigures($0, of: place, current) }
        }
        if open.nodes {
            links[place].ask("stats", [:]) { [weak self] in self?.countNodes($0, of: place, current) }
        }
        if open.jobs {
            links[place].ask("list", ["limit": .int(Int64(Self.mostJobs))]) { [weak self] answer in
                self?.countJobs(answer, of: place, current)
            }
        }
    }

    private func countFigures(_ answer: Value, of place: Int, _ current: Int) {
        guard current == number, awaited[place].figures, let counts = answer.map?["distributor"]?.map else { return }
        awaited[place].figures = false
        count(counts, of: place)
        answered(current)
    }

    private func count(_ counts: [String: Value], of place: Int) {
        let count = { (key: String) in counts[key]?.int ?? 0 }
        names[place] = counts["name"]?.string ?? ""
        sample.distributors[names[place]] = JobSample.Distributor(
            enqueued: count("enqueued"), stored: count("stored"), cancelled: count("cancelled"),
            rejected: count("rejected"), held: count("waiting") + count("onTheWire"), waiting: count("waiting"),
            maybeDuplicate: count("maybeDuplicate"))
    }

    private func countNodes(_ answer: Value, of place: Int, _ current: Int) {
        guard current == number, awaited[place].nodes, let map = answer.map, let counts = map["distributor"]?.map
        else { return }
        awaited[place].nodes = false
        count(counts, of: place)
        for node in (map["nodes"]?.array ?? []).compactMap(\.map) {
            let number = { (key: String) in node[key]?.int ?? 0 }
            sample.nodes[node["name"]?.string ?? ""] = JobSample.Node(
                active: number("ready") + number("running") + number("scheduled"), failed: number("failed"),
                isMemory: node["promise"]?.string == "memory")
        }
        answered(current)
    }

    private func countJobs(_ answer: Value, of place: Int, _ current: Int) {
        guard current == number, awaited[place].jobs else { return }
        awaited[place].jobs = false
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
                waitsIn: waits ? names[place] : nil)
        }
        // Nodes and distributors cut a list at this size.
        if bytes > Limits.frameBytes / 4 { sample.isWhole = false }
        answered(current)
    }

    private func answered(_ current: Int) {
        guard current == number, awaited.allSatisfy({ !$0.figures && !$0.nodes && !$0.jobs }) else { return }
        finish(current, true)
    }

    private func finish(_ current: Int, _ isUsable: Bool) {
        guard current == number, !waiting.isEmpty else { return }
        for timer in timers { loop.cancel(timer) }
        timers = []
        number += 1
        if isWithoutNodes { sample.isPartial = true }
        let receivers = waiting
        waiting = []
        for receiver in receivers { receiver(isUsable && !isStale ? sample : nil) }
    }
}
