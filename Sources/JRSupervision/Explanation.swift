import JRBase
public import JRJSON

/// The answer to `why NAME`: the state of an instance with its cause, the evidence for it, and what can be done.
public struct Explanation: Sendable, Equatable {
    public var name: String
    public var state: InstanceState
    public var cause: String
    public var incarnation: Int
    public var restarts: Int
    /// How long it has been in this state.
    public var seconds: Double?
    /// The last end in words.
    public var lastExit: String?
    /// What its process last said that it is doing.
    public var said: String?
    /// Jobs that were in progress at that end, as their ids read, the first few of them.
    public var jobs: [String]
    /// What is waited for, with its states.
    public var waitsFor: [String]
    /// What can be done, the most likely first; nothing where nothing is wrong.
    public var advice: [String]
    /// Its log file.
    public var log: String

    /// What the supervisor knows of an instance.
    public struct Facts: Sendable {
        public var name: String
        public var machine: InstanceMachine
        public var seconds: Double?
        public var jobs: [String]
        public var waitsFor: [(name: String, state: InstanceState)]
        public var log: String
        /// What its process last said that it is doing.
        public var said: String?

        public init(
            name: String, machine: InstanceMachine, seconds: Double?, jobs: [String],
            waitsFor: [(name: String, state: InstanceState)], log: String
        ) {
            self.name = name
            self.machine = machine
            self.seconds = seconds
            self.jobs = jobs
            self.waitsFor = waitsFor
            self.log = log
        }
    }

    public init(_ facts: Facts) {
        let machine = facts.machine
        name = facts.name
        state = machine.state
        cause = machine.cause
        incarnation = machine.incarnation
        restarts = machine.restarts
        seconds = facts.seconds
        lastExit = machine.lastExitWords
        jobs = facts.jobs
        waitsFor = facts.waitsFor.map { "\($0.name) (\($0.state.rawValue))" }
        log = facts.log
        said = facts.said
        advice = Explanation.advice(facts)
    }

    // MARK: Advice

    private static func advice(_ facts: Facts) -> [String] {
        let name = facts.name
        let machine = facts.machine
        let follow = "`jr-supervisor logs \(name) -f` shows what it says"
        switch machine.state {
        case .ready, .finished: return []
        case .waiting: return facts.waitsFor.map { "`jr-supervisor why \($0.name)` says what that waits for" }
        case .starting:
            let limit = Durations.format(machine.policy.ready)
            return [
                "it has not said that it is ready; after \(limit) (\"ready\") it is stopped and started again", follow,
            ]
        case .recovering: return ["it takes over the jobs of its predecessor; large journals take a while", follow]
        case .degraded: return ["it works, and says itself what it lacks", follow]
        case .blocked: return ["end what holds it, or listen elsewhere: port 0 takes any that is free"]
        case .draining where machine.isPaused:
            return ["it was asked to take no more jobs; `jr-supervisor resume \(name)` lets it take them again"]
        case .draining: return ["it lets its jobs end; `jr-supervisor stop \(name) --now` does not wait for them"]
        case .stopping:
            let limit = Durations.format(machine.policy.stop.kill)
            return ["it was told to end; after \(limit) (\"stop.kill\") it gets KILL"]
        case .stopped:
            let start = "`jr-supervisor start \(name)` starts it"
            return machine.incarnation == 0 ? [start] : ["it was to stop, and stays so: \(start)"]
        case .backingOff, .crashLooping:
            let again = "it is tried again by itself; `jr-supervisor start \(name)` tries at once"
            return (machine.lastExit.map { reasons($0, machine, facts.jobs) } ?? []) + [again]
        case .failed:
            let start = "then `jr-supervisor start \(name)`"
            return (machine.lastExit.map { reasons($0, machine, facts.jobs) } ?? []) + [start]
        }
    }

    /// What an end like this usually comes from.
    private static func reasons(_ exit: Exit, _ machine: InstanceMachine, _ jobs: [String]) -> [String] {
        if machine.readyTimeouts > 0 {
            return ["it did not become ready in time: see the last lines, or give it longer (\"ready\")"]
        }
        if machine.wasHung {
            return [
                "it was there and did not say any more that it is alive: the last lines may say where it stands, or"
                    + " give it longer (\"watchdog\")"
            ]
        }
        switch exit {
        case .notStarted: return ["mend \"command\" in the manifest, or what it names"]
        case .code(ExitCodes.usage): return ["its command line is wrong: mend \"command\" in the manifest"]
        case .code(ExitCodes.configuration): return ["its settings are wrong: mend what the last lines name"]
        case .code(ExitCodes.data):
            return ["mend the file that the last lines name, such as a job that does not compile"]
        case .code(ExitCodes.tryAgain): return ["it asked for another try: what it needs is not there yet"]
        case .code: return ["mend what the last lines name"]
        case .signal(.kill, _):
            return ["nobody here sent it KILL: `dmesg | grep -i oom` tells whether the kernel ran out of memory"]
        case .signal(let signal, _):
            guard signal.meaning != nil else { return ["somebody else sent it \(signal)"] }
            let bug = "a bug in it, or in a job: the last lines may say where"
            guard let first = jobs.first else { return [bug] }
            return [
                bug,
                "`jr show \(first)` shows a job that was in progress; one that is so at several deaths in a row is set"
                    + " aside as failed",
            ]
        }
    }

    // MARK: Forms

    public var json: JSON {
        let strings = { (texts: [String]) in JSON.array(texts.map(JSON.string)) }
        return [
            "name": .string(name), "state": .string(state.rawValue), "cause": .string(cause),
            "seconds": seconds.map { .double($0) } ?? .null, "incarnation": .int(Int64(incarnation)),
            "restarts": .int(Int64(restarts)), "lastExit": lastExit.map { .string($0) } ?? .null,
            "jobs": strings(jobs), "waitsFor": strings(waitsFor), "advice": strings(advice), "log": .string(log),
            "said": said.map { .string($0) } ?? .null,
        ]
    }

    /// Nil for what a supervisor of this version does not send.
    public init?(_ json: JSON) {
        guard let name = json["name"]?.string,
            let state = json["state"]?.string.flatMap(InstanceState.init(rawValue:)),
            let cause = json["cause"]?.string
        else { return nil }
        let strings = { (key: String) in (json[key]?.array ?? []).compactMap(\.string) }
        self.name = name
        self.state = state
        self.cause = cause
        incarnation = Int(truncatingIfNeeded: json["incarnation"]?.int ?? 0)
        restarts = Int(truncatingIfNeeded: json["restarts"]?.int ?? 0)
        seconds = json["seconds"]?.double
        lastExit = json["lastExit"]?.string
        said = json["said"]?.string
        jobs = strings("jobs")
        waitsFor = strings("waitsFor")
        advice = strings("advice")
        log = json["log"]?.string ?? ""
    }

    /// For people, with the last lines of its log.
    public func text(lines: [String]) -> String {
        let time = seconds.map { " for " + Durations.format(.seconds($0)) } ?? ""
        var text = "\(name) is \(state.rawValue)\(time)\n"
        func row(_ label: String, _ value: String) {
            text += "  \(label)" + String(repeating: " ", count: max(1, 9 - label.count)) + "\(value)\n"
        }
        row("cause", cause)
        if !waitsFor.isEmpty { row("waits", "for " + waitsFor.joined(separator: ", ")) }
        if let lastExit, !cause.holds(lastExit) { row("last end", lastExit) }
        if let said { row("says", said) }
        if restarts > 0 { row("restarts", "\(restarts), this is incarnation \(incarnation)") }
        if !jobs.isEmpty { row("jobs", "in progress at the last death: " + jobs.joined(separator: ", ")) }
        for (place, line) in advice.enumerated() { row(place == 0 ? "advice" : "", line) }
        if !lines.isEmpty {
            row("log", log)
            text += lines.map { "    \($0)\n" }.joined()
        }
        return text
    }
}
