import JRBase
package import JRReactor
import JRSystem
import JRWire
import Synchronization

extension JR {
    /// The reactor that everything shares which was given none: made and started on a thread of its own when it is
    /// first wanted.
    package static func reactor(_ given: Reactor? = nil) throws(JobReactorError) -> Reactor {
        if let given { return given }
        return try state.withLock { state throws(JobReactorError) in
            if let reactor = state.reactor { return reactor }
            do throws(SystemError) {
                let reactor = try Reactor(name: "job-reactor", poolThreads: state.configuration.poolThreads)
                try reactor.start { _ in }
                state.reactor = reactor
                return reactor
            } catch {
                throw noReactor(error)
            }
        }
    }

    /// The same, to be run by the calling thread.
    static func makeReactor() throws(JobReactorError) -> Reactor {
        try state.withLock { state throws(JobReactorError) in
            guard state.reactor == nil else {
                throw JobReactorError(
                    .configuration, what: "JR.runForever was called while the reactor runs",
                    why: "JR.run, or something that was started before, has begun it", mend: "Start things inside it")
            }
            do throws(SystemError) {
                let reactor = try Reactor(name: "job-reactor", poolThreads: state.configuration.poolThreads)
                state.reactor = reactor
                return reactor
            } catch {
                throw noReactor(error)
            }
        }
    }

    private static func noReactor(_ error: SystemError) -> JobReactorError {
        JobReactorError(
            .unavailable, what: "the reactor cannot be started", why: "\(error)",
            mend: "See the limits of open files and threads (ulimit -n, ulimit -u)", exitCode: 71)
    }

    /// Calls `body` on SIGTERM and SIGINT and when the supervisor goes away; `isFirst` is false from the second signal
    /// on.
    static func onEnd(
        of reactor: Reactor, heard: (@Sendable (String) -> Void)? = nil,
        _ body: @escaping @Sendable (_ isFirst: Bool) -> Void
    ) throws(JobReactorError) {
        reactor.execute { loop in
            var signals = 0
            do throws(SystemError) {
                try SupervisedProcess.onEnd(loop, heard: heard) { _, reason in
                    if reason.hasPrefix("SIG") { signals += 1 }
                    body(signals < 2)
                }
            } catch {
                config.log?(
                    LogEntry(
                        level: .error, time: loop.now.wall, source: "JR",
                        text: "signals are not watched, so the program ends without draining: \(error)"))
            }
        }
    }

    /// Tells the supervisor, if there is one, once everything that was started is ready.
    static func tellReadyWhenReady() {
        Task {
            guard (try? await ready()) != nil else { return }
            let port = state.withLock { $0.distributors.first?.address.port }
            SupervisedProcess.tellReady(port.map { ["port=\($0)"] } ?? [])
        }
    }

    /// For jobs: where the program enqueues, or a queue that says why there is none.
    static var queueOrRefusal: any JobQueue {
        do throws(JobReactorError) {
            return try queue()
        } catch {
            return NoQueue(reason: error)
        }
    }

    /// Notes the distributors of a node that was started on the shared reactor: a program that has nothing else, such
    /// as one whose job files call `JR.enqueue`, enqueues there.
    static func note(distributors: [SocketAddress], on reactor: Reactor) {
        state.withLock { state in
            guard state.reactor === reactor, state.nodeDistributors.isEmpty else { return }
            state.nodeDistributors = distributors
        }
    }
}

/// Refuses everything.
private struct NoQueue: JobQueue {
    let reason: JobReactorError

    func submit(_ request: JobRequest, _ observer: JobObserver?) throws(JobReactorError) { throw reason }

    func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        answer(.failure(reason))
    }

    var wallTime: WallTime { SystemClock.wall() }
}
