import Glibc
import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JRStorage

@Suite("The journal on the disk", .mayBlock)
struct JournalStoreTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }

    init() throws { directory = try TemporaryDirectory() }

    private func segments() throws -> [String] {
        try Files.list(path).filter { JournalFormat.firstSequence(ofSegment: $0) != nil }
    }

    /// All files and what is in them, but the lock.
    private func snapshot() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try Files.list(path) where name != JournalFormat.lockName {
            guard try Files.status(path + "/" + name).kind == .file else { continue }
            files[name] = try Files.read(path + "/" + name, limit: .max)
        }
        return files
    }

    private func overwrite(_ name: String, at offset: Int, _ bytes: [UInt8]) throws {
        let file = try Files.open(path + "/" + name, .readWrite)
        try Files.writeAll(file.raw, bytes[...], at: Int64(offset))
    }

    // MARK: Space

    @Test("a hundred MiB of jobs lie in segments of at most 32 MiB and all come back")
    func manySegments() throws {
        let jobs = 100
        do {
            let store = try openStore(path, sync: .never).store
            for number in 0..<jobs { try store.commit([.put(job(number, bytes: 1 << 20))]) }
        }
        let sizes = try segments().map { try Files.status(path + "/" + $0).size }
        #expect(sizes.count >= 5)
        #expect(sizes.allSatisfy { $0 <= 32 << 20 })
        let opened = try openStore(path)
        #expect(opened.contents.jobs.map(\.record.id) == (0..<jobs).map(id))
        #expect(opened.contents.jobs.allSatisfy { $0.record.request.arguments.count == 1 << 20 | 1 })
        #expect(opened.contents.report.segments == sizes.count)
        #expect(opened.contents.report.recordsRead >= jobs)
    }

    @Test("segments without a live job are deleted, so that short-lived jobs take no lasting space")
    func spaceIsGivenBack() throws {
        let sizes = SegmentSizes(first: 64 << 10, longest: 128 << 10)
        let store = try openStore(path, sync: .never, sizes: sizes).store
        for number in 0..<3_000 {
            var changes = [StorageChange.put(job(number, bytes: 1_000))]
            if number >= 20 { changes.append(.remove(id(number - 20))) }
            try store.commit(changes)
        }
        #expect(try segments().count <= 3)
        store.close()
        #expect(try contents(of: path) == (2_980..<3_000).map(String.init))
        #expect(try segments().count <= 3)
    }

    @Test("starting again and again leaves no more files than there were")
    func restarts() throws {
        let store = try openStore(path).store
        try store.commit([.put(job(1))])
        store.close()
        for round in 0..<20 {
            let opened = try openStore(path)
            #expect(opened.contents.summary == ["1"])
            if round % 2 == 0 { opened.store.close() }
        }
        #expect(try segments().count == 1)
        #expect(try Set(Files.list(path).filter { $0.hasSuffix(".tmp") }).isSubset(of: StoreReserve.names))
    }

    // MARK: Damage

    @Test(
        "after the death of its process a segment is gone on with as it lies, and what is on the disk is not written again"
    )
    func goesOnInPlace() throws {
        do {
            let store = try openStore(path).store
            for number in 0..<100 { try store.commit([.put(job(number, bytes: 1_000))]) }
        }
        let before = try snapshot()
        let recorder = DiskRecorder()
        let directory = StoreDirectory(path, observer: recorder.observer)
        let opened = try whenUnlocked { () throws(StorageError) in
            var opening = StoreOpening(directory: directory, sync: .always)
            return try opening.open()
        }
        #expect(opened.contents.jobs.count == 100)
        let name = JournalFormat.segmentName(1)
        #expect(try snapshot()[name] == before[name])
        for event in recorder.events {
            guard case .change(let change) = event else { continue }
            if case .wrote(name, _, _) = change { Issue.record("written again: \(change)") }
            if case .renamed = change { Issue.record("\(change)") }
        }
        try opened.store.commit([.put(job(100))])
        opened.store.close()
        #expect(try contents(of: path) == (0...100).map(String.init))
    }

    @Test("a commit that nothing says was synced is written once more where it is before it counts")
    func writtenOnceMore() throws {
        let end: Int
        do {
            let store = try openStore(path).store
            try store.commit([.put(job(0))])
            end = store.writer.end
        }
        do {
            let store = try openStore(path, sync: .never).store
            try store.commit([.put(job(1))])
        }
        let recorder = DiskRecorder()
        let directory = StoreDirectory(path, observer: recorder.observer)
        let store = try whenUnlocked { () throws(StorageError) in
            var opening = StoreOpening(directory: directory, sync: .always)
            return try opening.open().store
        }
        let written = recorder.events.compactMap { event in
            if case .change(.wrote(JournalFormat.segmentName(1), let offset, let bytes)) = event {
                return [offset, offset + bytes.count]
            }
            return nil
        }
        #expect(written == [[end, store.writer.end]])
        store.close()
        #expect(try contents(of: path) == ["0", "1"])
    }

    @Test("a torn end is cut, kept in quarantine and reported with its length")
    func tornTail() throws {
        try openStore(path).store.commit([.put(job(1)), .put(job(2))])
        let name = try #require(try segments().last)
        let bytes = try Files.read(path + "/" + name, limit: .max)
        let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
        let torn = Array("JRFR".utf8) + [UInt8](repeating: 0xEE, count: 96)
        try overwrite(name, at: end, torn)
        let opened = try openStore(path)
        #expect(opened.contents.summary == ["1", "2"])
        #expect(opened.contents.report.tornBytes == 100)
        let quarantine = try #require(opened.contents.report.quarantine)
        #expect(quarantine == "quarantine/00000000000000000001-\(end).torn")
        #expect(try Files.read(path + "/" + quarantine, limit: 1_000) == torn)
        try opened.store.commit([.put(job(3))])
        opened.store.close()
        let again = try openStore(path)
        #expect(again.contents.summary == ["1", "2", "3"])
        #expect(again.contents.report.tornBytes == 0)
    }

    @Test("the quarantine keeps the newest 64 MiB")
    func quarantineIsBounded() throws {
        try openStore(path).store.close()
        try Files.makeDirectory(path + "/quarantine")
        for number in 1...9 {
            let file = try Files.open(path + "/quarantine/0000000000000000000\(number)-64.torn", [.write, .create])
            try Files.truncate(file.raw, to: 10 << 20)
        }
        try openStore(path).store.commit([.put(job(1))])
        let name = try #require(try segments().last)
        let bytes = try Files.read(path + "/" + name, limit: .max)
        try overwrite(name, at: try #require(bytes.lastIndex { $0 != 0 }) + 20, [1, 2, 3])
        _ = try openStore(path)
        let kept = try Files.list(path + "/quarantine")
        #expect(kept.count == 7)
        #expect(!kept.contains("00000000000000000003-64.torn"))
        #expect(kept.contains("00000000000000000009-64.torn"))
    }

    @Test("damage in the middle is refused with file and offset, and nothing on the disk is changed")
    func damage() throws {
        let store = try openStore(path).store
        for number in 0..<10 { try store.commit([.put(job(number, bytes: 100))]) }
        store.close()
        let name = try #require(try segments().last)
        let bytes = try Files.read(path + "/" + name, limit: .max)
        try overwrite(name, at: 500, [bytes[500] ^ 1])
        let before = try snapshot()
        let error = try #require(throws: StorageError.self) { try openStore(path) }
        #expect(error.code == .corrupt)
        #expect(error.exitCode == 65)
        #expect(error.what.contains("\(path)/\(name)"))
        #expect(error.what.contains("byte 4"))
        #expect(error.what.contains("with 2 jobs"))
        #expect(error.mend.contains("Nothing was changed"))
        #expect(try snapshot() == before)
        // What is mended opens.
        try overwrite(name, at: 500, [bytes[500]])
        #expect(try contents(of: path).count == 10)
    }

    @Test("a store without META, WITNESS or a segment is refused", arguments: ["META", "WITNESS", "segment"])
    func missingFiles(what: String) throws {
        let store = try openStore(path).store
        try store.commit([.put(job(1))])
        store.close()
        let name = what == "segment" ? try #require(try segments().last) : what
        try Files.remove(path + "/" + name)
        let error = try #require(throws: StorageError.self) { try openStore(path) }
        #expect(error.code == .corrupt)
        #expect("\(error)".contains(name))
    }

    @Test("a record that is whole but of an unknown form is refused, not dropped")
    func unreadableRecord() throws {
        var opening = StoreOpening(directory: StoreDirectory(path), sync: .always)
        do { _ = try opening.open() }
        // As a newer program might write it: the journal's own writer with other bytes.
        let meta = try StoreMeta(decoding: try Files.read(path + "/META", limit: 64)[...])
        let header = SegmentHeader(
            preallocatedBytes: 0, identity: meta.identity, firstSequence: 1, salt: 5, created: meta.created,
            olderSegments: 0)
        var recovery = try JournalRecovery(
            meta: meta.encoded(), witness: [], names: [JournalFormat.segmentName(1)], lastHeader: header.encoded()[...])
        try recovery.read(header.encoded())
        var writer = JournalWriter(after: try recovery.finish())
        _ = writer.beginSegment(header)
        try writer.put(JournalKey(id(1)), ([0xC1] as [UInt8]).span)
        _ = writer.finishCommit()
        let seal = header.encoded() + writer.commitBytes
        try Files.write(path + "/" + JournalFormat.segmentName(1), seal)
        let error = try #require(throws: StorageError.self) { try openStore(path) }
        #expect(error.code == .corrupt)
        #expect(error.what.contains("\(id(1))"))
    }

    @Test("a start that was interrupted before the store was made is made again")
    func interruptedCreation() throws {
        for file in [JournalFormat.witnessName + ".tmp", JournalFormat.witnessName, JournalFormat.metaName] {
            let fresh = try TemporaryDirectory()
            let fault: StoreFault = { operation, name in operation == .rename && name == file ? 5 : nil }
            _ = try? openStore(fresh.store, fault: fault)
            #expect(try contents(of: fresh.store).isEmpty)
        }
    }

    @Test("of a directory that is made with those above it, every name is made durable")
    func durableNames() throws {
        let place = try TemporaryDirectory()
        let synced = Mutex<[String]>([])
        let fault: StoreFault = { operation, name in
            if operation == .syncDirectory, !name.isEmpty { synced.withLock { $0.append(name) } }
            return nil
        }
        try openStore(place.path + "/a/b/store", fault: fault).store.close()
        #expect(synced.withLock { $0 } == ["", "/a", "/a/b"].map { place.path + $0 })
    }

    // MARK: Who may open it

    @Test("a second opening is refused with the pid of the first")
    func locked() throws {
        let opened = try openStore(path)
        var second = StoreOpening(directory: StoreDirectory(path), sync: .always)
        let error = try #require(throws: StorageError.self) { try second.open() }
        #expect(error.code == .locked)
        #expect(error.pid == SystemProgram.pid)
        #expect(error.exitCode == 75)
        #expect(error.why.contains("process \(SystemProgram.pid)"))
        opened.store.close()
        #expect(try contents(of: path).isEmpty)
    }

    @Test("a directory that others may enter is refused with the command that mends it")
    func tooOpen() throws {
        try Files.makeDirectory(path, mode: 0o755)
        try Files.setMode(path, 0o750)
        let error = try #require(throws: StorageError.self) { try openStore(path) }
        #expect(error.code == .permission)
        #expect(error.exitCode == 77)
        #expect(error.mend == "chmod 700 '\(path)'")
        #expect(error.why.contains("mode 750"))
        #expect(try Files.list(path).isEmpty)
        try Files.setMode(path, 0o700)
        #expect(try contents(of: path).isEmpty)
    }

    @Test("what is made is for its owner only")
    func modes() throws {
        try openStore(path).store.close()
        #expect(try Files.status(path).mode == 0o700)
        for name in try Files.list(path) { #expect(try Files.status(path + "/" + name).mode == 0o600, "\(name)") }
    }

    @Test("a path that is no directory is refused")
    func notADirectory() throws {
        try Files.write(path, [1])
        let error = try #require(throws: StorageError.self) { try openStore(path) }
        #expect(error.code == .permission)
    }

    @Test("a directory that was replaced underneath is noticed before the next segment is begun")
    func replacedDirectory() throws {
        let store = try openStore(path, sizes: SegmentSizes(first: 64 << 10, longest: 64 << 10)).store
        try Files.rename(path, to: path + ".moved")
        try Files.makeDirectory(path)
        let error = try #require(throws: StorageError.self) {
            for number in 0..<200 { try store.commit([.put(job(number, bytes: 1_000))]) }
        }
        #expect(error.code == .failed)
        #expect(error.exitCode == 74)
    }

    // MARK: Marks

    @Test("more running jobs than there is room for are counted and harm nothing")
    func manyMarks() throws {
        let marks = try openStore(path).marks
        for number in 0..<RunningMarks.slots + 5 { marks.mark(id(number)) }
        #expect(marks.unmarked == 5)
        marks.unmark(id(0))
        marks.mark(id(RunningMarks.slots + 1))
        #expect(marks.unmarked == 5)
        for number in 0..<RunningMarks.slots + 5 { marks.unmark(id(number)) }
        marks.mark(id(1))
        #expect(marks.unmarked == 5)
    }

    @Test("a file of marks that was never finished says nothing")
    func brokenMarks() throws {
        try openStore(path).store.commit([.put(job(1))])
        try Files.write(path + "/RUNNING", [UInt8](repeating: 7, count: 100))
        #expect(try openStore(path).contents.jobs.allSatisfy { !$0.wasRunning })
        #expect(try Files.status(path + "/RUNNING").size == Int64(RunningMarks.bytes))
    }

    @Test("the blocks of a file of marks are there, also where a copy of the store has left them out")
    func sparseMarks() throws {
        let file = path + "/RUNNING"
        func blocks() throws -> Int {
            var status = stat()
            try #require(stat(file, &status) == 0)
            return Int(status.st_blocks) * 512
        }
        do {
            let first = try openStore(path)
            try first.store.commit([.put(job(1))])
            first.marks.mark(id(1))
        }
        #expect(try blocks() >= RunningMarks.bytes)
        let held = try Files.read(file, limit: .max)
        let copy = try Files.open(file, .write)
        try Files.truncate(copy.raw, to: 0)
        try Files.truncate(copy.raw, to: Int64(RunningMarks.bytes))
        let mark = try #require(held.firstIndex { $0 != 0 }) & ~4_095
        try Files.writeAll(copy.raw, held[mark..<mark + 4_096], at: Int64(mark))
        #expect(try blocks() < RunningMarks.bytes)
        #expect(try openStore(path).contents.jobs.map(\.wasRunning) == [true])
        #expect(try blocks() >= RunningMarks.bytes)
    }
}
