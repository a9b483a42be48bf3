public import JRBase
public import JRCore
public import JRWire

/// A job as a distributor or node shows it.
public struct JobInfo: Sendable {
    /// The job's id.
    public let id: JobID
    /// The job's name.
    public let name: String
    /// Where it is in its life; `new` also while it waits in a distributor.
    public let status: JobStatus
    /// Attempts so far.
    public let attempt: Int
    /// The node that has it; nil while it waits in a distributor.
    public let node: String?
    /// What it waits for in the distributor.
    public let waitingFor: String?
    /// When it was enqueued, by the clock of the application.
    public let createdAt: WallTime?
    /// When it is next to run.
    public let due: WallTime?
    /// What went wrong in the last attempt that failed.
    public let lastError: String?
    /// Left out in lists when they are longer than 1 KiB.
    public let arguments: JobArguments?
    /// Every field by its name, as `jr show --json` prints them.
    public let fields: [String: Value]

    init?(_ row: Value) {
        guard let fields = row.map, let id = fields["id"]?.string.flatMap(JobID.init(hexadecimal:)),
            let status = fields["status"]?.string.flatMap(JobStatus.init(rawValue:))
        else { return nil }
        self.id = id
        self.status = status
        self.fields = fields
        name = fields["name"]?.string ?? ""
        attempt = fields["attempt"]?.int ?? 0
        node = fields["node"]?.string
        waitingFor = fields["waiting"]?.string
        createdAt = fields["created_at"]?.date
        due = fields["due"]?.date
        lastError = fields["last_error"]?.string
        arguments = fields["arguments"]?.bytes.map { JobArguments(encoded: $0) }
    }
}

/// What became of a wish to cancel.
public enum CancelAnswer: String, Sendable, Hashable {
    /// It is over, and will not run.
    case cancelled
    /// An attempt is under way and was told to end; the job ends with it.
    case cancelling
    /// It had ended before.
    case ended
}

extension JobQueue {
    /// Puts a question and waits for the answer; see ``ask(_:_:_:)``.
    public func ask(_ verb: String, _ parameters: [String: Value] = [:]) async throws -> Value {
        let promise = Promise<Result<Value, JobReactorError>>()
        ask(verb, parameters) { promise.resolve($0) }
        return try await promise.get().get()
    }

    /// Cancels a job that waits, is scheduled, is periodic or runs.
    ///
    /// A running `async` job is cancelled as a task is, a program gets SIGTERM and after five seconds SIGKILL, and a
    /// synchronous one ends its turn; the job then ends as cancelled unless it succeeded first.
    ///
    /// - Throws: ``JobReactorError`` with code `not_found` for a job that nobody knows.
    @discardableResult
    public func cancel(_ id: JobID) async throws -> CancelAnswer {
        let state = try await ask("cancel", ["id": .bytes(id.bytes)]).map?["state"]?.string
        return state.flatMap(CancelAnswer.init(rawValue:)) ?? .ended
    }

    /// Runs a job again from its first attempt that failed or was cancelled, or at once one that waits for its time.
    ///
    /// - Throws: ``JobReactorError`` with code `not_found`, or `invalid_request` while it runs.
    public func retry(_ id: JobID) async throws {
        _ = try await ask("retry", ["id": .bytes(id.bytes)])
    }

    /// Forgets a job, whatever its status; one that runs is cancelled first.
    ///
    /// - Throws: ``JobReactorError`` with code `not_found`.
    public func destroy(_ id: JobID) async throws {
        _ = try await ask("destroy", ["id": .bytes(id.bytes)])
    }

    /// Forgets all jobs of a node that do not run, and answers how many.
    @discardableResult
    public func destroyAll(node: String) async throws -> Int {
        try await ask("destroy", ["node": .string(node)]).map?["destroyed"]?.int ?? 0
    }

    /// A job, wherever it is; nil when nobody knows it.
    public func job(_ id: JobID) async throws -> JobInfo? {
        JobInfo(try await ask("show", ["id": .bytes(id.bytes)]))
    }

    /// Jobs of all nodes and of the distributor, or of one node, or with one status.
    ///
    /// - Parameters:
    ///   - node: of this node alone.
    ///   - status: with this status alone.
    ///   - limit: how many at the most.
    public func jobs(node: String? = nil, status: JobStatus? = nil, limit: Int = 1_000) async throws -> [JobInfo] {
        var parameters: [String: Value] = ["limit": .int(Int64(limit))]
        if let node { parameters["node"] = .string(node) }
        if let status { parameters["status"] = .string(status.rawValue) }
        return try await ask("list", parameters).array?.compactMap(JobInfo.init) ?? []
    }
}
