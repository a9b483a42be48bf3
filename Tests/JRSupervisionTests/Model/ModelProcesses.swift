import JRBase
import JRManifest
import JRSupervision

/// A process with what it leaves behind, as the model's machine has it: what signals do to it, and what it may do next
/// by itself.
struct ModelProcess {
    let incarnation: Int
    /// Of the entry that it was started from.
    let version: Int
    let reportsReady: Bool
    /// In place of what the plan says: a roll went back to it, or could not go back from it.
    var isFallback = false
    /// Whether it has not been reaped.
    var hasLeader = true
    /// Another one of its group, which outlives it.
    var hasStray: Bool
    /// What it is dying of; the news is on its way.
    var end: Exit?
    var isStrayDying = false
    let ignoresTerminate: Bool
    let strayIgnoresTerminate: Bool
    /// Whether it ever says that it is ready.
    let becomesReady: Bool
    /// Whether it dies as soon as it was ready.
    let diesReady: Bool
    var hasSaidReady = false
    var isToldToLeave = false
    /// It drains, or drained, and this is what it said it keeps.
    var isDraining = false
    var holdings: Holdings?

    mutating func take(_ signal: Signal, isForGroup: Bool) {
        switch signal {
        case .kill:
            if hasLeader { end = end ?? .signal(.kill, coreDumped: false) }
            if isForGroup, hasStray { isStrayDying = true }
        case .continue, .stop:
            break
        default:
            if hasLeader, !ignoresTerminate { end = end ?? .signal(signal, coreDumped: false) }
            if isForGroup, hasStray, !strayIgnoresTerminate { isStrayDying = true }
        }
    }

    mutating func hear(_ word: String) {
        isDraining = word != "resume"
        holdings = nil
    }
}

/// How processes of the model behave.
struct ModelCharacter {
    /// Once it is quiet everything does what it should.
    var isQuiet = false

    func process(
        _ incarnation: Int, version: Int, reportsReady: Bool, _ random: inout SeededRandom
    ) -> ModelProcess {
        // Some versions are no good: most of their processes never come up.
        let isBad = version % 3 == 2 && random.chance(3, in: 4)
        return ModelProcess(
            incarnation: incarnation, version: version, reportsReady: reportsReady,
            hasStray: !isQuiet && random.chance(1, in: 6), ignoresTerminate: !isQuiet && random.chance(1, in: 6),
            strayIgnoresTerminate: random.chance(1, in: 2),
            becomesReady: isQuiet || !isBad && !random.chance(1, in: 10),
            diesReady: !isQuiet && random.chance(1, in: 10))
    }

    /// Any end there is.
    func exit(_ random: inout SeededRandom) -> Exit {
        let codes: [Int32] = [0, 0, 1, 7, 64, 65, 69, 75, 78, 137, 255]
        if random.chance(1, in: 3) {
            let signal = [Signal.kill, .terminate, Signal(number: 4), Signal(number: 11)][random.below(4)]
            return .signal(signal, coreDumped: random.chance(1, in: 4))
        }
        return .code(codes[random.below(codes.count)])
    }

    func holdings(_ random: inout SeededRandom) -> Holdings {
        if isQuiet || random.chance(2, in: 3) { return Holdings() }
        return Holdings(waiting: random.below(2), scheduled: random.below(2), unacknowledged: random.below(2))
    }
}

/// What one place is to be like, by the simplest rules: what the operator asked for last, and what the policy says of
/// ends that nobody asked for.
struct ModelWish {
    var isWanted = false
    /// Whether a start is due: somebody asked for it, or the last process died.
    var mayStart = false
    /// Somebody wants this life to end: a stop or a restart.
    var isAskedToLeave = false
    /// It was not ready in time.
    var isLate = false
    var isPaused = false
    var wasEverReady = false
    /// The policy does not start it again.
    var final: InstanceState?

    mutating func start(hasProcess: Bool) {
        isWanted = true
        isPaused = false
        if !hasProcess { (mayStart, final) = (true, nil) }
    }

    mutating func stop(hasProcess: Bool) {
        (isWanted, isPaused) = (false, false)
        if hasProcess { isAskedToLeave = true } else { (mayStart, final) = (false, nil) }
    }

    mutating func restart(hasProcess: Bool) {
        start(hasProcess: hasProcess)
        if hasProcess { isAskedToLeave = true }
    }

    /// All of it is gone, or it could not be started.
    mutating func ended(_ exit: Exit, _ restart: Policy.Restart) {
        defer { (isAskedToLeave, isLate) = (false, false) }
        mayStart = false
        guard isWanted else { return }
        if isAskedToLeave {
            mayStart = true
        } else if isLate {
            if restart == .never { final = .failed } else { mayStart = true }
        } else {
            final = verdict(exit, restart)
            mayStart = final == nil
        }
    }

    private func verdict(_ exit: Exit, _ restart: Policy.Restart) -> InstanceState? {
        switch exit {
        case .notStarted(_, permanent: true), .code(64), .code(78): return .failed
        case .code(65) where !wasEverReady: return .failed
        default: break
        }
        switch (restart, exit == .code(0)) {
        case (.always, _), (.onFailure, false): return nil
        case (.onFailure, true), (.never, true): return .finished
        case (.never, false): return .failed
        }
    }
}

/// A manifest of the model, as numbers.
struct ModelManifest: Hashable {
    var port = 5000
    var main = 0
    var workers = (count: 2, version: 0)
    var mailers: (count: Int, version: Int)?
    /// Whether `web` is a node: under the same name it is something else.
    var web: (version: Int, isNode: Bool)?
    var once: (version: Int, restart: Policy.Restart)?
    var workersReady = 30

    init() {}

    init(_ random: inout SeededRandom) {
        port = random.chance(1, in: 6) ? 5001 : 5000
        main = random.chance(1, in: 4) ? 1 : 0
        workers = (1 + random.below(3), random.below(4))
        workersReady = random.chance(1, in: 3) ? 7 : 30
        if random.chance(1, in: 2) { mailers = (1 + random.below(2), random.below(4)) }
        if random.chance(1, in: 2) { web = (random.below(4), random.chance(1, in: 4)) }
        if random.chance(1, in: 2) { once = (random.below(4), random.chance(1, in: 2) ? .onFailure : .never) }
    }

    /// How many there are of each entry, and of what version.
    var entries: [String: (count: Int, version: Int)] {
        var entries = ["main": (1, main), "worker": workers]
        entries["mailer"] = mailers
        entries["web"] = web.map { (1, $0.version) }
        entries["once"] = once.map { (1, $0.version) }
        return entries
    }

    static func == (left: ModelManifest, right: ModelManifest) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    var text: String {
        let env = { (version: Int) in #""env": { "VERSION": "\#(version)" }"# }
        var nodes = [
            #""worker": { "count": \#(workers.count), "command": ["x"], "ready": "\#(workersReady)s", "#
                + #""storage": { "kind": "journal" }, \#(env(workers.version)) }"#
        ]
        if let mailers {
            nodes.append(
                #""mailer": { "count": \#(mailers.count), "command": ["x"], "storage": { "kind": "memory" }, "#
                    + "\(env(mailers.version)) }")
        }
        var programs: [String] = []
        if let web {
            let text = #""web": { "command": ["x"], \#(env(web.version))"#
            if web.isNode { nodes.append(text + " }") } else { programs.append(text + #", "after": ["main"] }"#) }
        }
        if let once {
            programs.append(
                #""once": { "command": ["x"], "restart": "\#(once.restart.rawValue)", \#(env(once.version)) }"#)
        }
        return """
            {
              "distributors": { "main": { "listen": "127.0.0.1:\(port)", "command": ["x"], \(env(main)) } },
              "nodes": { \(nodes.joined(separator: ", ")) }, "programs": { \(programs.joined(separator: ", ")) },
              "defaults": { "crashLoop": { "count": 4, "within": "20s" }, "backoff": { "max": "4s" } }
            }
            """
    }

    var plan: Plan {
        let reading = ManifestReader.read(Array(text.utf8))
        precondition(reading.problems.isEmpty, "\(reading.problems)")
        return Plan(
            reading.manifest,
            Plan.Surroundings(
                manifestDirectory: "/m", runtimeDirectory: "/r", programDirectory: "/p", environment: [:]))
    }
}

extension Plan.Instance {
    var version: Int {
        entry.environment.first { $0.name == "VERSION" }.flatMap { Int($0.value) } ?? -1
    }
}
