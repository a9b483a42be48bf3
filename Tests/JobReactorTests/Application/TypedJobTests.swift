import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("Typed jobs", .serialized, .mayBlock)
struct TypedJobTests {
    private struct Thumbnail: ResultJob {
        static let kind = "thumbnail"
        var path: String
        var sizes = [64]

        func run(_ context: JobContext) async throws -> [String] {
            await Task.yield()
            return sizes.map { "\(path)-\($0).png, attempt \(context.attempt)" }
        }
    }

    private struct Note: Job {
        var text: String

        func run(_ context: JobContext) async throws {
            if text.isEmpty { throw Empty() }
        }

        struct Empty: Error {}
    }

    private struct Heavy: ResultJob {
        static let options = JobOptions(defer: true)

        func run(_ context: JobContext) throws -> Bool { context.reactor.isOnLoop }
    }

    private func startNode(_ harness: Harness) throws -> RunningNode {
        harness.registry.define(Thumbnail.self)
        harness.registry.define(Note.self)
        harness.registry.define(Heavy.self)
        return try harness.startNode("worker_1") { $0.retry = .fixed(.milliseconds(1)) }
    }

    @Test("B8, B18: a job's value is its arguments, and what it returns is the typed answer")
    func answers() async throws {
        let harness = try Harness()
        let node = try startNode(harness)
        let jobs = try harness.client()
        let files = try await jobs.enqueue(Thumbnail(path: "/x", sizes: [1, 2])).value
        #expect(files == ["/x-1.png, attempt 1", "/x-2.png, attempt 1"])
        #expect(try await jobs.enqueue(Note(text: "hello"), after: .milliseconds(1)).value == Nothing())
        #expect(try await jobs.enqueue(Heavy()).value == false)
        node.drain()
    }

    @Test("B8: what a type defines is enqueued by name, and what a name defines by type, in one wire form")
    func interoperates() async throws {
        let harness = try Harness()
        let node = try startNode(harness)
        let jobs = try harness.client()
        let byName = try await jobs.enqueue("thumbnail", ["path": "/y", "sizes": [3]]).value
        #expect(byName == ["path": "/y", "sizes": [3], "result": ["/y-3.png, attempt 1"]])
        node.drain()

        let other = try Harness()
        other.define("thumbnail") { args in args["result"] = [args["path"] ?? .null] }
        let otherNode = try other.startNode("worker_1")
        #expect(try await other.distributor.enqueue(Thumbnail(path: "/z")).value == ["/z"])
        otherNode.drain()
    }

    @Test("a job whose arguments do not fit its type fails at the first attempt, and says what does not fit")
    func misfits() async throws {
        let harness = try Harness()
        let node = try startNode(harness)
        let jobs = try harness.client()
        let failure = await #expect(throws: JobFailure.self) {
            _ = try await jobs.enqueue("thumbnail", ["path": 7]).value
        }
        #expect(failure?.attempts == 1)
        #expect(failure?.message.contains("'path'") == true, "\(failure?.message ?? "")")
        node.drain()
    }

    @Test("an answer that does not fit the type is an error of its own, and no feedback")
    func wrongAnswer() async throws {
        let harness = try Harness()
        harness.define("thumbnail") { args in args["result"] = 7 }
        let node = try harness.startNode("worker_1")
        let heard = Monitor(0)
        let job = try harness.client().enqueue(Thumbnail(path: "/z")).onSuccess { _ in heard.update { $0 += 1 } }
        let error = await #expect(throws: JobReactorError.self) { _ = try await job.value }
        #expect(error?.code == .invalidArguments)
        #expect(heard.update { $0 } == 0)
        node.drain()
    }

    @Test("a list of a node's jobs has types and handlers with their chains, and a list may depend on conditions")
    func list() async throws {
        let harness = try Harness()
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        configuration.retryMultiplier = 0.001
        configuration.maxAttempts = 2
        let isMailer = false
        let node = try Node(
            "worker_1", distributors: ["\(harness.address)"], configuration: configuration, on: harness.reactor
        ) {
            Thumbnail.self
            Handler(Note.self).errback { args in args["noted"] = true }
            Handler("greet") { args in args["greeting"] = "Hello" }
                .callback { args in args["length"] = .int(Int64(args["greeting"]?.string?.count ?? 0)) }
            if isMailer { Handler("mail") { (_: inout JobArguments) in } }
            for number in 1...2 { Handler("job\(number)") { args in args["n"] = .int(Int64(number)) } }
        }
        node.start()
        let jobs = harness.distributor
        #expect(try await jobs.enqueue("greet").value == ["greeting": "Hello", "length": 5])
        #expect(try await jobs.enqueue("job2").value == ["n": 2])
        let failure = await #expect(throws: JobFailure.self) { _ = try await jobs.enqueue(Note(text: "")).value }
        #expect(failure?.arguments == ["text": "", "error": "Empty()", "noted": true])
        #expect(failure?.attempts == 2)
        let known = try await jobs.ask("nodes").array?.first?.map?["jobs"]?.array
        #expect(known == ["Note", "greet", "job1", "job2", "thumbnail"])
        try await node.stop()
    }
}
