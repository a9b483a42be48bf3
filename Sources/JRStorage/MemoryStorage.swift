public import JRCore
public import JRReactor
public import JRWire

/// Keeps nothing beyond what the node's engine keeps itself: jobs live as long as the process.
public final class MemoryStorage: JobStorage {
    public var promise: StoragePromise { .memory }

    /// The engine has them.
    public var keepsRecords: Bool { false }

    public init() {}

    public func open(on loop: Loop, _ done: @escaping (Loop, Result<StorageContents, StorageError>) -> Void) {
        loop.soon { done($0, .success(StorageContents())) }
    }

    public func commit(
        _ changes: StorageChanges, on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void
    ) {
        // In this turn still, so that what follows is sent with what has been stored.
        loop.atEndOfTurn { done($0, .success(())) }
    }

    public func markRunning(_ id: JobID) {}
    public func unmarkRunning(_ id: JobID) {}
    public func clearInheritedMarks() {}

    public func close(on loop: Loop, _ done: @escaping (Loop) -> Void) {
        // After a commit that is under way.
        loop.atEndOfTurn { $0.soon(done) }
    }
}
