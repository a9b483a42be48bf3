public import JRBase

/// What an instance is doing, as `status` shows it.
public enum InstanceState: String, Sendable, CaseIterable {
    /// What it comes after is not ready yet.
    case waiting
    /// Its process is there and has not said that it is ready.
    case starting
    /// It has said that it takes over the jobs of its predecessor.
    case recovering
    case ready
    /// It has said that it works, but not fully.
    case degraded
    /// Something outside, such as its port in other hands, keeps it from starting. It is tried again until that is
    /// gone.
    case blocked
    /// It died and waits for its next start.
    case backingOff
    /// As backing off, after so many deaths in so short a time that somebody should look.
    case crashLooping
    /// It was asked to leave, or to pause, and ends its work; after a pause it stays until it is asked to resume.
    case draining
    /// It was sent a signal, or what it left in its process group was.
    case stopping
    case stopped
    /// It will not be started again by itself.
    case failed
    /// It ended as it should and is not to be started again.
    case finished

    /// Whether a process of this instance may be running.
    public var hasProcess: Bool {
        switch self {
        case .starting, .recovering, .ready, .degraded, .draining, .stopping: true
        case .waiting, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished: false
        }
    }

    /// Whether it stays as it is until somebody asks for a change.
    public var isSettled: Bool { self == .stopped || self == .failed || self == .finished }

    /// Whether what comes after it may start.
    public var allowsDependents: Bool { self == .ready || self == .finished }
}

/// How much patience a stop has.
public enum Urgency: Int, Sendable, Comparable, CaseIterable {
    /// Let the work in progress end, then the signal, then KILL.
    case drain
    /// The signal now, then KILL.
    case terminate
    /// KILL now.
    case kill

    public static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
}

/// What an instance's process says of itself over its ready descriptor.
public enum Report: Sendable, Equatable {
    case recovering
    case ready
    case degraded(String)
    /// No job runs, and none is taken: what it keeps.
    case drained(Holdings)
    /// It ends, although nobody here has asked it to.
    case stopping
    /// It still does its work.
    case alive
    /// It has found out that it does not, and wants what follows when it says nothing.
    case hung
}

/// What happened to an instance. What comes from a process names the incarnation, so that nothing late can be taken for
/// news of its successor.
public enum InstanceEvent: Sendable, Equatable {
    case startRequested
    case stopRequested(Urgency)
    case restartRequested(Urgency)
    /// An operator wants the process to get this signal; what it does then is its own affair.
    case signalRequested(Signal)
    /// The process is to go on without taking or beginning jobs, until it is asked to resume.
    case drainRequested(DrainKind)
    case resumeRequested
    case dependenciesReady
    /// The answers to `spawn`: exactly one of these three follows it, before any other event. What was started may be
    /// what an earlier manifest said, and so may whether it says by itself that it is ready, and how often that it is
    /// alive.
    case spawned(pid: Int32, saysReady: Bool? = nil, watchdog: Interval? = nil)
    case spawnFailed(reason: String, permanent: Bool)
    case startBlocked(by: String)
    case reported(Report, incarnation: Int)
    case exited(Exit, groupIsEmpty: Bool, incarnation: Int)
    case groupEmptied(incarnation: Int)
    case timerFired(serial: Int)
}

/// What the shell does for an instance, in this order.
public enum InstanceAction: Sendable, Equatable {
    case spawn(incarnation: Int)
    case signalGroup(Signal)
    case signalLeader(Signal)
    /// A word on the life line for a program that goes on: `drain`, `finish`, `resume`.
    case say(String)
    /// A word on the life line and its end: the program is to end its work and leave.
    case closeLifeline
    /// Replaces the timer armed before.
    case armTimer(serial: Int, at: Instant)
    case disarmTimer
    case announce(Change)
}

/// A change of state with its cause, for people and for the event log.
public struct Change: Sendable, Equatable {
    public var from: InstanceState
    public var to: InstanceState
    public var incarnation: Int
    public var pid: Int32?
    public var cause: String

    public init(from: InstanceState, to: InstanceState, incarnation: Int, pid: Int32?, cause: String) {
        self.from = from
        self.to = to
        self.incarnation = incarnation
        self.pid = pid
        self.cause = cause
    }
}
