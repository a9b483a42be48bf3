public import JRBase

/// What a cluster looked like at one moment, as ``ClusterMonitor`` is told.
public struct MonitorSample: Sendable, Equatable {
    /// Counted since the start of a process.
    public struct Totals: Sendable, Equatable {
        /// Jobs that came in, at the distributor.
        public var enqueued: Int
        /// Attempts that succeeded.
        public var done: Int
        /// Jobs that failed for good.
        public var failed: Int
        /// Attempts that failed and that another one follows.
        public var retried: Int

        /// So many of each.
        public init(enqueued: Int = 0, done: Int = 0, failed: Int = 0, retried: Int = 0) {
            self.enqueued = enqueued
            self.done = done
            self.failed = failed
            self.retried = retried
        }
    }

    /// A job that waits longest.
    public struct Waiting: Sendable, Equatable {
        /// The job's name.
        public var name: String
        /// Since when it waits.
        public var since: WallTime

        /// A job that waits since then.
        public init(name: String, since: WallTime) {
            self.name = name
            self.since = since
        }
    }

    /// An attempt that failed.
    public struct Failure: Sendable, Equatable {
        /// The job's id, as text.
        public var id: String
        /// The job's name.
        public var name: String
        /// Which attempt it was.
        public var attempt: Int
        /// No other one follows.
        public var isFinal: Bool
        /// What went wrong.
        public var error: String
        /// When.
        public var at: WallTime

        /// An attempt that failed so.
        public init(id: String, name: String, attempt: Int, isFinal: Bool, error: String, at: WallTime) {
            self.id = id
            self.name = name
            self.attempt = attempt
            self.isFinal = isFinal
            self.error = error
            self.at = at
        }
    }

    /// A connected node.
    public struct Node: Sendable, Equatable {
        /// The node's name.
        public var name: String
        /// Tells one start of the node from another.
        public var start: Int
        /// In a word or two.
        public var state: String
        /// When it connected.
        public var since: WallTime?
        /// The storage and its promise.
        public var storage: String
        /// Jobs in line to run.
        public var ready = 0
        /// Attempts under way.
        public var running = 0
        /// Jobs for a later time.
        public var scheduled = 0
        /// Jobs that have ended and are kept.
        public var kept = 0
        /// Counted since its start.
        public var totals = Totals()
        /// The job that is in line longest.
        public var oldest: Waiting?
        /// The last attempts that failed, oldest first.
        public var failures: [Failure] = []

        /// A node without jobs.
        public init(name: String, start: Int, state: String, since: WallTime?, storage: String) {
            self.name = name
            self.start = start
            self.state = state
            self.since = since
            self.storage = storage
        }
    }

    /// What the distributor calls itself.
    public var distributor: String
    /// Applications that are connected to it.
    public var applications = 0
    /// Jobs that wait in the distributor or are on their way to a node.
    public var waiting = 0
    /// The job that waits longest there.
    public var oldest: Waiting?
    /// Jobs that came in since the distributor's start.
    public var enqueued = 0
    /// The connected nodes.
    public var nodes: [Node] = []

    /// A distributor without nodes and jobs.
    public init(distributor: String) {
        self.distributor = distributor
    }
}

/// The model of `jr monitor`: what came of the samples so far. It knows no clock and no terminal.
public struct ClusterMonitor: Sendable {
    /// A node that is not connected any more.
    struct Gone: Sendable {
        var node: MonitorSample.Node
        var at: WallTime
    }

    /// Over so long rates are taken.
    public static let window = Interval.seconds(Int64(5))
    /// Nodes that went and are still shown.
    static let mostGone = 16

    private(set) var sample: MonitorSample?
    private(set) var gone: [Gone] = []
    /// What was counted while we looked, over the starts of all processes.
    private var totals = MonitorSample.Totals()
    private var history: [(at: Instant, totals: MonitorSample.Totals)] = []
    private var lines: [String] = []

    /// A monitor that has seen nothing yet.
    public init() {}

    /// Takes in what the cluster looks like now.
    public mutating func receive(_ new: MonitorSample, at now: Now) {
        let time = Self.clock(now.wall)
        if let old = sample {
            // One that starts anew counts from nothing.
            totals.enqueued += new.enqueued - (new.enqueued >= old.enqueued ? old.enqueued : 0)
        }
        for node in new.nodes { compare(node, time, isFirst: sample == nil) }
        for node in sample?.nodes ?? [] where !new.nodes.contains(where: { $0.name == node.name }) {
            gone.append(Gone(node: node, at: now.wall))
            lines.append("\(time) node \(Terminal.escape(node.name)) is gone")
        }
        gone.removeAll { gone in new.nodes.contains { $0.name == gone.node.name } }
        gone.removeFirst(max(0, gone.count - Self.mostGone))
        sample = new
        history.append((now.instant, totals))
        while history.count > 1, history[1].at <= now.instant - Self.window { history.removeFirst() }
        lines.append("\(time) \(summary(new, at: now))")
    }

    private mutating func compare(_ node: MonitorSample.Node, _ time: String, isFirst: Bool) {
        let connected = sample?.nodes.first { $0.name == node.name }
        let old = connected ?? gone.last { $0.node.name == node.name }?.node
        let name = Terminal.escape(node.name)
        if connected == nil {
            lines.append("\(time) node \(name) is \(Terminal.escape(node.state)) (\(Terminal.escape(node.storage)))")
        } else if let connected, connected.state != node.state {
            lines.append("\(time) node \(name) is \(Terminal.escape(node.state))")
        }
        if let old {
            let before = old.start == node.start ? old.totals : MonitorSample.Totals()
            totals.done += max(0, node.totals.done - before.done)
            totals.failed += max(0, node.totals.failed - before.failed)
            totals.retried += max(0, node.totals.retried - before.retried)
        }
        for failure in node.failures where old?.failures.contains(failure) != true {
            lines.append(Self.text(of: failure, on: node.name))
        }
    }

    /// A line for each change since the last call, in order.
    public mutating func takeLines() -> [String] {
        defer { lines = [] }
        return lines
    }

    /// What was counted within the last few seconds, and how long that is.
    public func recent(at now: Instant) -> (totals: MonitorSample.Totals, time: Interval) {
        guard let first = history.first else { return (MonitorSample.Totals(), .seconds(Int64(1))) }
        let base = history.last { $0.at <= now - Self.window } ?? first
        let recent = MonitorSample.Totals(
            enqueued: totals.enqueued - base.totals.enqueued, done: totals.done - base.totals.done,
            failed: totals.failed - base.totals.failed, retried: totals.retried - base.totals.retried)
        // What changes is told at once: before the first of these nothing had, since the one before it.
        return (recent, max(.seconds(Int64(1)), min(Self.window, now - first.at)))
    }

    /// When the picture is to be drawn again although nothing is heard: rates fall, and what waits grows older.
    public func nextFrame(after now: Instant) -> Instant? {
        guard let sample else { return nil }
        let moves = recent(at: now).totals != MonitorSample.Totals() || oldest(sample) != nil
        return moves ? now + .seconds(Int64(1)) : nil
    }

    // MARK: Words

    private func summary(_ sample: MonitorSample, at now: Now) -> String {
        let sum = { (count: KeyPath<MonitorSample.Node, Int>) in sample.nodes.reduce(0) { $0 + $1[keyPath: count] } }
        let (recent, time) = recent(at: now.instant)
        var text =
            "nodes \(sample.nodes.count) waiting \(sample.waiting) ready \(sum(\.ready)) running \(sum(\.running))"
        text += " scheduled \(sum(\.scheduled)) kept \(sum(\.kept)) done \(sum(\.totals.done))"
        text += " (\(Numbers.rate(recent.done, in: time))) failed \(sum(\.totals.failed))"
        text += " (\(Numbers.rate(recent.failed, in: time))) retried \(sum(\.totals.retried))"
        text += " (\(Numbers.rate(recent.retried, in: time)))"
        if let oldest = oldest(sample) { text += " oldest \(Self.age(now.wall - oldest.job.since))" }
        return text
    }

    /// Of the distributor and all nodes.
    func oldest(_ sample: MonitorSample) -> (job: MonitorSample.Waiting, place: String)? {
        var all = sample.nodes.compactMap { node in node.oldest.map { (job: $0, place: "node " + node.name) } }
        if let oldest = sample.oldest { all.append((job: oldest, place: "the distributor")) }
        return all.min { $0.job.since < $1.job.since }
    }

    /// `08:15:04 worker.1: greet failed at attempt 2: no such host`.
    static func text(of failure: MonitorSample.Failure, on node: String) -> String {
        let text =
            "\(node): \(failure.name) failed at attempt \(failure.attempt)"
            + "\(failure.isFinal ? ", the last" : ""): \(failure.error)"
        return "\(Self.clock(failure.at)) \(Terminal.escape(text))"
    }

    /// `08:15:04`, in UTC.
    static func clock(_ time: WallTime) -> String { String(Dates.formatTimeOfDay(time).prefix(8)) }

    /// In whole seconds, and no finer than somebody who looks at it cares about.
    static func age(_ time: Interval) -> String {
        let whole = max(0, time.nanoseconds / 1_000_000_000)
        if whole < 60 { return "\(whole)s" }
        if whole < 3_600 { return "\(whole / 60)m\(whole % 60)s" }
        if whole < 86_400 { return "\(whole / 3_600)h\(whole % 3_600 / 60)m" }
        return "\(whole / 86_400)d\(whole % 86_400 / 3_600)h"
    }
}
