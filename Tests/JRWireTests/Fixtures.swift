import Glibc
import JRBase
import JRWire

/// The golden frames of `Tests/Fixtures/wire`, and the messages they are.
///
/// The bytes were written by another program than the one under test, from `docs/protocol.md` alone.
enum Fixtures {
    static let job = JobID(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)
    static let job2 = JobID(high: 0x4041_4243_4445_4647, low: 0x4849_4A4B_4C4D_4E4F)
    static let client = JobID(high: 0x1011_1213_1415_1617, low: 0x1819_1A1B_1C1D_1E1F)
    static let node = JobID(high: 0x2021_2223_2425_2627, low: 0x2829_2A2B_2C2D_2E2F)
    static let distributor = JobID(high: 0x3031_3233_3435_3637, low: 0x3839_3A3B_3C3D_3E3F)
    static let time = WallTime(milliseconds: 1_700_000_000_000)

    static let everyKind: [String: Value] = [
        "null": nil, "yes": true, "no": false, "int": -5, "large": 1_099_511_627_776, "double": 1.5, "text": "héllo",
        "bytes": .bytes([0, 255]), "date": .date(WallTime(milliseconds: 1_700_000_000_250)), "list": [1, "two"],
        "map": ["a": 1],
    ]

    static var everyOption: JobOptions {
        var options = JobOptions()
        options.due = time + .seconds(20)
        options.delay = .seconds(20)
        options.period = .seconds(300)
        options.isDeferred = true
        options.placement = Placement(
            preferred: ["worker.1", "worker.2"], isStrict: true, excluded: ["worker.3"])
        options.maxAttempts = 3
        options.retry = RetrySchedule(shape: .exponential, base: .seconds(1), cap: .seconds(60))
        options.timeout = .seconds(30)
        return options
    }

    static func packed(_ members: [String: Value]) -> [UInt8] {
        var writer = ByteWriter()
        writer.pack(map: members)
        return writer.bytes
    }

    private static func plain(client: JobID) -> JobRequest {
        JobRequest(
            id: job, name: "send_email", arguments: packed(["user": 7]), created: time, feedback: .both,
            client: client)
    }

    static var messages: [(name: String, message: Message)] { links + jobs + outcomesAndQuestions }

    private static var links: [(name: String, message: Message)] {
        [
            (
                "hello_node",
                .hello(
                    Hello(
                        role: .node, name: "worker.1", session: node, incarnation: 7, jobs: ["send_email", "sum"],
                        credit: 256, promise: "journal, sync always"))
            ),
            ("hello_distributor", .hello(Hello(role: .distributor, name: "main", session: distributor))),
            ("hello_client", .hello(Hello(role: .client, name: "shop", session: client))),
            ("heartbeat", .heartbeat),
            (
                "failure",
                .failure(
                    code: .duplicateName, text: "a newer connection of node 'worker.1' took this one's place")
            ),
            ("draining", .draining),
        ]
    }

    private static var jobs: [(name: String, message: Message)] {
        [
            ("enqueue", .enqueue(plain(client: .none))),
            (
                "enqueue_options",
                .enqueue(
                    JobRequest(
                        id: job2, name: "sum", arguments: packed(everyKind), created: time, feedback: .error,
                        options: everyOption))
            ),
            (
                "receipt_accepted",
                .receipt(ids: [job, job2], level: .accepted, node: "", text: "no node is connected")
            ),
            ("receipt_stored", .receipt(ids: [job], level: .stored, node: "worker.1", text: "")),
            ("refusal", .refusal(id: job, code: .backlogFull, text: "the distributor is full")),
            ("job", .job(plain(client: client))),
            ("stored", .stored([job, job2])),
            ("grant", .grant(total: 320)),
        ]
    }

    private static var outcomesAndQuestions: [(name: String, message: Message)] {
        [
            (
                "ended_complete",
                .ended(
                    JobOutcome(
                        id: job, run: 1, ending: .complete, arguments: packed(["sent": true, "user": 7]), error: nil,
                        attempt: 1, node: "worker.1", client: client, isFinal: true))
            ),
            (
                "ended_failed",
                .ended(
                    JobOutcome(
                        id: job2, run: 1, ending: .failed, arguments: packed(["error": "no such user"]),
                        error: "no such user", attempt: 3, node: "worker.1", client: client, isFinal: true))
            ),
            (
                "outcomes_received",
                .outcomesReceived([OutcomeKey(id: job, run: 1), OutcomeKey(id: job2, run: 300)])
            ),
            ("request", .request(number: 1, verb: "list", parameters: ["limit": 10, "status": "failed"])),
            ("reply", .reply(number: 1, result: [["id": .string(job.description), "status": "failed"]])),
            (
                "reply_failure",
                .replyFailure(
                    number: 70_000, code: .invalidRequest,
                    text: "this distributor does not know the question 'shrug'")
            ),
        ]
    }

    // MARK: Files

    struct Unreadable: Error {
        var path: String
    }

    static var folder: String {
        let parts = #filePath.split(separator: "/").dropLast(2)
        return "/" + parts.joined(separator: "/") + "/Fixtures/wire"
    }

    /// The names of the files in the folder, without `.hex`.
    static func names() throws -> Set<String> {
        guard let directory = opendir(folder) else { throw Unreadable(path: folder) }
        defer { closedir(directory) }
        var names: Set<String> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".hex") { names.insert(String(name.dropLast(4))) }
        }
        return names
    }

    /// The bytes of a fixture: hexadecimal digits, with `#` before a line of comment.
    static func frame(_ name: String) throws -> [UInt8] {
        let path = "\(folder)/\(name).hex"
        guard let file = fopen(path, "r") else { throw Unreadable(path: path) }
        defer { fclose(file) }
        var text: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { text.append(UInt8(truncatingIfNeeded: byte)) }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        return try lines.flatMap { $0.split(separator: " ") }.map {
            guard let byte = UInt8($0, radix: 16) else { throw Unreadable(path: path) }
            return byte
        }
    }
}
