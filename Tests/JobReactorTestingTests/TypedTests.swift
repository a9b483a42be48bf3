import JobReactor
import JobReactorTesting
import Synchronization
import Testing

struct SendEmail: Job {
    var to: String
    var subject = "Welcome"

    static let options = JobOptions(maxAttempts: 4)

    func run(_ context: JobContext) async throws {
        throw FailForGood("a test must not send an email to \(to)")
    }
}

struct Thumbnail: ResultJob {
    var path: String

    func run(_ context: JobContext) async throws -> [String] {
        try context.enqueue(SendEmail(to: path), after: .seconds(60))
        return ["\(path).png"]
    }
}

@Suite("A test queue has typed jobs")
struct TypedTests {
    @Test("what was enqueued is there as the types that it was")
    func enqueued() async throws {
        let queue = TestQueue {
            SendEmail.self
            Thumbnail.self
        }
        try queue.enqueue(SendEmail(to: "a@b.c"))
        try queue.enqueue(Thumbnail(path: "/x.jpg"), on: .not("mailer"))
        try queue.enqueue(SendEmail(to: "d@e.f", subject: "Bye"))
        #expect(try queue.enqueued(SendEmail.self).map(\.to) == ["a@b.c", "d@e.f"])
        #expect(try queue.enqueued(Thumbnail.self).map(\.path) == ["/x.jpg"])
        #expect(queue.enqueued(SendEmail.kind).map(\.options.maxAttempts) == [4, 4])
        #expect(queue.enqueued(Thumbnail.kind).map(\.options.placement.excluded) == [["mailer"]])
    }

    @Test("a typed answer comes back, and the jobs of a job are there in turn")
    func answer() async throws {
        let queue = TestQueue {
            SendEmail.self
            Thumbnail.self
        }
        let handle = try queue.enqueue(Thumbnail(path: "/x.jpg"))
        try await queue.runAll()
        #expect(try await handle.value == ["/x.jpg.png"])
        #expect(queue.scheduled.first?.due == queue.now + .seconds(Int64(60)))
        try await queue.advance(by: .seconds(60))
        #expect(queue.failed.map(\.lastError) == ["a test must not send an email to /x.jpg"])
    }

    @Test("a stand-in runs instead of a typed job, with its value")
    func replace() async throws {
        let sent = Mutex<[String]>([])
        let queue = TestQueue(mode: .inline) {
            SendEmail.self
            Thumbnail.self
        }
        try queue.replace(SendEmail.self) { email, _ in sent.withLock { $0.append(email.to) } }
        try queue.replace(Thumbnail.self) { thumbnail, context in [thumbnail.path, "\(context.attempt)"] }
        try queue.enqueue(SendEmail(to: "a@b.c"))
        #expect(sent.withLock { $0 } == ["a@b.c"])
        #expect(try await queue.enqueue(Thumbnail(path: "/x.jpg")).value == ["/x.jpg", "1"])
    }

    @Test("arguments that do not fit the type are an error, not a job less")
    func misfit() throws {
        let queue = TestQueue { SendEmail.self }
        try queue.enqueue("SendEmail", ["from": "a@b.c"])
        #expect(throws: JobReactorError.self) { try queue.enqueued(SendEmail.self) }
    }
}
