import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@Suite("Timers of a loop", .mayBlock)
struct TimerTests {
    @Test("timers fire by deadline, and those of one deadline in the order in which they were made")
    func order() throws {
        let fired: [Int] = try onLoop { loop, finish in
            var fired: [Int] = []
            let start = loop.now.instant
            for (number, milliseconds) in [(0, 3), (1, 1), (2, 2), (3, 1), (4, 3)] as [(Int, Int64)] {
                loop.schedule(at: start + .milliseconds(milliseconds)) { _ in fired.append(number) }
            }
            loop.schedule(at: start + .milliseconds(4)) { _ in finish(fired) }
        }
        #expect(fired == [1, 3, 2, 0, 4])
    }

    @Test("a timer never fires early, even when it was set late in a long turn")
    func neverEarly() throws {
        let early: Bool = try onLoop { loop, finish in
            let busyUntil = SystemClock.instant() + .milliseconds(20)
            while SystemClock.instant() < busyUntil {}
            let earliest = SystemClock.instant() + .milliseconds(5)
            loop.schedule(after: .milliseconds(5)) { _ in finish(SystemClock.instant() < earliest) }
        }
        #expect(!early)
    }

    @Test("a cancelled timer never fires, not even one that is due in the same turn")
    func cancel() throws {
        let fired: [String] = try onLoop { loop, finish in
            var fired: [String] = []
            let due = loop.now.instant
            var second: Handle?
            loop.schedule(at: due) { loop in
                fired.append("first")
                if let second { loop.cancel(second) }
            }
            second = loop.schedule(at: due) { _ in fired.append("cancelled") }
            loop.schedule(at: due) { _ in fired.append("third") }
            loop.schedule(after: .milliseconds(1)) { _ in finish(fired) }
        }
        #expect(fired == ["first", "third"])
    }

    @Test("a timer of no delay that sets itself again lets bytes through, also when it reads the clock anew")
    func noStarvation() throws {
        let received: Int = try onLoop { loop, finish in
            let (left, right) = try Sockets.makePair()
            let reader = loop.adopt(Descriptor(owning: left), peer: "left")
            let writer = loop.adopt(Descriptor(owning: right), peer: "right")
            let collector = Collector()
            collector.onBytes = { _, _ in finish(collector.count) }
            reader.handler = collector
            func again(_ loop: Loop) {
                loop.refreshNow()
                loop.schedule(after: .zero, again)
            }
            again(loop)
            writer.write([1, 2, 3])
        }
        #expect(received == 3)
    }

    @Test("of 100,000 timers every one that was not cancelled fires, in order")
    func many() throws {
        let (fired, inOrder): (Int, Bool) = try onLoop { loop, finish in
            var random = SeededRandom(seed: 7)
            let start = loop.now.instant
            var fired = 0
            var last = Instant.zero
            var inOrder = true
            var handles: [Handle] = []
            for _ in 0..<100_000 {
                let deadline = start + .microseconds(Int64(random.below(100_000)))
                handles.append(
                    loop.schedule(at: deadline) { _ in
                        fired += 1
                        inOrder = inOrder && last <= deadline
                        last = deadline
                    })
            }
            for index in stride(from: 0, to: handles.count, by: 2) { loop.cancel(handles[index]) }
            loop.schedule(at: start + .milliseconds(101)) { _ in finish((fired, inOrder)) }
        }
        #expect(fired == 50_000)
        #expect(inOrder)
    }

    @Test("work put off goes on in later turns without a wait, and bytes come in between")
    func soon() throws {
        let (rounds, count): (Int, Int) = try onLoop { loop, finish in
            let (left, right) = try Sockets.makePair()
            let collector = Collector()
            loop.adopt(Descriptor(owning: left), peer: "left").handler = collector
            let writer = loop.adopt(Descriptor(owning: right), peer: "right")
            var rounds = 0
            func step(_ loop: Loop) {
                rounds += 1
                writer.write([UInt8](repeating: 0, count: 10))
                if rounds < 1_000 {
                    loop.soon(step)
                } else {
                    loop.schedule(after: .zero) { loop in loop.soon { _ in finish((rounds, collector.count)) } }
                }
            }
            loop.soon(step)
        }
        #expect(rounds == 1_000)
        #expect(count >= 9_000)
    }

    @Test("what is hooked to the end of a turn runs once, after reads, tasks and timers, and before bytes are sent")
    func endOfTurn() throws {
        let (order, together): ([String], Int) = try onLoop { loop, finish in
            let (left, right) = try Sockets.makePair()
            let collector = Collector()
            var order: [String] = []
            collector.onBytes = { _, _ in finish((order, collector.count)) }
            loop.adopt(Descriptor(owning: left), peer: "left").handler = collector
            let writer = loop.adopt(Descriptor(owning: right), peer: "right")
            loop.atEndOfTurn { loop in
                order.append("hook")
                writer.write([1])
            }
            loop.schedule(after: .zero) { _ in
                order.append("timer")
                writer.write([2])
            }
            loop.soon { _ in
                order.append("soon")
                writer.write([3])
            }
        }
        #expect(order == ["timer", "soon", "hook"])
        #expect(together == 3)
    }
}
