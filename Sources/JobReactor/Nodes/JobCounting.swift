import JRBase
import JRCore
import JRReactor

/// Tells how many jobs a node has whenever that has changed, and not more often than four times a second.
final class JobCounting {
    private static let pause = Interval.milliseconds(250)

    private var told: NodeCounts?
    private var latest = NodeCounts()
    private var timer: Handle?
    private var tell: ((NodeCounts) -> Void)?

    var isWatched: Bool { tell != nil }

    func watch(_ tell: @escaping (NodeCounts) -> Void) {
        self.tell = tell
        told = nil
    }

    func unwatch(on loop: Loop) {
        tell = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    /// Called at the end of every turn while somebody watches.
    func look(at counts: NodeCounts, on loop: Loop) {
        latest = counts
        guard timer == nil, counts != told else { return }
        told = counts
        tell?(counts)
        timer = loop.schedule(after: Self.pause) { [weak self] loop in
            guard let self else { return }
            self.timer = nil
            self.look(at: self.latest, on: loop)
        }
    }
}
