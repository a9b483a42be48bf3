import JRBase
import JRCommandLine
import JRCore
import JRReactor
import JRSystem
import JobReactor
import Synchronization

/// One run of `jr-node`: loads the job directory, runs the node until it is told to stop, and says with what to exit.
final class NodeProgram: Sendable {
    private let options: NodeOptions
    private let environment: [String: String]
    private let node: Node
    private let reactor: Reactor
    private let supervised: SupervisedNode
    private let state = Mutex(State())

    private struct State {
        var exitCode = ExitCode.ok.rawValue
        var signals = 0
        /// The distributors that were said to be away, so that each absence is told once.
        var away: Set<String> = []
        var ended: CheckedContinuation<Void, Never>?
        var hasEnded = false
    }

    private init(_ options: NodeOptions, environment: [String: String]) throws {
        self.options = options
        self.environment = environment
        // The shared one: what job files enqueue with `JR.enqueue` goes where this node's jobs come from.
        JR.config = options.configuration
        reactor = try JR.reactor()
        node = try Node(options.node, on: reactor)
        supervised = SupervisedNode(node, environment: environment)
    }

    static func run(_ words: [String], environment: [String: String]) async -> Int32 {
        var options: NodeOptions
        do throws(UsageError) {
            switch try NodeOptions.spec.parse(words, environment: environment) {
            case .answer(let text):
                Standard.write(Standard.output, text.hasSuffix("\n") ? text : text + "\n")
                return ExitCode.ok.rawValue
            case .command(let command):
                options = try NodeOptions(command, environment: environment, pid: SystemProgram.pid)
            }
        } catch {
            Standard.write(Standard.error, NodeOptions.spec.text(for: error) + "\n")
            return ExitCode.usage.rawValue
        }
        do {
            if options.action == .run { try SupervisedProcess.check(environment: environment) }
            guard try prepare(&options, environment) else { return ExitCode.ok.rawValue }
            return try await NodeProgram(options, environment: environment).run()
        } catch let error as JobDirectoryError {
            for problem in error.problems { say("\(problem)") }
            return error.exitCode
        } catch let error as JobReactorError {
            say("\(error)")
            return error.exitCode
        } catch {
            say("\(error)")
            return ExitCode.software.rawValue
        }
    }

    /// Loads the jobs; false when that was all there is to do.
    private static func prepare(
        _ options: inout NodeOptions, _ environment: [String: String]
    ) throws(JobDirectoryError) -> Bool {
        if options.action == .run { return try load(&options, environment) }
        let directory = try JobDirectory.scan(options.jobs)
        switch options.action {
        case .compile(let output):
            try directory.compile(to: output, cache: options.cache, environment: environment, say)
            return false
        case .list:
            let names = try directory.load(cache: options.cache, environment: environment, say)
            Standard.write(Standard.output, names.map { $0 + "\n" }.joined())
            return false
        case .run:
            return true
        }
    }

    /// Loads the jobs that are to be run, or those that the supervisor has kept of an earlier start.
    private static func load(
        _ options: inout NodeOptions, _ environment: [String: String]
    ) throws(JobDirectoryError) -> Bool {
        options.node.openStorageAhead()
        let leftPrograms = LeftPrograms.beginEnding(environment: environment)
        let kept = environment["JR_KEPT_JOBS"]
        if let kept, Files.exists(kept) {
            say("back to the jobs of an earlier start, which are in \(kept)")
            try JobDirectory.scan(kept).load(cache: options.cache, environment: environment, say)
            // What they read beside them is still where it was.
            options.node.workingDirectory = (try? Files.realPath(options.jobs)) ?? kept
        } else {
            let directory = try JobDirectory.scan(options.jobs)
            try directory.load(cache: options.cache, environment: environment, keepingIn: kept, say)
            options.node.workingDirectory = directory.path
        }
        // Before any job runs: it may be one of theirs.
        let left = leftPrograms()
        if !left.isEmpty {
            let pids = left.map(String.init).joined(separator: ", ")
            say("ended what an earlier start left running: pid \(pids)")
        }
        options.node.log = LogHandler(from: .info) { entry in
            let level = entry.level == .info ? "" : "\(entry.level.rawValue): "
            say(level + entry.text + (entry.job.map { " (job \($0))" } ?? ""))
        }
        return true
    }

    private static func say(_ text: String) {
        Standard.write(Standard.error, "jr-node: \(text)\n")
    }

    // MARK: Running

    /// The reactor has a thread of its own: the main thread stays free for what jobs isolate to the main actor.
    private func run() async -> Int32 {
        reactor.execute { [self] loop in
            do throws(SystemError) {
                try SupervisedProcess.onEnd(loop, environment: environment, heard: { [self] in heard($0) }) {
                    [self] _, reason in drain(reason)
                }
            } catch {
                fail("\(error)", .software)
            }
            supervised.tellRecovering()
            node.start { [self] event in heard(event) }
        }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                state.ended = continuation
                return state.hasEnded
            }
            if isOver { continuation.resume() }
        }
        reactor.stop()
        reactor.waitUntilStopped()
        return state.withLock(\.exitCode)
    }

    private func heard(_ word: String) {
        switch word {
        case "drain", "finish": Self.say("the supervisor says to drain: no more jobs are taken; running ones end")
        case "resume": Self.say("the supervisor says to resume: jobs are taken again")
        default: break
        }
        supervised.heard(word)
    }

    private func heard(_ event: NodeEvent) {
        supervised.tell(event)
        switch event {
        case .recovered(let report):
            let name = options.node.settings.name
            let known = options.node.registry.names.count
            Self.say("\(name) is ready: \(known) jobs known, \(report.jobs) stored jobs recovered")
        case .connected(let distributor):
            state.withLock { _ = $0.away.remove(distributor) }
            Self.say("connected to \(distributor)")
        case .disconnected(let distributor, let reason, _):
            if state.withLock({ $0.away.insert(distributor).inserted }) {
                Self.say("no connection to \(distributor): \(reason). It is dialled until it answers")
            }
        case .paused:
            Self.say("drained: no job runs")
        case .drained:
            end()
        case .failed(let error):
            Self.say("\(error)")
            state.withLock { $0.exitCode = error.exitCode }
            end()
        }
    }

    private func end() {
        let continuation = state.withLock { state in
            defer { state.ended = nil }
            state.hasEnded = true
            return state.ended
        }
        continuation?.resume()
    }

    private func fail(_ text: String, _ code: ExitCode) {
        Self.say(text)
        state.withLock { $0.exitCode = code.rawValue }
        end()
    }

    /// A second signal does not wait for running jobs. The end of a supervisor that asked before is none.
    private func drain(_ cause: String) {
        let signals = state.withLock { state in
            if cause.hasPrefix("SIG") { state.signals += 1 }
            return state.signals
        }
        let limit = signals > 1 ? Interval.zero : options.drainLimit
        Self.say("\(cause): running jobs end, for at most \(Durations.format(limit))")
        node.drain(limit: limit)
    }
}
