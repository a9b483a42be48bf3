import JRBase
import JRCore
import JRJSON
import JRJournal
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

@Suite("Jobs move between storages", .mayBlock)
struct MoveTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }
    var file: String { directory.path + "/jobs.jsonl" }

    init() throws { directory = try TemporaryDirectory() }

    private func export(_ place: StoragePlace) throws(StorageToolError) -> String {
        try whenFree { () throws(StorageToolError) in
            let lines = Lines()
            _ = try JobExport.run(place, lines.output)
            return lines.text
        }
    }

    private func load(
        _ place: StoragePlace, skippingExisting: Bool = false
    ) throws(StorageToolError) -> JobImport.Summary {
        try whenFree { () throws(StorageToolError) in
            try JobImport(path: file, to: place, skipsExisting: skippingExisting).run(Lines().output)
        }
    }

    private func makeStore() throws {
        let opened = try openStore(path)
        for record in SampleJobs.all { try opened.store.commit([.put(record)]) }
        for number in 200..<1_900 { try opened.store.commit([.put(job(number))]) }
        // The order is that of the first puts.
        try opened.store.commit([.put(job(200, "again"))])
        opened.marks.mark(SampleJobs.all[1].id)
        opened.marks.mark(id(300))
        opened.store.close()
    }

    @Test("B40: from a journal to a Redis server and into another journal, every field, mark and place in order stays")
    func thereAndBack() throws {
        try makeStore()
        let server = try RedisServer()
        let redis = StoragePlace.redis(url: server.url, node: "worker_1")
        let first = try export(.journal(path))
        try Files.write(file, Array(first.utf8))
        #expect(try load(redis).imported == SampleJobs.all.count + 1_700)
        let second = try export(redis)
        #expect(second == first)
        try Files.write(file, Array(second.utf8))
        let other = StoragePlace.journal(path + ".other")
        #expect(try load(other).skipped == 0)
        #expect(try export(other) == first)
        #expect(first.contains(#""running":true"#))
        let contents = try openStore(path + ".other").contents
        #expect(contents.jobs.map(\.record).prefix(SampleJobs.all.count) == SampleJobs.all[...])
        #expect(contents.jobs.filter(\.wasRunning).map(\.record.id) == [SampleJobs.all[1].id, id(300)])
    }

    @Test("jobs that are there already are refused with nothing changed, or skipped")
    func existing() throws {
        try makeStore()
        let text = try export(.journal(path))
        try Files.write(file, Array(text.utf8))
        let store = try openStore(path + ".other").store
        try store.commit([.put(job(250, "own"))])
        store.close()
        let other = StoragePlace.journal(path + ".other")
        let refused = #expect(throws: StorageToolError.self) { try load(other) }
        let line = SampleJobs.all.count + 52
        #expect(refused?.exitCode == 65)
        #expect(
            refused?.description
                == "'\(file)', line \(line): the job \(id(250)) is there already, and nothing was imported."
                + " Leave out what is there with --skip-existing, or import into an empty storage.")
        #expect(try contents(of: path + ".other") == ["250own"])
        #expect(
            try load(other, skippingExisting: true)
                == JobImport.Summary(imported: SampleJobs.all.count + 1_699, skipped: 1))
        #expect(try contents(of: path + ".other").first == "250own")
    }

    @Test("a storage that another process has is left alone, and that process is named")
    func inUse() async throws {
        let store = try openStore(path).store
        try store.commit([.put(job(1))])
        let refused = #expect(throws: StorageToolError.self) { try JobExport.run(.journal(path), Lines().output) }
        #expect(refused?.exitCode == 75)
        #expect(refused?.description.contains("process \(SystemProgram.pid) has it open") == true)
        store.close()
        try Files.write(file, Array(try export(.journal(path)).utf8))
        let server = try RedisServer()
        let driver = try await StorageDriver { RedisStorage(url: server.url, node: "worker_1") }
        defer { driver.stop() }
        _ = try await driver.open().get()
        let place = StoragePlace.redis(url: server.url, node: "worker_1")
        let held = #expect(throws: StorageToolError.self) { try load(place) }
        #expect(held?.exitCode == 75)
        #expect(held?.description.contains("process \(SystemProgram.pid) on ") == true, "\(held?.description ?? "")")
        await driver.close()
        #expect(try load(place).imported == 1)
    }

    @Test("a file that is cut off, changed or no export is refused with its line, and nothing is imported")
    func wrongFiles() throws {
        let store = try openStore(path).store
        try store.commit((0..<3).map { .put(job($0)) })
        store.close()
        let text = try export(.journal(path))
        let lines = text.split(separator: "\n").map(String.init)
        let mend = " Mend the line, or export again. Nothing was imported."
        let cases: [(String, String)] = [
            (
                lines[0...2].joined(separator: "\n"),
                "'\(file)': it has 2 jobs, and its first line says 3. It was cut off or changed: export again."
                    + " Nothing was imported."
            ),
            (
                (lines + [lines[1]]).joined(separator: "\n"),
                "'\(file)', line 5: the job \(id(0)) is in line 2 already." + mend
            ),
            (
                "hello\n",
                "'\(file)', line 1: this is not how an export begins:"
                    + " {\"format\":\"jobreactor-jobs\",\"version\":1,\"jobs\":2}. Name a file that 'jr journal export --to'"
                    + " has written."
            ),
            (
                text.replacing("\"version\":1", with: "\"version\":2"),
                "'\(file)': it has version 2, and this program reads 1. Use the version of jr that wrote it, or a newer"
                    + " one."
            ),
            (
                text.replacing("\"status\":\"new\"}\n", with: "\"status\":\"new\"\n"),
                "'\(file)', line 2, column \(lines[1].count): the text ends too early; expected ',' or '}'." + mend
            ),
            (
                text.replacing("\"status\"", with: "\"state\""),
                "'\(file)', line 2: \"status\" is missing." + mend
            ),
        ]
        for (wrong, message) in cases {
            try Files.write(file, Array(wrong.utf8))
            let refused = #expect(throws: StorageToolError.self) { try load(.journal(path + ".other")) }
            #expect(refused?.description == message)
            #expect(refused?.exitCode == 65)
            #expect(!Files.exists(path + ".other"))
        }
        let missing = #expect(throws: StorageToolError.self) {
            try JobImport(path: file + ".none", to: .journal(path + ".other"), skipsExisting: false).run(Lines().output)
        }
        #expect(missing?.exitCode == 66)
    }

    @Test("a damaged journal is not exported, and nothing is left behind of the file")
    func damaged() throws {
        try makeStore()
        let name = path + "/" + JournalFormat.segmentName(1)
        let raw = try Files.open(name, .readWrite)
        try Files.writeAll(raw.raw, [0xEE][...], at: 500)
        let refused = #expect(throws: StorageToolError.self) { try export(.journal(path)) }
        #expect(refused?.exitCode == 65)
        #expect(refused?.description.contains("jr journal salvage \(path) --to NEWDIR") == true)
    }

    @Test(
        "addresses of storages are told apart, and wrong ones are refused",
        arguments: [
            ("dir", nil, "", StoragePlace.journal("dir")), ("journal:dir", nil, "", .journal("dir")),
            ("redis://h", "n", "", .redis(url: "redis://h", node: "n")),
            (
                "redis://h", nil,
                "--node is missing: a Redis server has the jobs of many nodes. Name the node: --node"
                    + " worker_1", nil
            ),
            (
                "dir", "n", "--node: 'dir' is a directory, which has the jobs of one node only. Leave --node out.", nil
            ),
            (
                "redis://h", "a b",
                "--node 'a b': this is not 1 to 128 letters, digits or '_.:-'. Name the node as it"
                    + " names itself.", nil
            ),
        ] as [(String, String?, String, StoragePlace?)])
    func places(text: String, node: String?, message: String, place: StoragePlace?) throws {
        guard let place else {
            let refused = #expect(throws: StorageToolError.self) { try StoragePlace(text, node: node) }
            #expect(refused?.description == message)
            #expect(refused?.exitCode == 64)
            return
        }
        #expect(try StoragePlace(text, node: node) == place)
    }
}
