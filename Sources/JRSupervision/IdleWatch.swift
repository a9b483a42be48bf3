/// Whether a whole cluster is idle, from what its distributors say.
///
/// A distributor answers when it holds no job and its nodes are idle; but a job may have been on its way to another one
/// meanwhile. So all are asked twice: when nothing was enqueued, sent or started between two rounds of answers, there
/// was a moment between them at which nothing was anywhere.
///
/// Pure: the shell asks, and tells what it hears.
public struct IdleWatch: Sendable {
    /// What a distributor has answered.
    public struct Answer: Sendable, Equatable {
        public struct Node: Sendable, Equatable {
            public var name: String
            /// Counted since the node's start.
            public var stored: Int
            public var started: Int
            public var failed: Int

            public init(name: String, stored: Int, started: Int, failed: Int) {
                self.name = name
                self.stored = stored
                self.started = started
                self.failed = failed
            }
        }

        /// Made anew by each process: a restarted distributor has forgotten what it counted.
        public var session: [UInt8]
        public var enqueued: Int
        public var sent: Int
        public var nodes: [Node]

        public init(session: [UInt8], enqueued: Int, sent: Int, nodes: [Node]) {
            self.session = session
            self.enqueued = enqueued
            self.sent = sent
            self.nodes = nodes
        }
    }

    public enum Action: Sendable, Equatable {
        /// Ask this distributor; an earlier question to it counts no more.
        case ask(distributor: Int, round: Int)
        case idle
    }

    private let count: Int
    private var connected: Set<Int> = []
    private var round = 0
    private var answers: [Int: Answer] = [:]
    /// All answers of the round before.
    private var before: [Int: Answer]?
    private var isRunning = false
    public private(set) var isIdle = false

    /// - Parameter distributors: how many there are.
    public init(distributors: Int) {
        count = distributors
    }

    /// Begins to look, or looks again: what was found before counts no more.
    public mutating func begin() -> [Action] {
        isRunning = true
        before = nil
        return nextRound()
    }

    /// Nobody wants to know any more.
    public mutating func end() {
        isRunning = false
        isIdle = false
        before = nil
        answers = [:]
        round += 1
    }

    public mutating func opened(_ distributor: Int) -> [Action] {
        connected.insert(distributor)
        guard isRunning else { return [] }
        before = nil
        return nextRound()
    }

    /// Until it is back nothing can be said.
    public mutating func closed(_ distributor: Int) {
        connected.remove(distributor)
        answers = [:]
        before = nil
        isIdle = false
        round += 1
    }

    public mutating func answered(_ distributor: Int, round number: Int, _ answer: Answer) -> [Action] {
        guard isRunning, number == round, connected.contains(distributor) else { return [] }
        answers[distributor] = answer
        guard answers.count == count else { return [] }
        if before == answers { return becomeIdle() }
        before = answers
        return nextRound()
    }

    private mutating func nextRound() -> [Action] {
        round += 1
        answers = [:]
        isIdle = false
        if count == 0 { return becomeIdle() }
        guard connected.count == count else { return [] }
        return (0..<count).map { .ask(distributor: $0, round: round) }
    }

    private mutating func becomeIdle() -> [Action] {
        isIdle = true
        before = answers
        return [.idle]
    }

    /// Jobs that failed for good, by node: those that its storage keeps, or more that it does not keep.
    public var failedJobs: [String: Int] {
        var failed: [String: Int] = [:]
        for node in (before ?? [:]).values.flatMap(\.nodes) where node.failed > 0 {
            failed[node.name] = max(failed[node.name] ?? 0, node.failed)
        }
        return failed
    }
}
