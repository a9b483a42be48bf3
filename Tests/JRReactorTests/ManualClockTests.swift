import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@Suite("A reactor with a manual clock", .mayBlock)
struct ManualClockTests {
    @Test("a timer fires when the clock is told that its time has come, and not before")
    func timers() throws {
        let clock = ManualClock(at: WallTime(milliseconds: 1_000))
        let reactor = try Reactor(name: "manual", clock: clock)
        let fired = Monitor<[Int]>([])
        try reactor.start { loop in
            loop.schedule(after: .seconds(3_600)) { _ in fired.update { $0.append(2) } }
            loop.schedule(after: .milliseconds(1)) { _ in fired.update { $0.append(1) } }
        }
        defer {
            reactor.stop()
            reactor.waitUntilStopped()
        }
        let patience = Interval.seconds(Int64(30))
        let turned = Monitor(false)
        reactor.execute { _ in turned.update { $0 = true } }
        #expect(turned.wait(timeout: patience) { $0 ? true : nil } == true)
        #expect(fired.update { $0 } == [])
        clock.advance(by: .milliseconds(1))
        #expect(fired.wait(timeout: patience) { $0 == [1] ? true : nil } == true)
        clock.advance(by: .seconds(Int64(3_600)))
        #expect(fired.wait(timeout: patience) { $0 == [1, 2] ? true : nil } == true)
        clock.advance(by: .seconds(Int64(-5)))
        #expect(clock.now.wall == WallTime(milliseconds: 3_601_001))
    }
}
