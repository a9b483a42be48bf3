import JRBase
import JRReactor
import JRSystem
import Synchronization
import TestSupport
import Testing

@Suite("A reactor as an executor", .mayBlock)
struct ExecutorTests {
    /// A reactor that runs for the time of `body`.
    func withReactor<Result>(_ body: (Reactor) async throws -> Result) async throws -> Result {
        let reactor = try Reactor(name: "executor")
        try reactor.start { _ in }
        defer { reactor.stop() }
        return try await body(reactor)
    }

    actor Counter {
        let reactor: Reactor
        var count = 0

        init(_ reactor: Reactor) {
            self.reactor = reactor
        }

        nonisolated var unownedExecutor: UnownedSerialExecutor { reactor.asUnownedSerialExecutor() }

        func add() -> Bool {
            count += 1
            return reactor.isOnLoop
        }

        func lookAtLoop() -> Bool { reactor.assumeOnLoop { loop in loop.reactor === reactor } }
    }

    @Test("a task that prefers the reactor stays on its thread over every suspension")
    func task() async throws {
        try await withReactor { reactor in
            let elsewhere = await Task(executorPreference: reactor) {
                var elsewhere = 0
                for _ in 0..<1_000 {
                    if !reactor.isOnLoop { elsewhere += 1 }
                    await Task.yield()
                    let answer = await withCheckedContinuation { continuation in
                        _ = try? Threads.start(name: "resumer") { continuation.resume(returning: 1) }
                    }
                    if answer != 1 || !reactor.isOnLoop { elsewhere += 1 }
                }
                return elsewhere
            }.value
            #expect(elsewhere == 0)
        }
    }

    @Test("an actor on the reactor runs on its thread, reaches the loop, and is known as isolated there")
    func actors() async throws {
        try await withReactor { reactor in
            let counter = Counter(reactor)
            var onLoop = 0
            for _ in 0..<100 where await counter.add() { onLoop += 1 }
            #expect(onLoop == 100)
            #expect(await counter.lookAtLoop())
            let count = await withCheckedContinuation { continuation in
                reactor.execute { _ in continuation.resume(returning: counter.assumeIsolated { $0.count }) }
            }
            #expect(count == 100)
        }
    }

    @Test("two tasks that call each other for ever do not keep timers and bytes from running")
    func fairness() async throws {
        try await withReactor { reactor in
            let isOver = Atomic<Bool>(false)
            let spinner = Task(executorPreference: reactor) {
                while !isOver.load(ordering: .relaxed) { await Task.yield() }
            }
            await withCheckedContinuation { continuation in
                reactor.execute { loop in loop.schedule(after: .milliseconds(5)) { _ in continuation.resume() } }
            }
            isOver.store(true, ordering: .relaxed)
            await spinner.value
        }
    }

    @Test("code that assumes the loop on another thread is stopped at once")
    func wrongThread() async {
        await #expect(processExitsWith: .failure) {
            let reactor = try Reactor(name: "wrong")
            try reactor.start { _ in }
            reactor.assumeOnLoop { _ in }
        }
    }
}
