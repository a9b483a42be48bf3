import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// A storage by its address: what `jr journal export` and `import` take.
public enum StoragePlace: Sendable, Equatable {
    case journal(String)
    case redis(url: String, node: String)

    /// - Parameters:
    ///   - text: a directory (`journal:` may stand before it), or the address of a Redis server.
    ///   - node: whose jobs are meant, for a Redis server.
    /// - Throws: with code 64 for an address that is none, a missing name, or a name where none is needed.
    public init(_ text: String, node: String?) throws(StorageToolError) {
        guard text.hasPrefix("redis:") || text.hasPrefix("redis+unix:") else {
            if node != nil {
                throw StorageToolError(
                    what: "--node", why: "'\(text)' is a directory, which has the jobs of one node only",
                    mend: "Leave --node out.", exitCode: 64)
            }
            self = .journal(text.hasPrefix("journal:") ? String(text.dropFirst("journal:".count)) : text)
            return
        }
        do throws(ValueError) {
            _ = try RedisAddress(parsing: text)
        } catch {
            throw StorageToolError(
                what: "'\(error.text)'", why: "this is not \(RedisAddress.expected)", mend: "Mend the address.",
                exitCode: 64)
        }
        guard let node else {
            throw StorageToolError(
                what: "--node is missing", why: "a Redis server has the jobs of many nodes",
                mend: "Name the node: --node worker_1", exitCode: 64)
        }
        guard Names.isValid(node) else {
            throw StorageToolError(
                what: "--node '\(node)'", why: "this is not 1 to \(Limits.nameBytes) letters, digits or '_.:-'",
                mend: "Name the node as it names itself.", exitCode: 64)
        }
        self = .redis(url: text, node: node)
    }

    func make() -> any JobStorage {
        switch self {
        case .journal(let directory): JournalStorage(directory: directory)
        case .redis(let url, let node): RedisStorage(url: url, node: node)
        }
    }
}

/// A storage on a reactor of its own, for a program that has nothing else to do: every call waits for its answer.
final class StorageSession {
    private let reactor: Reactor
    private let storage: LoopBound<any JobStorage>
    private var isOpen = false

    init(_ place: StoragePlace) throws(StorageToolError) {
        let made = Monitor<LoopBound<any JobStorage>?>(nil)
        do {
            reactor = try Reactor(name: "jr-storage")
            try reactor.start { loop in made.update { $0 = LoopBound(place.make(), loop) } }
        } catch {
            throw StorageToolError(
                what: "no event loop can be made", why: "\(error)",
                mend: "Look at the limits of this user (ulimit -a).",
                exitCode: 71)
        }
        guard let storage = made.wait(until: { $0 }) else { preconditionFailure("StorageSession: waited for ever") }
        self.storage = storage
    }

    deinit {
        if isOpen { close() }
        reactor.stop()
        reactor.waitUntilStopped()
    }

    private func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (any JobStorage, Loop, @escaping (Answer) -> Void) -> Void
    ) -> Answer {
        let answer = Monitor<Answer?>(nil)
        let storage = storage
        reactor.execute { loop in body(storage.open(loop), loop) { found in answer.update { $0 = found } } }
        guard let found = answer.wait(until: { $0 }) else { preconditionFailure("StorageSession: waited for ever") }
        return found
    }

    func open() throws(StorageToolError) -> StorageContents {
        let result: Result<StorageContents, StorageError> = ask { storage, loop, answer in
            storage.open(on: loop) { answer($1) }
        }
        do {
            let contents = try result.get()
            isOpen = true
            return contents
        } catch {
            throw StorageToolError(error)
        }
    }

    /// Makes the changes durable, and marks those of them that are said to run.
    func commit(_ changes: StorageChanges, running: [JobID]) throws(StorageError) {
        let result: Result<Void, StorageError> = ask { storage, loop, answer in
            storage.commit(changes, on: loop) { _, result in
                if case .success = result { for id in running { storage.markRunning(id) } }
                answer(result)
            }
        }
        try result.get()
    }

    func close() {
        isOpen = false
        let _: Bool = ask { storage, loop, answer in storage.close(on: loop) { _ in answer(true) } }
    }
}
