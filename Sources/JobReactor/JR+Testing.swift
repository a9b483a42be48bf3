package import JRWire

extension JR {
    /// Where this task enqueues instead of at the program's own distributor or connection; see ``withQueue(_:_:)``.
    @TaskLocal package static var redirection: (any JobQueue)?

    /// Calls `body`, for which `JR.enqueue`, `JR.cancel` and `JR.queue` mean this queue: for tests of code that uses
    /// the short form.
    ///
    ///     let queue = TestQueue { SendEmail.self }
    ///     try JR.withQueue(queue) { try signUp("a@b.c") }
    ///     #expect(try queue.enqueued(SendEmail.self).map(\.to) == ["a@b.c"])
    ///
    /// It is true of the calling task and of the tasks that it makes, except detached ones, and not of threads: tests
    /// that run at the same time do not disturb each other.
    public static func withQueue<Result>(
        _ queue: any JobQueue, _ body: () throws -> Result
    ) rethrows -> Result {
        try $redirection.withValue(queue, operation: body)
    }

    /// The same for code that awaits.
    public static func withQueue<Result>(
        _ queue: any JobQueue, _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await $redirection.withValue(queue, operation: body)
    }
}

extension JR {
    /// Set around a job's body by what runs jobs one after the other: called when the body is about to wait for the end
    /// of this job, so that others can be run meanwhile.
    @TaskLocal package static var willWait: (@Sendable (JobID) -> Void)?
}
