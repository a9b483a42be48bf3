import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

/// The short form works on what the whole process shares, so its tests come one after the other.
@Suite("The short form", .serialized, .mayBlock)
struct JRTests {
    private func quiet() {
        JR.config = Configuration(environment: [:])
        JR.config.log = nil
        JR.config.retryMultiplier = 0.001
    }

    @Test("B1, B2, B4: run calls its closure on the reactor's thread and goes on; ready waits until all is connected")
    func runs() async throws {
        quiet()
        let registry = JobRegistry()
        registry.define(Handler("double") { args in args["twice"] = .int(Int64(args["n"]?.int ?? 0) * 2) })
        let isInside = Monitor<Bool?>(nil)
        JR.run {
            let distributor = try JR.startDistributor("127.0.0.1", 0)
            try JR.startNode(name: "worker_1", distributors: ["\(distributor.address)"], registry: registry)
            let reactor = try JR.reactor()
            isInside.update { $0 = reactor.isOnLoop }
        }
        try await JR.ready()
        #expect(JR.isReady)
        #expect(isInside.update { $0 } == true)
        let result = try await JR.enqueue("double", ["n": 21]).value
        #expect(result == ["n": 21, "twice": 42])
        await JR.stop()
        #expect(!JR.isReady)
    }

    @Test("B1, B6: runForever stays on the calling thread until stop, and stop lets running jobs end")
    func runsForever() async throws {
        quiet()
        let gate = Monitor(false)
        let (started, ended) = (Monitor(false), Monitor<[String]>([]))
        let registry = JobRegistry()
        registry.define(
            Handler("slow") { (_: inout JobArguments) in
                started.update { $0 = true }
                _ = gate.wait { $0 ? true : nil }
                ended.update { $0.append("job") }
            })
        let reached = Promise<Result<JobHandle<JobArguments>, any Error>>()
        try Threads.start(name: "forever") {
            do {
                try JR.runForever {
                    let distributor = try JR.startDistributor("127.0.0.1", 0)
                    try JR.startNode(name: "worker_1", distributors: ["\(distributor.address)"], registry: registry)
                    reached.resolve(.success(try JR.enqueue("slow", [:], JobOptions(defer: true))))
                }
                ended.update { $0.append("returned") }
            } catch {
                reached.resolve(.failure(error))
            }
        }
        let handle = try await reached.get().get()
        #expect(started.wait(timeout: .seconds(Int64(30))) { $0 ? true : nil } == true)
        async let stopped: Void = JR.stop()
        gate.update { $0 = true }
        await stopped
        #expect(ended.wait(timeout: .seconds(Int64(30))) { $0.count == 2 ? true : nil } == true)
        #expect(ended.update { $0 } == ["job", "returned"])
        // Its feedback came back before the connections were closed.
        #expect(try await handle.result.ending == .complete)
    }

    @Test("what run throws is thrown by ready, and the reactor goes on for what is started later")
    func failure() async throws {
        quiet()
        let taken = try Distributor(listen: "127.0.0.1:0")
        JR.run { try JR.startDistributor("127.0.0.1", taken.address.port ?? 0) }
        let error = await #expect(throws: JobReactorError.self) { try await JR.ready() }
        #expect(error?.code == .unavailable)
        #expect(error?.what == "cannot listen on 127.0.0.1:\(taken.address.port ?? 0)")
        taken.stop()
        await JR.stop()
    }

    @Test("an application without a distributor of its own connects to one by its URL, with the same API")
    func connects() async throws {
        quiet()
        let harness = try Harness()
        harness.define("greet") { args in args["greeting"] = .string("Hello, \(args["name"]?.string ?? "")") }
        let node = try harness.startNode("worker_1")
        try JR.connect(harness.distributor.url)
        try await JR.ready()
        #expect(try await JR.enqueue("greet", ["name": "you"]).value["greeting"] == "Hello, you")
        await JR.stop()
        node.drain()
    }

    @Test("without a distributor anywhere an enqueue says what to do")
    func nowhere() throws {
        quiet()
        let error = #expect(throws: JobReactorError.self) { try JR.enqueue("greet") }
        #expect(
            error.map(String.init(describing:))
                == "there is no distributor to enqueue at: this program has started none and is connected to none. "
                + "Call JR.startDistributor or JR.connect first, or set JR_URL [unavailable]")
    }
}
