import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

private struct Sum: ResultJob {
    var numbers: [Int]
    var label: String?

    func run(_ context: JobContext) async throws -> Answer {
        await Task.yield()
        return Answer(sum: numbers.reduce(0, +), attempt: context.attempt, label: label)
    }

    struct Answer: Codable, Sendable, Equatable {
        var sum: Int
        var attempt: Int
        var label: String?
    }
}

private struct Touch: Job {
    static let kind = "touch.v1"
    static let options = JobOptions(notNode: "worker_1", maxAttempts: 1)
    var path: String

    func run(_ context: JobContext) async throws {
        if path.isEmpty { throw NoPath() }
    }
}

private struct NoPath: Error {}

@Suite("Kinds of jobs and of what they are given", .serialized, .mayBlock)
struct KindsTests {
    @Test("B8: a typed job takes its properties and gives its typed answer, under its type's name or its own")
    func typed() async throws {
        let harness = try Harness()
        harness.registry.define(Sum.self)
        harness.registry.define(Touch.self)
        #expect(harness.registry.names == ["Sum", "touch.v1"])
        let nodes = [try harness.startNode("worker_1"), try harness.startNode("worker_2")]
        let jobs = harness.distributor
        let answer = try await jobs.enqueue(Sum(numbers: [1, 2, 39], label: "all")).value
        #expect(answer == Sum.Answer(sum: 42, attempt: 1, label: "all"))
        // The options of the type are those of each of its jobs, unless others are given.
        #expect(try await jobs.enqueue(Touch(path: "/x")).result.node == "worker_2")
        #expect(try await jobs.enqueue(Touch(path: "/x"), on: .require("worker_1")).result.node == "worker_1")
        let failure = await #expect(throws: JobFailure.self) { _ = try await jobs.enqueue(Touch(path: "")).value }
        #expect(failure?.attempts == 1)
        #expect(failure?.message == "NoPath()")
        for node in nodes { node.drain() }
    }

    @Test("B8: a typed job may be enqueued by name, and a typed enqueue may be run by a closure")
    func oneRegistry() async throws {
        let harness = try Harness()
        harness.registry.define(Handler(Sum.self).callback { args in args["seen"] = true })
        harness.define("touch.v1") { args in args["closure"] = args["path"] }
        let node = try harness.startNode("worker_2")
        let args = try await harness.distributor.enqueue("Sum", ["numbers": [20, 22]]).value
        #expect(args["result"] == ["sum": 42, "attempt": 1])
        #expect(args["seen"] == true)
        let job = try harness.distributor.enqueue(Touch(path: "/x"), after: .milliseconds(1))
        #expect(try await job.result.arguments["closure"] == "/x")
        node.drain()
    }

    @Test("B12: every kind of value goes through a job unchanged, in lists and maps too")
    func values() async throws {
        let harness = try Harness()
        harness.define("echo") { args in args["again"] = .map(args.values) }
        let node = try harness.startNode("worker_1")
        let values: [String: Value] = [
            "null": .null, "bool": false, "int": .int(.min), "large": .int(.max), "double": .double(-0.1),
            "string": "ünïcode \u{0}\n", "bytes": .bytes([0, 255, 128]), "date": .date(WallTime(milliseconds: -1)),
            "empty": .array([]), "": "no name",
            "array": [.null, true, 1, 2.5, "three", .array([.bytes([])]), .map([:])],
            "map": ["deep": ["deeper": [1, .date(WallTime(milliseconds: 1_700_000_000_123))]]],
        ]
        let args = try await harness.client().enqueue("echo", JobArguments(values)).value
        #expect(args["again"] == .map(values))
        for (name, value) in values { #expect(args[name] == value) }
        node.drain()
    }

    @Test("B11: a job opens a connection on the reactor it runs on, and talks over it")
    func connection() async throws {
        let harness = try Harness()
        let address = Promise<SocketAddress>()
        harness.reactor.execute { loop in
            guard let localhost = try? SocketAddress(parsing: "127.0.0.1:0") else { return }
            let listener = try? loop.listen(on: localhost) { _, connection in connection.handler = Upper() }
            if let listener { address.resolve(listener.address) }
        }
        harness.registry.define(
            Handler("shout") { args, context in
                let server = try await address.get()
                let text = Promise<String>()
                let said = args["text"]?.string ?? ""
                context.reactor.execute { loop in
                    loop.connect(to: server, timeout: .seconds(Int64(10))) { _, result in
                        guard let connection = try? result.get() else { return text.resolve("no connection") }
                        connection.handler = Reader(text)
                        connection.write(Array(said.utf8))
                        connection.closeWrite()
                    }
                }
                args["heard"] = .string(try await text.get())
            })
        let node = try harness.startNode("worker_1")
        #expect(try await harness.distributor.enqueue("shout", ["text": "hello"]).value["heard"] == "HELLO")
        node.drain()
    }
}

/// Answers in capitals.
private final class Upper: ConnectionHandler {
    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        connection.write(bytes.withUnsafeBytes { $0.map { byte in byte >= 97 && byte <= 122 ? byte - 32 : byte } })
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {}
}

/// Reads to the end.
private final class Reader: ConnectionHandler {
    private let text: Promise<String>
    private var bytes: [UInt8] = []

    init(_ text: Promise<String>) {
        self.text = text
    }

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        bytes.withUnsafeBytes { self.bytes.append(contentsOf: $0) }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        text.resolve(String(decoding: bytes, as: UTF8.self))
    }
}
