import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@Suite("A reactor and other threads", .mayBlock)
struct ThreadTests {
    @Test("of what 100 threads hand over nothing is lost, and each thread's order is kept")
    func execute() throws {
        let perThread = 1_000
        let reactor = try Reactor(name: "inbox")
        let state = Monitor((count: 0, inOrder: true))
        let last = Monitor([Int](repeating: -1, count: 100))
        try reactor.start { _ in }
        for thread in 0..<100 {
            try Threads.start(name: "sender") {
                for number in 0..<perThread {
                    reactor.execute { _ in
                        let isNext = last.withLock { last in
                            defer { last[thread] = number }
                            return last[thread] == number - 1
                        }
                        state.update { state in
                            state.count += 1
                            state.inOrder = state.inOrder && isNext
                        }
                    }
                }
            }
        }
        let all = state.wait(timeout: .seconds(Int64(60))) { $0.count == 100 * perThread ? $0.inOrder : nil }
        reactor.stop()
        reactor.waitUntilStopped()
        #expect(all == true)
    }

    @Test("a burst for a sleeping loop costs one wake-up, and one for a busy loop or from the loop itself none")
    func coalescing() throws {
        let reactor = try Reactor(name: "burst")
        let gate = Monitor(false)
        let arrived = Monitor(0)
        let isBusy = Monitor(false)
        try reactor.start { loop in
            isBusy.update { $0 = true }
            // The loop is held here while the others hand over.
            _ = gate.wait { $0 ? true : nil }
            for _ in 0..<1_000 { reactor.execute { _ in arrived.update { $0 += 1 } } }
        }
        _ = isBusy.wait { $0 ? true : nil }
        for _ in 0..<1_000 { reactor.execute { _ in arrived.update { $0 += 1 } } }
        #expect(reactor.wakeUps == 0)
        gate.update { $0 = true }
        #expect(arrived.wait(timeout: .seconds(Int64(30))) { $0 == 2_000 ? true : nil } == true)
        #expect(reactor.wakeUps == 0)
        reactor.stop()
        reactor.waitUntilStopped()
        #expect(reactor.wakeUps <= 1)
    }

    @Test("an idle loop does nothing at all while time passes for another")
    func idle() throws {
        let idle = try Reactor(name: "idle")
        try idle.start { loop in
            loop.schedule(after: .seconds(Int64(3_600))) { _ in }
        }
        // Another loop's timer lets time pass; the first round gives the idle one time to fall asleep.
        let turns: [Int] = try onLoop { loop, finish in
            var turns: [Int] = []
            func look(_ loop: Loop) {
                turns.append(idle.turns)
                if turns.count == 3 { finish(turns) } else { loop.schedule(after: .milliseconds(150), look) }
            }
            loop.schedule(after: .milliseconds(150), look)
        }
        idle.stop()
        idle.waitUntilStopped()
        #expect(Set(turns).count == 1, "turns seen: \(turns)")
        #expect(idle.wakeUps == 1)
    }

    @Test("a stopped loop has closed what it owned, told the owners, and takes nothing more")
    func stop() throws {
        let reactor = try Reactor(name: "stop")
        let reasons = Monitor<[CloseReason]>([])
        let port = Monitor<SocketAddress?>(nil)
        let isReady = Monitor(false)
        try reactor.start { loop in
            let listener = try? loop.listen(on: .tcp(host: "127.0.0.1", port: 0)) { loop, connection in
                let collector = Collector()
                collector.onClosed = { reason, _ in reasons.withLock { $0.append(reason) } }
                connection.handler = collector
                isReady.update { $0 = true }
            }
            guard let address = listener?.address else { return }
            port.withLock { $0 = address }
            loop.connect(to: address, timeout: .seconds(Int64(5))) { _, result in
                let collector = Collector()
                collector.onClosed = { reason, _ in reasons.withLock { $0.append(reason) } }
                (try? result.get())?.handler = collector
            }
        }
        _ = isReady.wait(timeout: .seconds(Int64(30))) { $0 ? true : nil }
        reactor.stop()
        reactor.waitUntilStopped()
        #expect(reasons.withLock { $0 } == [.loopStopped, .loopStopped])
        #expect(!reactor.execute { _ in Issue.record("a stopped loop ran something") })
        let address = try #require(port.withLock { $0 })
        // A process that another test has just forked has the listener until it executes something, and another test
        // may be given the same port: neither for long.
        let refused: Int32? = try onLoop { loop, finish in
            func look(_ loop: Loop, _ left: Int) {
                loop.connect(to: address, timeout: .seconds(Int64(5))) { loop, result in
                    guard case .failure(let error) = result else {
                        guard left > 0 else { return finish(nil) }
                        (try? result.get())?.close()
                        loop.schedule(after: .milliseconds(20)) { look($0, left - 1) }
                        return
                    }
                    finish(error.code)
                }
            }
            look(loop, 1_000)
        }
        #expect(refused == SystemError.refused)
    }

    @Test("what was taken before the stop runs before the end")
    func lastTasks() throws {
        let reactor = try Reactor(name: "last")
        let ran = Monitor(0)
        try reactor.start { loop in
            reactor.stop()
            for _ in 0..<10 { reactor.execute { _ in ran.withLock { $0 += 1 } } }
        }
        reactor.waitUntilStopped()
        #expect(ran.withLock { $0 } == 10)
    }

    @Test("work that blocks runs on at most 20 threads beside the loop, and its result comes back to it")
    func offload() throws {
        let (onPool, onLoopThread, highest): (Int, Int, Int) = try onLoop { loop, finish in
            let reactor = loop.reactor
            let running = Monitor((now: 0, highest: 0, all: 0))
            var onLoopThread = 0
            var onPool = 0
            for _ in 0..<60 {
                loop.offload { () -> Bool in
                    running.update { state in
                        state.now += 1
                        state.all += 1
                        state.highest = max(state.highest, state.now)
                    }
                    // Twenty have to be here at once before any may go on.
                    _ = running.wait(timeout: .seconds(Int64(30))) { $0.all >= 20 ? true : nil }
                    running.update { $0.now -= 1 }
                    return !reactor.isOnLoop
                } then: { _, isElsewhere in
                    if isElsewhere { onPool += 1 }
                    if reactor.isOnLoop { onLoopThread += 1 }
                    if onLoopThread == 60 { finish((onPool, onLoopThread, running.update { $0.highest })) }
                }
            }
        }
        #expect(onPool == 60)
        #expect(onLoopThread == 60)
        #expect(highest == 20)
    }

    @Test("a value bound to a loop is opened and released on its thread, whoever lets it go")
    func loopBound() throws {
        final class Value {
            let released: @Sendable () -> Void
            init(_ released: @escaping @Sendable () -> Void) { self.released = released }
            deinit { released() }
        }
        let reactor = try Reactor(name: "bound")
        let releasedOnLoop = Monitor<Bool?>(nil)
        let carrier = Monitor<LoopBound<Value>?>(nil)
        let isMade = Monitor(false)
        try reactor.start { loop in
            let value = Value { releasedOnLoop.update { $0 = reactor.isOnLoop } }
            carrier.withLock { $0 = LoopBound(value, loop) }
            isMade.update { $0 = true }
        }
        _ = isMade.wait { $0 ? true : nil }
        carrier.withLock { $0 = nil }
        #expect(releasedOnLoop.wait(timeout: .seconds(Int64(30))) { $0 } == true)
        reactor.stop()
        reactor.waitUntilStopped()
    }

    @Test("signals reach the loop, whatever thread the kernel chose for them")
    func signals() throws {
        let received: Set<Int32> = try onLoop { loop, finish in
            var received: Set<Int32> = []
            try loop.onSignals([Signals.user1, Signals.user2]) { _, number in
                received.insert(number)
                if received.count == 2 { finish(received) }
            }
            try Threads.start(name: "raiser") {
                try? Processes.signal(pid: SystemProgram.pid, Signals.user1)
                try? Processes.signal(pid: SystemProgram.pid, Signals.user2)
            }
        }
        #expect(received == [Signals.user1, Signals.user2])
    }

    @Test("signals that are held wait, those with them that came before and were not told yet")
    func heldSignals() throws {
        let turns: Int = try onLoop { loop, finish in
            var turns = 0
            var isHeld = true
            try loop.onSignals([Signals.windowChanged]) { _, _ in finish(isHeld ? -1 : turns) }
            // To this thread: another one would take it when it likes.
            try Signals.raise(Signals.windowChanged)
            loop.holdSignals()
            loop.soon { loop in
                loop.soon { loop in
                    turns += 1
                    isHeld = false
                    loop.releaseSignals()
                }
            }
        }
        #expect(turns == 1)
    }
}
