import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire

/// A store's directory as it is: read, and never changed. It may be open in another process meanwhile.
struct StoreView {
    let directory: StoreDirectory
    var path: String { directory.path }

    /// - Throws: with code 66 if there is no store.
    init(_ path: String) throws(StorageToolError) {
        directory = StoreDirectory(path)
        let names: [String]
        do {
            names = try directory.names()
        } catch {
            throw Self.unreadable(path, error)
        }
        let isStore = names.contains {
            $0 == JournalFormat.metaName || JournalFormat.firstSequence(ofSegment: $0) != nil
        }
        guard isStore else {
            throw StorageToolError(
                what: "'\(path)' is no journal", why: "it has neither \(JournalFormat.metaName) nor segments (*.seg)",
                mend: "Name the directory that a node has as its storage.", exitCode: 66)
        }
    }

    private static func unreadable(_ path: String, _ error: SystemError) -> StorageToolError {
        let isForbidden = error.name == "EACCES" || error.name == "EPERM"
        return StorageToolError(
            what: "the journal '\(path)' cannot be read", why: "\(error)",
            mend: isForbidden
                ? "Run this as the user to whom it belongs." : "Name the directory that a node has as its storage.",
            exitCode: isForbidden ? 77 : 66)
    }

    func attempt<Answer>(_ body: () throws(SystemError) -> Answer) throws(StorageToolError) -> Answer {
        do { return try body() } catch { throw Self.unreadable(path, error) }
    }

    // MARK: Who else has it

    /// The process that has the store open, as far as the system tells: nobody is kept from opening it meanwhile.
    func holder() -> Int32? {
        guard let status = try? Files.status(directory.path(of: JournalFormat.lockName)),
            let locks = try? Files.read("/proc/locks", limit: 64 << 20)
        else { return nil }
        for line in String(decoding: locks, as: UTF8.self).split(separator: "\n") {
            // 1: FLOCK  ADVISORY  WRITE 4711 08:01:123456 0 EOF
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", let pid = Int32(words[4]) else { continue }
            guard words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == status.inode else { continue }
            // Another file system may have a file of the same number: then the pid in the lock is not this one.
            if pid == writtenPID { return pid }
        }
        return nil
    }

    private var writtenPID: Int32? {
        let text = (try? directory.read(JournalFormat.lockName, limit: 20)) ?? nil
        return text.flatMap { Int32(String(decoding: $0.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) }
    }

    /// Keeps every other process from opening the store until it is let go; nil where there was never a lock.
    ///
    /// - Throws: with code 75 and its pid if another process has it open.
    func lock() throws(StorageToolError) -> Hold? {
        guard Files.exists(directory.path(of: JournalFormat.lockName)) else { return nil }
        let file = try attempt { () throws(SystemError) in
            // On a file system that cannot be written to, nobody asks who has it.
            if let file = try? directory.open(JournalFormat.lockName) { return file }
            return try directory.openToRead(JournalFormat.lockName)
        }
        let isOurs = try attempt { () throws(SystemError) in try file.tryLock() }
        guard isOurs else { throw StorageToolError(.locked(by: writtenPID, directory: path)) }
        try? file.truncate(to: 0)
        try? file.write(Array("\(SystemProgram.pid)\n".utf8), at: 0)
        return Hold(file)
    }

    /// The lock, for as long as this is kept.
    final class Hold {
        private let file: StoreFile

        init(_ file: StoreFile) {
            self.file = file
        }

        deinit { file.unlock() }
    }

    // MARK: One look

    /// All files at one moment, open: what is deleted later can still be read.
    struct Snapshot {
        var meta: [UInt8]?
        var witness: [UInt8]?
        var files: [UInt64: StoreFile] = [:]
        var headers: [UInt64: [UInt8]] = [:]
        var names: [String] = []
        /// The length of all segments.
        var bytes = 0
    }

    func snapshot() throws(StorageToolError) -> Snapshot {
        for _ in 0..<100 {
            if let found = try attempt({ () throws(SystemError) in try look() }) { return found }
        }
        throw StorageToolError(
            what: "the journal '\(path)' cannot be read",
            why: "another process removes its files faster than they open",
            mend: "Try again, or stop that process.", exitCode: 75)
    }

    /// Nil if a file went while it was being looked at: then others have come.
    private func look() throws(SystemError) -> Snapshot? {
        var found = Snapshot()
        found.meta = try directory.read(JournalFormat.metaName)
        // Before the segments: what it says is in them then, whatever is written meanwhile.
        found.witness = try directory.read(JournalFormat.witnessName)
        found.names = try directory.names()
        for name in found.names {
            guard let first = JournalFormat.firstSequence(ofSegment: name) else { continue }
            do throws(SystemError) {
                let file = try directory.openToRead(name)
                found.headers[first] = try file.read(at: 0, count: JournalFormat.segmentHeaderBytes)
                found.bytes += Int(try file.length())
                found.files[first] = file
            } catch {
                if error.name == "ENOENT" { return nil }
                throw error
            }
        }
        return found
    }

    // MARK: Reading

    /// What one look at a store came to.
    struct Reading {
        var snapshot: Snapshot
        var audit: JournalAudit
        /// Why a start would refuse it, nil if it would not.
        var refusal: JournalRefusal?
        /// Where a start would go on; nil if it would refuse, or there is no segment.
        var tail: RecoveredTail?

        var live: [RecoveredRecord] { audit.live }

        func value(of record: RecoveredRecord) throws(SystemError) -> [UInt8] {
            try snapshot.files[audit.segments[record.segment]]?.read(
                at: record.place.lowerBound, count: record.place.count) ?? []
        }

        func file(of record: RecoveredRecord) -> String { JournalFormat.segmentName(audit.segments[record.segment]) }
    }

    /// Reads everything. A store in which another process writes may look damaged where a write is under way, and then
    /// looks different a moment later: only what is refused twice for the same reason is refused.
    func read(_ progress: (ToolProgress) -> Void) throws(StorageToolError) -> Reading {
        var reading = try readOnce(progress)
        // With the end of such a store missing, each look gives another number, and five are enough.
        for _ in 0..<4 where reading.refusal != nil {
            let before = reading.refusal
            reading = try readOnce(progress)
            if reading.refusal == before { break }
        }
        return reading
    }

    private func readOnce(_ progress: (ToolProgress) -> Void) throws(StorageToolError) -> Reading {
        let snapshot = try snapshot()
        var audit = JournalAudit(meta: snapshot.meta, witness: snapshot.witness, headers: snapshot.headers)
        var recovery: JournalRecovery?
        var tail: RecoveredTail?
        var refusal: JournalRefusal?
        do {
            recovery = try JournalRecovery(
                meta: snapshot.meta ?? [], witness: snapshot.witness, names: snapshot.names,
                lastHeader: (snapshot.headers.keys.max().flatMap { snapshot.headers[$0] } ?? [])[...], keepsBytes: false
            )
        } catch {
            refusal = error
        }
        var done = 0
        for (place, name) in audit.segments.enumerated() {
            let bytes = try bytes(of: name, snapshot)
            do throws(JournalRefusal) {
                try recovery?.read(bytes)
                if place == audit.segments.count - 1 { tail = try recovery.take()?.finish().tail }
            } catch {
                recovery = nil
                refusal = error
            }
            // Where a start would cut the end, it counts no more.
            let end = place == audit.segments.count - 1 ? tail?.offset : nil
            audit.read(bytes.prefix(end ?? bytes.count), fileBytes: bytes.count)
            done += bytes.count
            progress(ToolProgress("read", done, of: snapshot.bytes, "bytes"))
        }
        do throws(JournalRefusal) {
            // A store without a segment.
            _ = try recovery.take()?.finish()
        } catch {
            refusal = error
        }
        audit.finish()
        return Reading(snapshot: snapshot, audit: audit, refusal: refusal, tail: tail)
    }

    func bytes(of segment: UInt64, _ snapshot: Snapshot) throws(StorageToolError) -> [UInt8] {
        guard let file = snapshot.files[segment] else { return [] }
        return try attempt { () throws(SystemError) in try file.read(at: 0, count: Int(try file.length())) }
    }

    /// The ids of the jobs whose attempts were under way.
    func marks() throws(StorageToolError) -> Set<JobID> {
        let found = try attempt { () throws(SystemError) in try directory.read(JournalFormat.runningName) }
        guard let found, found.count == RunningMarks.bytes else { return [] }
        return RunningMarks.ids(in: found)
    }
}
