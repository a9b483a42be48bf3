public import JRBase
import Synchronization

/// A clock that stands still until it is told to go on, for tests of what happens later: a reactor that was made with
/// one has no other time. Safe from any thread.
///
///     let clock = ManualClock(at: WallTime(milliseconds: 0))
///     let reactor = try Reactor(name: "test", clock: clock)
///     clock.advance(by: .seconds(3_600))
///
/// Connections count silence by it too: where it jumps, let heartbeats be longer than the jump.
public final class ManualClock: Sendable {
    private struct State: Sendable {
        var now: Now
        var wakes: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>

    /// - Parameter date: what it shows first; its forward clock begins at zero.
    public init(at date: WallTime) {
        state = Mutex(State(now: Now(instant: .zero, wall: date)))
    }

    /// What it shows.
    public var now: Now { state.withLock(\.now) }

    /// Goes on, and lets every reactor that has it do what has become due. It never goes back: a negative interval
    /// counts as none.
    public func advance(by interval: Interval) {
        let wakes = state.withLock { state in
            let step = max(interval, .zero)
            state.now = Now(instant: state.now.instant + step, wall: state.now.wall + step)
            return state.wakes
        }
        for wake in wakes { wake() }
    }

    func onAdvance(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wakes.append(wake) }
    }
}
