import JRBase
import JRSystem
import TestSupport
import Testing

@Suite("Threads, clocks and randomness", .mayBlock)
struct ThreadTests {
    @Test("a waiter wakes for the change it waits for, and gives up when its time is over")
    func monitor() throws {
        let monitor = Monitor(0)
        for _ in 0..<10 { try Threads.start(name: "adder") { monitor.update { $0 += 1 } } }
        #expect(monitor.wait(timeout: .seconds(Int64(30))) { $0 == 10 ? "all" : nil } == "all")
        let start = SystemClock.instant()
        #expect(monitor.wait(timeout: .milliseconds(20)) { $0 == 11 ? true : nil } == nil)
        #expect(SystemClock.instant() - start >= .milliseconds(20))
    }

    @Test("threads have ids of their own")
    func ids() throws {
        let other = Monitor<UInt?>(nil)
        try Threads.start(name: "a name longer than fifteen bytes") { other.update { $0 = Threads.currentID } }
        let id = other.wait(timeout: .seconds(Int64(30))) { $0 }
        #expect(id != nil && id != Threads.currentID && id != 0)
    }

    @Test("the forward clock never goes back, and the date is of this century")
    func clocks() {
        let first = SystemClock.now()
        let second = SystemClock.now()
        #expect(second.instant >= first.instant)
        #expect(first.wall.milliseconds > 1_700_000_000_000)
    }

    @Test("random bytes and seeds differ")
    func randomness() {
        #expect(SystemRandom.bytes(16) != SystemRandom.bytes(16))
        #expect(SystemRandom.bytes(16).count == 16)
        #expect(SystemRandom.bytes(0).isEmpty)
        #expect(SystemRandom.seed() != SystemRandom.seed())
        // More than are asked of the kernel at once.
        #expect(Set((0..<1_000).map { _ in SystemRandom.number() }).count == 1_000)
    }
}
