import JRBase
import JRWire
import JobReactor
import Testing

@Suite("The arguments and the answer of a typed job")
struct CodedJobTests {
    struct Resize: ResultJob {
        struct Answer: Codable, Sendable, Equatable {
            var path: String
            var preview: [UInt8]
            var made: WallTime
            var took: Duration
        }

        var path: String
        var widths: [UInt16]
        var not: WallTime?

        func run(_ context: JobContext) async throws -> Answer {
            Answer(
                path: path + widths.map { ".\($0)" }.joined(), preview: [1, 2], made: WallTime(milliseconds: 7),
                took: .seconds(12))
        }
    }

    @Test("B8, B12: a type's properties reach the node, and its answer the application")
    func answer() async throws {
        let harness = try Harness()
        harness.registry.define(Resize.self)
        let node = try harness.startNode("worker_1")
        let answer = try await harness.client().enqueue(Resize(path: "a", widths: [64, 512])).value
        let made = WallTime(milliseconds: 7)
        #expect(answer == Resize.Answer(path: "a.64.512", preview: [1, 2], made: made, took: .seconds(12)))
        node.drain()
    }

    @Test("B8, B12: arguments that do not fit the type fail the job at once, and say what to enqueue instead")
    func misfit() async throws {
        let harness = try Harness()
        harness.registry.define(Resize.self)
        let node = try harness.startNode("worker_1")
        let result = try await harness.client().enqueue("Resize", ["path": "a", "widths": [64, "wide"]]).result
        #expect(result.ending == .failed)
        #expect(result.attempt == 1)
        #expect(
            result.arguments["error"] == """
                the arguments do not fit Resize: 'widths[1]' is a string, not an int from 0 to 65535. \
                Enqueue it with an int from 0 to 65535 as 'widths[1]' [invalid_arguments]
                """)
        node.drain()
    }
}
