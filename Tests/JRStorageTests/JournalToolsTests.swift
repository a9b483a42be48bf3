import Glibc
import JRBase
import JRCore
import JRJSON
import JRJournal
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

/// The lines that a tool gave.
final class Lines {
    var lines: [String] = []
    var notes: [String] = []

    var output: ToolOutput {
        ToolOutput(line: { self.lines.append($0) }, note: { self.notes.append($0) })
    }

    var text: String { lines.map { $0 + "\n" }.joined() }
}

/// Repeats what a tool does while this very process has the directory: as ``whenUnlocked(_:)``.
func whenFree<Answer>(_ body: () throws(StorageToolError) -> Answer) throws(StorageToolError) -> Answer {
    let deadline = SystemClock.instant() + .seconds(Int64(20))
    while true {
        do {
            return try body()
        } catch {
            let isOurs = error.exitCode == 75 && error.description.contains("process \(SystemProgram.pid) has it open")
            guard isOurs, SystemClock.instant() < deadline else { throw error }
            sched_yield()
        }
    }
}

@Suite("Tools that look into a journal", .mayBlock)
struct JournalToolsTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }
    let segment = JournalFormat.segmentName(1)

    init() throws { directory = try TemporaryDirectory() }

    /// A store of one segment: jobs 0 to 9, of which 3 is changed and 4 removed; closed well unless it is given back.
    @discardableResult
    private func makeStore(close: Bool = true) throws -> (store: JournalStore, ends: [Int]) {
        let store = try openStore(path).store
        var ends: [Int] = []
        for number in 0..<10 {
            try store.commit([.put(job(number))])
            ends.append(store.writer.end)
        }
        try store.commit([.put(job(3, "changed"))])
        try store.commit([.remove(id(4))])
        if close { store.close() }
        return (store, ends)
    }

    private func write(_ bytes: [UInt8], at offset: Int, of name: String? = nil) throws {
        let file = try Files.open(path + "/" + (name ?? segment), .readWrite)
        try Files.writeAll(file.raw, bytes[...], at: Int64(offset))
    }

    private func files() throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for name in try Files.list(path) { found[name] = try Files.read(path + "/" + name, limit: 1 << 26) }
        return found
    }

    // MARK: verify

    @Test("a sound journal is said to be sound, with what is in it, and nothing of it is changed")
    func sound() throws {
        try makeStore()
        let before = try files()
        let report = try JournalReport.make(of: path)
        #expect(report.isSound)
        #expect(report.jobs == 9)
        #expect(report.lines.first == "\(path)/\(segment): 13 frames, 13 records, 1425 of 1425 bytes, closed")
        #expect(report.lines[1].hasPrefix("\(path): 9 jobs, up to sequence 13, durable up to 13, made 20"))
        #expect(report.lines.dropFirst(2) == ["sound: a node starts with it"])
        #expect(try files() == before)
    }

    @Test("a journal that a process has open is read at one moment, and that process is named")
    func open() throws {
        let (store, _) = try makeStore(close: false)
        let report = try JournalReport.make(of: path)
        #expect(report.isSound)
        #expect(report.openIn == SystemProgram.pid)
        #expect(
            report.lines.contains(
                "process \(SystemProgram.pid) has it open: this is what was there at one moment, and nothing was changed"
            ))
        try store.commit([.put(job(11))])
        #expect(try JournalReport.make(of: path).jobs == 10)
        store.close()
        #expect(try JournalReport.make(of: path).openIn == nil)
    }

    @Test("a journal is sound at every moment of a life in which it is written, sealed and given back")
    func whileWritten() throws {
        let sizes = SegmentSizes(first: 64 << 10, longest: 64 << 10)
        let policy = CompactionPolicy(slack: 128 << 10)
        let store = try openStore(path, sync: .never, sizes: sizes, policy: policy).store
        let isOver = Monitor(false)
        let looks = Monitor(0)
        let path = path
        let failures = Monitor<[String]>([])
        let ended = Monitor(false)
        try Threads.start(name: "verify") {
            while !isOver.withLock({ $0 }) {
                do {
                    let report = try JournalReport.make(of: path)
                    if !report.isSound { failures.update { $0 += report.lines } }
                } catch {
                    failures.update { $0.append("\(error)") }
                }
                looks.update { $0 += 1 }
            }
            ended.update { $0 = true }
        }
        var number = 0
        while looks.withLock({ $0 }) < TestSize.rounds(10, full: 300), number < 2_000_000 {
            try store.commit([.put(job(number % 300, bytes: 300))])
            if number % 4 == 0 { try store.commit([.remove(id((number + 150) % 300))]) }
            _ = store.compact()
            number += 1
        }
        isOver.update { $0 = true }
        _ = ended.wait { $0 ? true : nil }
        #expect(failures.withLock { $0 } == [])
    }

    @Test("a torn end is reported, and is no damage")
    func torn() throws {
        let (store, _) = try makeStore(close: false)
        try write([0x4A, 0x52, 0x46, 0x52, 9, 9], at: store.writer.end)
        let copy = path + ".copy"
        try Files.makeDirectory(copy)
        for (name, bytes) in try files() where name != JournalFormat.lockName {
            try Files.write(copy + "/" + name, bytes)
        }
        let report = try JournalReport.make(of: copy)
        #expect(report.isSound)
        #expect(
            report.lines.contains(
                "torn end: \(copy)/\(segment), byte \(store.writer.end), 6 bytes: the end of a write that was never"
                    + " answered; the next start cuts it and keeps it in quarantine/"))
    }

    @Test("each damage has its file, place and length, what is missing, and what to do")
    func damaged() throws {
        let (_, ends) = try makeStore()
        try write([0xEE], at: ends[1] + 50)
        try write([0xEE], at: ends[5] + 50)
        let report = try JournalReport.make(of: path)
        #expect(!report.isSound)
        let length = ends[2] - ends[1]
        #expect(
            report.lines.filter { $0.hasPrefix("damaged") } == [
                "damaged: \(path)/\(segment), byte \(ends[1]), \(length) bytes: the frame's checksum does not match"
                    + " (missing: sequence 3)",
                "damaged: \(path)/\(segment), byte \(ends[5]), \(length) bytes: the frame's checksum does not match"
                    + " (missing: sequence 7)",
            ])
        #expect(
            report.lines.last
                == "refused: no node starts with it. Put the directory back from a copy; or 'jr journal salvage \(path)"
                + " --to NEWDIR' saves what is whole; or move it away to start without its jobs.")
        let json = report.json.map(\.text)
        #expect(
            json[1]
                == #"{"kind":"problem","file":"\#(segment)","offset":\#(ends[1]),"why":"the frame's checksum does not "#
                + #"match","bytes":\#(length),"missing_from":3,"missing_to":3}"#)
        #expect(report.json.last?["sound"] == false)
        #expect(throws: StorageError.self) { try openStore(path) }
    }

    @Test("a job that this version cannot read is a problem, and its place is named")
    func unreadable() throws {
        let store = try openStore(path).store
        try store.append([(key: JournalKey(id(1)), value: [0x92, 0x02, 0x00])])
        store.close()
        let report = try JournalReport.make(of: path)
        #expect(!report.isSound)
        #expect(
            report.problems.map(\.why) == [
                "the job \(id(1)) is as it was written, but not of a form this program knows"
            ])
        #expect(throws: StorageError.self) { try openStore(path) }
    }

    @Test("what is no journal is said to be none, with exit code 66")
    func none() throws {
        let missing = #expect(throws: StorageToolError.self) { try JournalReport.make(of: path) }
        #expect(missing?.exitCode == 66)
        #expect(
            missing?.description == "the journal '\(path)' cannot be read: readdir \(path): No such file or directory"
                + " (ENOENT). Name the directory that a node has as its storage.")
        try Files.makeDirectory(path)
        let empty = #expect(throws: StorageToolError.self) { try JournalReport.make(of: path) }
        #expect(empty?.exitCode == 66)
        #expect(
            empty?.description
                == "'\(path)' is no journal: it has neither META nor segments (*.seg). Name the directory"
                + " that a node has as its storage.")
    }

    // MARK: dump

    @Test("a dump has every live job with its fields, and every record with its place")
    func dump() throws {
        let opened = try openStore(path)
        for record in SampleJobs.all { try opened.store.commit([.put(record)]) }
        opened.marks.mark(SampleJobs.all[0].id)
        opened.store.close()
        let jobs = Lines()
        #expect(try JournalDump.jobs(of: path, jobs.output))
        #expect(jobs.lines.count == SampleJobs.all.count)
        let first = try #require(JSON(parsing: jobs.lines[0]).object)
        #expect(first["running"] == true)
        #expect(first["options"]?["retry"]?["shape"] == "exponential")
        let bytes = try #require(jobs.lines.first { $0.contains(#""bytes":"#) })
        #expect(bytes.contains(#""arguments":{"bytes":"AAH+/w=="}"#))
        let records = Lines()
        #expect(try JournalDump.records(of: path, records.output))
        #expect(records.lines.count == SampleJobs.all.count + 1)
        #expect(
            records.lines[0].hasPrefix(#"{"file":"\#(segment)","offset":64,"sequence":1,"record":"put","first_put":1,"#)
        )
        #expect(records.lines.last?.contains(#""record":"close""#) == true)
    }

    // MARK: salvage

    @Test("a salvaged journal has all that is whole, and says what is missing and what may be old")
    func salvage() throws {
        let (_, ends) = try makeStore()
        // Job 3 in its first form, and the change of it, are before and after what is damaged.
        try write([0xEE], at: ends[4] + 50)
        let before = try files()
        let new = path + ".new"
        let salvage = try whenFree { () throws(StorageToolError) in try JournalSalvage.run(path, to: new) }
        #expect(try contents(of: new) == ["0", "1", "2", "3changed", "6", "7", "8", "9"])
        #expect(salvage.stale == [id(0), id(1), id(2)])
        #expect(
            salvage.lines == [
                "saved: 8 jobs of '\(path)' in '\(new)'",
                "not saved: \(path)/\(segment), byte \(ends[4]), \(ends[5] - ends[4]) bytes: the frame's checksum does"
                    + " not match (missing: sequence 6)",
                "missing: 1 record at the least, each of which stored, changed or ended a job",
                "may be out of date: 3 jobs of those saved: a missing record may have changed them, and those that had"
                    + " ended run again (--json names them)",
                "Start the node with '\(new)' as its storage; keep '\(path)' until you miss nothing.",
            ])
        #expect(try files() == before)
        #expect(try JournalReport.make(of: new).isSound)
    }

    @Test("a sound journal is copied whole, with its order, its marks and fields that this version does not know")
    func copy() throws {
        let opened = try openStore(path, sizes: SegmentSizes(first: 8 << 10, longest: 8 << 10))
        for record in SampleJobs.all { try opened.store.commit([.put(record)]) }
        for number in 200..<300 { try opened.store.commit([.put(job(number, bytes: 500))]) }
        opened.marks.mark(SampleJobs.all[1].id)
        opened.store.close()
        let new = path + ".new"
        let salvage = try whenFree { () throws(StorageToolError) in try JournalSalvage.run(path, to: new) }
        #expect(salvage.lines == ["saved: \(salvage.jobs) jobs of '\(path)' in '\(new)'", "nothing is missing"])
        let (old, copied) = (Lines(), Lines())
        _ = try whenFree { () throws(StorageToolError) in try JobExport.run(.journal(path), old.output) }
        _ = try whenFree { () throws(StorageToolError) in try JobExport.run(.journal(new), copied.output) }
        #expect(old.lines == copied.lines)
        #expect(old.lines.count == SampleJobs.all.count + 101)
    }

    @Test("salvage leaves alone what is there already and what is in use")
    func refusals() throws {
        let (store, _) = try makeStore(close: false)
        let inUse = #expect(throws: StorageToolError.self) { try JournalSalvage.run(path, to: path + ".new") }
        #expect(inUse?.exitCode == 75)
        #expect(
            inUse?.description == "the storage directory '\(path)' is in use: process \(SystemProgram.pid) has it open."
                + " Stop that process, or give this one a directory of its own. [storage_locked]")
        store.close()
        let there = #expect(throws: StorageToolError.self) { try JournalSalvage.run(path, to: directory.path) }
        #expect(there?.exitCode == 64)
        #expect(
            there?.description == "'\(directory.path)' cannot be made: it is there already. Name a directory that does"
                + " not exist yet.")
        #expect(try contents(of: path).count == 9)
    }

    @Test("every flipped bit of a journal leaves a salvage that opens, and has lost one frame at the most")
    func everyBit() throws {
        let (_, ends) = try makeStore()
        let end = try #require(ends.last)
        let step = TestSize.rounds(397, full: 1)
        for bit in stride(from: 64 * 8, to: end * 8, by: step) {
            let byte = try Files.read(path + "/" + segment, limit: 1 << 26)[bit / 8]
            try write([byte ^ 1 << UInt8(bit % 8)], at: bit / 8)
            let new = path + ".\(bit)"
            let salvage = try whenFree { () throws(StorageToolError) in try JournalSalvage.run(path, to: new) }
            #expect(salvage.problems.count == 1, "bit \(bit)")
            #expect(try contents(of: new).count >= 8, "bit \(bit)")
            try Files.removeTree(new)
            try write([byte], at: bit / 8)
        }
    }
}
