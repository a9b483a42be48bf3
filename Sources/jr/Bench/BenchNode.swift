import JRBase
import JRReactor
import JRSystem
import JRWire
import JobReactor

/// The processes of a benchmark beside `jr` itself: a node with its jobs, or a distributor. They are this program
/// again, so that nothing has to be compiled or found.
enum BenchNode {
    /// The first argument of such a process; it is no verb for people.
    static let word = "bench-process"
    /// A job that does nothing and reads nothing.
    static let job = "bench"
    /// A job that tells how late it begins, in microseconds, against the moment `due` (nanoseconds of the boot clock).
    static let timedJob = "bench_timed"

    /// `node NAME ADDRESS STORAGE CREDIT`, or `distributor`. It says a line when it is ready and ends with its standard
    /// input.
    static func run(_ words: [String]) -> Never {
        do {
            let reactor = try Reactor(name: words.first ?? "bench")
            var configuration = Configuration(environment: [:])
            configuration.log = nil
            configuration.logJobProcessing = false
            if words.count == 5, words[0] == "node", let credit = Int(words[4]) {
                configuration.credit = credit
                try startNode(words, configuration, reactor)
            } else if words == ["distributor"] {
                let distributor = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
                _ = Standard.write(Standard.output, "\(distributor.address)\n")
            } else {
                throw BenchProblem(64, "'\(word)' is for jr bench alone")
            }
            try Threads.start(name: "life") {
                // A line for each byte, with what only this process knows; the end of its input is its own.
                var byte: [UInt8] = [0]
                while case .moved(1) = byte.withUnsafeMutableBytes({ IO.read(0, into: $0) }) {
                    _ = Standard.write(Standard.output, "\(Files.syncs)\n")
                }
                SystemProgram.exit(0)
            }
            reactor.run { _ in }
        } catch {
            Console.note("\(error)")
        }
        Console.exit(70)
    }

    private static func startNode(_ words: [String], _ configuration: Configuration, _ reactor: Reactor) throws {
        let registry = JobRegistry()
        registry.define(Handler(job) { (_: inout JobArguments) in })
        registry.define(
            Handler(timedJob) { (args: inout JobArguments) in
                let due = Instant(nanoseconds: Int64(args["due"]?.int ?? 0))
                args["late"] = .int((SystemClock.instant() - due).nanoseconds / 1_000)
            })
        let node = try Node(
            words[1], distributors: [words[2]], storage: try StorageChoice(parsing: words[3]), registry: registry,
            configuration: configuration, on: reactor)
        node.start { event in
            switch event {
            case .connected: _ = Standard.write(Standard.output, "connected\n")
            case .failed(let error):
                Console.note("\(error)")
                SystemProgram.exit(error.exitCode)
            default: break
            }
        }
    }
}

/// Why a benchmark cannot be made.
struct BenchProblem: Error, CustomStringConvertible {
    let exitCode: Int32
    let description: String

    init(_ exitCode: Int32, _ description: String) {
        self.exitCode = exitCode
        self.description = description
    }
}
