import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// The way from a connection to an open storage: what the server promises, the hold on the node's jobs, the jobs.
final class RedisOpening {
    struct Found {
        var lease: RedisLease
        var promise: RedisPromise
        /// When the hold was asked for, or renewed, for the last time.
        var held: Instant
        var contents: StorageContents
        /// Its keys may be on several servers.
        var isCluster: Bool
        /// Marks of jobs that are not there any more.
        var strayMarks: Set<JobID>
    }

    private weak var storage: RedisStorage?
    private let client: RedisClient
    private let address: RedisAddress
    private let began: Instant
    private var done: ((Loop, Result<Found, StorageError>) -> Void)?
    private var info: [String: String] = [:]
    private var config: [String: String] = [:]
    private var marks: Set<String> = []
    private var asked = Instant.zero
    private var contents = StorageContents()
    /// Commands that the user may not run, as the server names them.
    private var forbidden: [String] = []
    private var unasked: [String] = []

    init(
        _ storage: RedisStorage, _ client: RedisClient, _ address: RedisAddress, began: Instant,
        _ done: @escaping (Loop, Result<Found, StorageError>) -> Void
    ) {
        self.storage = storage
        self.client = client
        self.address = address
        self.began = began
        self.done = done
    }

    private var node: String { storage?.node ?? "" }

    func fail(_ failure: RedisFailure, _ loop: Loop) {
        finish(.failure(failure.error(at: address, hasBeenOpen: false)), loop)
    }

    private func finish(_ result: Result<Found, StorageError>, _ loop: Loop) {
        done.take()?(loop, result)
    }

    /// Calls `body` with the answer, unless that is a failure, which ends the opening.
    private func ask(_ command: RESPCommand, _ body: @escaping (Loop, RESPValue) -> Void) {
        client.send(command) { [self] loop, result in
            guard done != nil else { return }
            switch result {
            case .success(let reply): body(loop, reply)
            case .failure(let failure): fail(failure, loop)
            }
        }
    }

    // MARK: Steps

    func connected(_ loop: Loop) {
        guard let storage else { return }
        client.send(RedisScript.forbidden.command(storage.keys, RedisPermission.needed)) { [self] loop, result in
            forbidden = ((try? result.get())?.elements ?? []).compactMap(\.text)
            // It stops before the script when the user may not use the keys.
            if case .failure(let failure) = result, failure.code == "NOPERM", failure.why.contains(" keys ") {
                finish(.failure(.forbiddenKeys(failure.why, address, node: storage.node)), loop)
            }
        }
        // Where a user may not ask, the server says nothing of itself, and nothing is assumed.
        for pattern in ["append*", "save"] {
            client.send(RESPCommand("CONFIG GET", pattern)) { [self] _, result in
                note(result, "config|get")
                let pairs = (try? result.get())?.elements ?? []
                for index in stride(from: 0, to: pairs.count - 1, by: 2) {
                    if let key = pairs[index].text { config[key] = pairs[index + 1].text }
                }
            }
        }
        client.send(RESPCommand("INFO")) { [self] loop, result in
            guard done != nil, let storage = self.storage else { return }
            if let text = (try? result.get())?.text { info = RedisPromise.parse(info: text) }
            note(result, "info")
            guard forbidden.isEmpty else {
                return finish(.failure(.forbidden(forbidden, address, node: storage.node)), loop)
            }
            take(from: "", loop)
        }
    }

    private func note(_ result: Result<RESPValue, RedisFailure>, _ command: String) {
        guard case .failure(let failure) = result, failure.code == "NOPERM", !unasked.contains(command) else { return }
        unasked.append(command)
    }

    private func take(from dead: String, _ loop: Loop) {
        guard let storage else { return }
        asked = loop.refreshNow().instant
        ask(storage.takeCommand(from: dead)) { [self] loop, reply in
            switch RedisLease.Taking(reply) {
            case .taken(let lease, _): readMarks(lease, loop)
            case .held(let holder, let text, let rest): look(for: holder, text, rest, loop)
            case .fenced(let holder): finish(.failure(.fenced(address, node: node, by: holder)), loop)
            case .format(let found): finish(.failure(.format(found, address, node: node)), loop)
            case .broken(let index, let records):
                let why = "\(index) jobs are in its index and \(records) are there"
                finish(.failure(.unreadable("-", address, node: node, why)), loop)
            case nil: fail(.unexpected(command: "EVAL"), loop)
            }
        }
    }

    /// Whether the holder is connected: the death of a process ends its connection at once, and its hold later. One
    /// that is frozen, or out of reach, keeps its hold until that ends by itself.
    private func look(for holder: RedisLease.Holder, _ text: String, _ rest: Interval, _ loop: Loop) {
        client.send(RESPCommand("CLIENT LIST", "ID", "\(holder.connection)")) { [self] loop, result in
            guard done != nil, let storage else { return }
            if let list = (try? result.get())?.text, !list.contains("name=\(holder.clientName) ") {
                return take(from: text, loop)
            }
            let isBlind = if case .failure(let failure) = result { failure.code == "NOPERM" } else { false }
            // A process that has just been killed may be there a moment longer.
            // So is one that takes over, which is soon done.
            let patience =
                holder.taker == nil
                ? storage.settings.patience : max(storage.settings.patience, storage.settings.lease)
            guard loop.refreshNow().instant - began < patience else {
                let error = StorageError.held(address, node: node, by: holder, for: rest, blind: isBlind)
                return finish(.failure(error), loop)
            }
            loop.schedule(after: .milliseconds(50)) { [weak self] loop in self?.take(from: "", loop) }
        }
    }

    private func readMarks(_ lease: RedisLease, _ loop: Loop) {
        guard let storage else { return }
        ask(RESPCommand("SMEMBERS", storage.keys.running)) { [self] loop, reply in
            marks = Set((reply.elements ?? []).compactMap(\.text))
            contents.jobs.reserveCapacity(lease.jobs)
            load(lease, loop)
        }
    }

    private func load(_ lease: RedisLease, _ loop: Loop) {
        guard let storage else { return }
        let words = [lease.token, "\(contents.jobs.count)", "\(storage.settings.lease.millisecondsRoundedUp)"]
        asked = loop.refreshNow().instant
        ask(RedisScript.load.command(storage.keys, words)) { [self] loop, reply in
            switch RedisLease.Word(reply) {
            case .fenced(let holder): return finish(.failure(.fenced(address, node: node, by: holder)), loop)
            case .done: break
            case .lost, nil: return fail(.unexpected(command: "EVAL"), loop)
            }
            let parts = (reply.elements ?? []).dropFirst()
            if parts.isEmpty { return finishLoading(lease, loop) }
            if let error = keep(parts) { return finish(.failure(error), loop) }
            load(lease, loop)
        }
    }

    private func keep(_ parts: ArraySlice<RESPValue>) -> StorageError? {
        for index in stride(from: parts.startIndex, to: parts.endIndex - 1, by: 2) {
            let id = parts[index].text ?? ""
            guard case .bulk(let bytes) = parts[index + 1], !bytes.isEmpty else {
                return .unreadable(id, address, node: node, "it is in the index, and its record is gone")
            }
            guard let record = JobRecord(stored: bytes, as: id) else {
                return .unreadable(id, address, node: node, "its record is not of a form this program knows")
            }
            contents.jobs.append(RecoveredJob(record: record, wasRunning: marks.remove(id) != nil))
        }
        return nil
    }

    private func finishLoading(_ lease: RedisLease, _ loop: Loop) {
        let promise = RedisPromise(info: info, config: config)
        contents.report.recordsRead = contents.jobs.count
        contents.report.lateResults = lease.late
        contents.report.time = loop.refreshNow().instant - began
        contents.report.warnings = warnings(promise)
        let strays = Set(marks.compactMap { JobID(hexadecimal: $0) })
        finish(
            .success(
                Found(
                    lease: lease, promise: promise, held: asked, contents: contents,
                    isCluster: info["cluster_enabled"] == "1",
                    strayMarks: strays)), loop)
    }

    private func warnings(_ promise: RedisPromise) -> [String] {
        var found = promise.warning.map { [$0] } ?? []
        if !unasked.isEmpty {
            let names = unasked.map { "'\($0)'" }.joined(separator: " and ")
            found.append("this user has no permissions to run \(names), which would tell what it promises")
        }
        let policy = info["maxmemory_policy"] ?? ""
        if let memory = info["maxmemory"], memory != "0", policy.hasPrefix("allkeys") {
            found.append("it throws keys away when its memory is full (maxmemory-policy noeviction), jobs among them")
        }
        return found.map { "the Redis server \(address): \($0)" }
    }
}

extension JobRecord {
    /// A record as it was read from a hash; nil for one that is not of a form this program knows, or of another job.
    init?(stored bytes: [UInt8], as id: String) {
        guard let record = try? JobRecord(decoding: bytes[...]), record.id.description == id else { return nil }
        self = record
    }
}
