public import JRBase
import JRSupervision

/// What the distributors of a cluster say about its jobs at one moment.
public struct JobSample: Sendable, Equatable {
    /// Counted since a distributor's start, and what it holds now.
    public struct Distributor: Sendable, Equatable {
        /// Taken from applications.
        public var enqueued: Int
        /// Handed to nodes that have stored them.
        public var stored: Int
        /// Cancelled or destroyed while they waited.
        public var cancelled: Int
        /// Wrong, as their node found: their application was told.
        public var rejected: Int
        /// Waiting for a node, or on their way to one.
        public var held: Int
        /// Those of them that wait.
        public var waiting: Int
        /// Stored by a second node, because the first could not say whether it had them.
        public var maybeDuplicate: Int

        /// - Parameters:
        ///   - enqueued: Taken from applications.
        ///   - stored: Handed to nodes that have stored them.
        ///   - cancelled: Cancelled or destroyed while they waited.
        ///   - rejected: Wrong, as their node found.
        ///   - held: Waiting for a node, or on their way to one.
        ///   - waiting: Those of them that wait.
        ///   - maybeDuplicate: Stored by a second node as well.
        public init(
            enqueued: Int = 0, stored: Int = 0, cancelled: Int = 0, rejected: Int = 0, held: Int = 0,
            waiting: Int = 0, maybeDuplicate: Int = 0
        ) {
            self.enqueued = enqueued
            self.stored = stored
            self.cancelled = cancelled
            self.rejected = rejected
            self.held = held
            self.waiting = waiting
            self.maybeDuplicate = maybeDuplicate
        }
    }

    /// The same of a node.
    public struct Node: Sendable, Equatable {
        /// Jobs that have not ended.
        public var active: Int
        /// Failed for good since its start.
        public var failed: Int
        /// Whether nothing of it survives its process.
        public var isMemory: Bool

        /// - Parameters:
        ///   - active: Jobs that have not ended.
        ///   - failed: Failed for good since its start.
        ///   - isMemory: Whether nothing of it survives its process.
        public init(active: Int = 0, failed: Int = 0, isMemory: Bool = false) {
            self.active = active
            self.failed = failed
            self.isMemory = isMemory
        }
    }

    /// A job that a sample has seen, as far as anything follows from it.
    public struct Job: Sendable, Equatable {
        /// For good.
        public var hasFailed: Bool
        /// When it is to run; nil for now.
        public var due: WallTime?
        /// The distributor in which it waits for a node.
        public var waitsIn: String?

        /// - Parameters:
        ///   - hasFailed: For good.
        ///   - due: When it is to run; nil for now.
        ///   - waitsIn: The distributor in which it waits for a node.
        public init(hasFailed: Bool = false, due: WallTime? = nil, waitsIn: String? = nil) {
            self.hasFailed = hasFailed
            self.due = due
            self.waitsIn = waitsIn
        }
    }

    /// When it was asked for.
    public var time: WallTime
    /// By instance.
    public var distributors: [String: Distributor] = [:]
    /// By instance.
    public var nodes: [String: Node] = [:]
    /// By id.
    public var jobs: [String: Job] = [:]
    /// Whether all jobs are in ``jobs``: a list has an end.
    public var isWhole = true
    /// Whether only the distributors have answered, as when a node is stopped.
    public var isPartial = false

    /// - Parameter time: When it was asked for.
    public init(time: WallTime) {
        self.time = time
    }
}

/// Whether jobs were lost or failed, from what was counted before, during and after.
///
/// A count of what was done dies with the process that has it, so it is kept from the last sample before each death.
/// What must still be true of a cluster whatever died in it decides:
/// - what a distributor has taken, it has handed over, holds, or was cancelled; what waits in it when it dies is no
///   loss: no application has a receipt for it, and a node may have stored it between the last sample and the death;
/// - a job that is for a later time is somewhere until then;
/// - what has failed was not failed before;
/// - a node that keeps its jobs in memory loses them with its process.
public struct ChaosLedger: Sendable {
    private var before: JobSample?
    private var last: JobSample?
    /// Counted from, for each distributor in its present life.
    private var bases: [String: JobSample.Distributor] = [:]
    private var totals = JobSample.Distributor()
    private var failedBefore: Set<String> = []
    private var failedNow: Set<String> = []
    /// By node in its present life.
    private var nodeFailures: [String: Int] = [:]
    private var countedFailures = 0
    private var inMemory: [String: Int] = [:]
    /// The lives of each distributor that are over.
    private var lives: [String: [Life]] = [:]
    private var later: [String: WallTime] = [:]
    private var isWhole = true
    private var samples = 0

    private struct Life {
        /// Nil for one that ended before it could be asked.
        var enqueued: Int?
        /// Jobs that waited in it at its end.
        var waiting: Int
        /// Which they are, where that is known.
        var jobs: Set<String>?
    }

    /// Knows nothing yet.
    public init() {}

    /// The nodes that the first sample knew; the last one has to know them as well.
    public var knownNodes: Set<String> { Set(before?.nodes.keys.map { $0 } ?? []) }

    /// Takes another sample; the first one is that before everything.
    ///
    /// - Parameter sample: What the distributors say.
    public mutating func take(_ sample: JobSample) {
        samples += 1
        guard !sample.isPartial else {
            last?.distributors.merge(sample.distributors) { $1 }
            last?.isPartial = true
            return
        }
        if before == nil {
            before = sample
            failedBefore = Set(sample.jobs.filter(\.value.hasFailed).keys)
            for (name, counts) in sample.distributors { bases[name] = counts }
            for (name, node) in sample.nodes { nodeFailures[name] = node.failed }
        }
        for (name, node) in sample.nodes {
            // A life that began meanwhile counts from 0.
            let known = nodeFailures[name] ?? 0
            countedFailures += max(0, node.failed - known)
            nodeFailures[name] = node.failed
        }
        isWhole = isWhole && sample.isWhole
        for (id, job) in sample.jobs {
            if job.hasFailed, !failedBefore.contains(id) { failedNow.insert(id) }
            if !job.hasFailed, let due = job.due { later[id] = due } else { later[id] = nil }
        }
        last = sample
    }

    /// A process has ended: what it had counted is gone with it.
    ///
    /// - Parameter name: The instance.
    public mutating func died(_ name: String) {
        if let counts = last?.distributors[name] {
            let base = bases[name] ?? JobSample.Distributor()
            add(counts, since: base)
            let jobs = (last?.jobs ?? [:]).filter { $0.value.waitsIn == name }
            lives[name, default: []].append(
                Life(
                    enqueued: counts.enqueued - base.enqueued, waiting: counts.waiting,
                    jobs: last?.isPartial == true ? nil : Set(jobs.keys)))
            bases[name] = JobSample.Distributor()
            last?.distributors[name] = nil
        } else if before?.distributors[name] != nil {
            lives[name, default: []].append(Life(enqueued: nil, waiting: 0, jobs: nil))
        }
        nodeFailures[name] = 0
        if let node = last?.nodes[name], node.isMemory, node.active > 0 {
            inMemory[name, default: 0] += node.active
        }
        last?.nodes[name] = nil
    }

    private mutating func add(_ counts: JobSample.Distributor, since base: JobSample.Distributor) {
        totals.enqueued += counts.enqueued - base.enqueued
        totals.stored += counts.stored - base.stored
        totals.cancelled += counts.cancelled - base.cancelled
        totals.rejected += counts.rejected - base.rejected
        totals.maybeDuplicate += counts.maybeDuplicate - base.maybeDuplicate
    }

    /// What it came to.
    public struct Findings: Sendable, Equatable {
        /// Taken from applications meanwhile.
        public var enqueued: Int
        /// Stored by nodes meanwhile.
        public var stored: Int
        /// With distributors and nodes at the end.
        public var left: Int
        /// Failed for good meanwhile.
        public var failed: Int
        /// Nowhere any more.
        public var lost: Int
        /// Stored by a second node as well.
        public var maybeDuplicate: Int
        /// How often the distributors were asked.
        public var samples: Int
        /// A sentence for each thing that is wrong.
        public var problems: [String]
        /// What could not be looked at.
        public var gaps: [String]
        /// What nothing follows from.
        public var remarks: [String]
    }

    /// Takes the last sample and judges.
    ///
    /// - Parameter sample: What the distributors say when everything is ready again.
    public mutating func judge(_ sample: JobSample) -> Findings {
        take(sample)
        var problems: [String] = []
        var missing = 0
        var remarks: [String] = []
        for (name, counts) in sample.distributors.sorted(by: { $0.key < $1.key }) {
            let base = bases[name] ?? JobSample.Distributor()
            let vanished = counts.missing(since: base)
            if vanished > 0 {
                problems.append("\(Words.count(vanished, "job")) left \(name) and no node had stored them")
                missing += vanished
            }
            add(counts, since: base)
            let gone = waitedInVain(name, enqueued: counts.enqueued - base.enqueued, sample)
            if gone > 0 {
                remarks.append(
                    "\(Words.count(gone, "job")) waited in \(name) when it died, and nobody has enqueued them again: "
                        + "nodes stored them in its last moment, or their application is gone and had no receipt")
            }
        }
        let vanished = isWhole ? later.filter { $0.value > sample.time && sample.jobs[$0.key] == nil } : [:]
        if let first = vanished.keys.min() {
            problems.append(
                "\(Words.count(vanished.count, "job")) for a later time cannot be found any more, such as \(first)")
        }
        for (name, count) in inMemory.sorted(by: { $0.key < $1.key }) {
            problems.append("\(name) keeps its jobs in memory and died with \(Words.count(count, "job"))")
        }
        let failed = max(failedNow.count, countedFailures)
        if failed > 0 {
            let example = failedNow.min().map { ", such as \($0) (`jr show \($0)`)" } ?? ""
            problems.append("\(Words.count(failed, "job")) failed for good\(example)")
        }
        let lost = missing + vanished.count + inMemory.values.reduce(0, +)
        let left =
            sample.distributors.values.reduce(0) { $0 + $1.held } + sample.nodes.values.reduce(0) { $0 + $1.active }
        return Findings(
            enqueued: totals.enqueued, stored: totals.stored, left: left, failed: failed, lost: lost,
            maybeDuplicate: totals.maybeDuplicate, samples: samples, problems: problems, gaps: gaps(sample),
            remarks: remarks)
    }

    /// At least so many that waited when a distributor died were never enqueued again: whatever was enqueued in later
    /// lives may have been those.
    ///
    /// The same jobs can have waited in several lives, so that these are not added up.
    private func waitedInVain(_ name: String, enqueued: Int, _ sample: JobSample) -> Int {
        var later = enqueued
        var most = 0
        for life in (lives[name] ?? []).reversed() {
            let waited = life.jobs.map { ids in ids.count { sample.jobs[$0] == nil } } ?? life.waiting
            if sample.isWhole || life.jobs == nil { most = max(most, waited - later) }
            // Anything can have been enqueued in one that nobody has asked.
            guard let count = life.enqueued else { break }
            later += count
        }
        return most
    }

    private func gaps(_ sample: JobSample) -> [String] {
        var gaps: [String] = []
        if !isWhole { gaps.append("there are more jobs than can be listed: those for a later time were only counted") }
        for (name, lives) in lives.sorted(by: { $0.key < $1.key }) {
            let unseen = lives.count { $0.enqueued == nil }
            if unseen > 0 {
                gaps.append("\(name) died before it could be asked, \(Words.count(unseen, "time"))")
            }
        }
        let away = knownNodes.subtracting(sample.nodes.keys).sorted()
        if !away.isEmpty { gaps.append("no distributor has a connection to \(away.joined(separator: ", "))") }
        let silent = Set(before?.distributors.keys.map { $0 } ?? []).subtracting(sample.distributors.keys).sorted()
        if !silent.isEmpty { gaps.append("no answer from \(silent.joined(separator: ", "))") }
        return gaps
    }
}

extension JobSample.Distributor {
    /// Jobs that it has no more, and nobody else has got from it.
    func missing(since base: JobSample.Distributor) -> Int {
        let taken = enqueued - base.enqueued
        let settled = (stored - base.stored) + (cancelled - base.cancelled) + (rejected - base.rejected)
        return taken - settled - (held - base.held)
    }
}
