import JRBase
import JRJSON
import JRReactor
import JRSystem
import JRWire
import Synchronization
import Testing

@testable import JRStorage

/// Something that a loop does, from one turn to a later one.
struct Step {
    let name: String
    /// Not counted.
    var prepare: (Loop) -> Void = { _ in }
    /// Calls its second argument in the turn in which it is over, if it is not called by ``next``.
    var body: (Loop, @escaping (Loop) -> Void) -> Void
}

extension Step {
    /// One turn, or what is left of it after `body`, and the next one's beginning.
    init(turn name: String, prepare: @escaping (Loop) -> Void = { _ in }, _ body: @escaping (Loop) -> Void) {
        self.init(name: name, prepare: prepare) { loop, next in
            body(loop)
            loop.soon(next)
        }
    }
}

/// Counts what steps ask of the system, one after the other, on a loop that runs on this thread.
final class TurnCounter {
    private let counter: CallCounter
    private let steps: [Step]
    private var (place, round) = (0, 0)
    private var calls = CallCounts()
    private var found = JSONObject()
    private let done: (Result<JSONObject, any Error>) -> Void

    private init(
        _ counter: CallCounter, _ steps: [Step], done: @escaping (Result<JSONObject, any Error>) -> Void
    ) {
        (self.counter, self.steps, self.done) = (counter, steps, done)
    }

    static func run(
        _ counter: CallCounter, clock: ManualClock? = nil, steps: @escaping @Sendable (Loop) throws -> [Step]
    ) throws -> JSONObject {
        let reactor = try Reactor(name: "counted", clock: clock)
        let result = Mutex<Result<JSONObject, any Error>?>(nil)
        reactor.run { loop in
            do {
                let turns = TurnCounter(counter, try steps(loop)) { found in
                    result.withLock { $0 = found }
                    reactor.stop()
                }
                loop.soon { turns.next($0) }
            } catch {
                result.withLock { $0 = .failure(error) }
                reactor.stop()
            }
        }
        return try #require(result.withLock { $0 }).get()
    }

    private func next(_ loop: Loop) {
        guard place < steps.count else { return done(.success(found)) }
        let (step, round) = (steps[place], round)
        step.prepare(loop)
        let before = counter.now
        step.body(loop) { [self] loop in
            calls.add(round, before, counter.now)
            self.round += 1
            if self.round == CallCounts.rounds {
                found[step.name] = calls.each
                (place, self.round, calls) = (place + 1, 0, CallCounts())
            }
            next(loop)
        }
    }
}
