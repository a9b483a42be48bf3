import JRBase
import JRSystem
import TestSupport
import Testing

/// `jr journal` as a person meets it: what it prints and how it ends.
@Suite("jr journal looks into storages and moves jobs", .mayBlock)
struct JournalVerbTests {
    let directory: String

    init() throws { directory = try Files.makeTemporaryDirectory(prefix: "jr-journal-") }

    private func jr(_ words: String...) throws -> Finished {
        try Programs.run(["jr", "journal"] + words, in: directory)
    }

    /// Two jobs, as an export has them, imported into a new journal.
    private func makeStore(_ name: String = "store") throws {
        let lines = """
            {"format":"jobreactor-jobs","version":1,"jobs":2}
            {"id":"01900000000000000000000000000001","name":"one","arguments":{"n":1},"created_at":"2026-11-18T11:06:40.123Z","status":"new"}
            {"id":"01900000000000000000000000000002","name":"two","arguments":{},"created_at":"2026-11-18T11:06:40.123Z","status":"failed","attempt":3,"last_error":"it broke"}

            """
        try Files.write(directory + "/jobs.jsonl", Array(lines.utf8))
        let made = try jr("import", "jobs.jsonl", "--to", name)
        #expect(made.status == .exited(0), "\(made.errors)")
        #expect(made.errors == "jr: 2 jobs imported\n")
        #expect(made.output == "")
    }

    private func damage() throws {
        let file = try Files.open(directory + "/store/00000000000000000001.seg", .readWrite)
        try Files.writeAll(file.raw, [0xEE][...], at: 150)
    }

    @Test("what was imported is exported again, byte for byte, to standard output or a new file")
    func roundTrip() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        let exported = try jr("export", "store")
        #expect(exported.status == .exited(0))
        #expect(exported.output == (try Programs.text(directory + "/jobs.jsonl")))
        // On a slow machine, lines about the progress come before.
        #expect(exported.errors.hasSuffix("jr: 2 jobs exported\n"))
        let there = try jr("export", "store", "--to", "jobs.jsonl")
        #expect(there.status == .exited(64))
        #expect(there.errors == "jr: 'jobs.jsonl' cannot be written: it is there already. Name a new file.\n")
        #expect(try jr("export", "store", "--to", "again.jsonl").status == .exited(0))
        #expect(try Programs.text(directory + "/again.jsonl") == exported.output)
        let twice = try jr("import", "jobs.jsonl", "--to", "store")
        #expect(twice.status == .exited(65))
        #expect(
            twice.errors == "jr: 'jobs.jsonl', line 2: the job 01900000000000000000000000000001 is there already, and"
                + " nothing was imported. Leave out what is there with --skip-existing, or import into an empty storage.\n"
        )
        let skipped = try jr("import", "jobs.jsonl", "--to", "store", "--skip-existing")
        #expect(skipped.status == .exited(0))
        #expect(skipped.errors == "jr: 0 jobs imported, 2 skipped that are there already\n")
    }

    @Test("a sound journal, a damaged one and none end verify with 0, 65 and 66, each with what to do")
    func verify() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        let sound = try jr("verify", "store")
        #expect(sound.status == .exited(0))
        #expect(sound.errors == "")
        #expect(sound.output.hasSuffix("\nsound: a node starts with it\n"))
        #expect(sound.output.contains("\nstore: 2 jobs, up to sequence 3, durable up to 3, made "))
        try damage()
        let damaged = try jr("verify", "store")
        #expect(damaged.status == .exited(65))
        #expect(
            damaged.output.hasSuffix(
                " bytes: the frame's checksum does not match (missing: sequence 1 to 2)\nrefused: no node starts with it."
                    + " Put the directory back from a copy; or 'jr journal salvage store --to NEWDIR' saves what is whole;"
                    + " or move it away to start without its jobs.\n"), "\(damaged.output)")
        let json = try jr("verify", "store", "--json")
        #expect(json.status == .exited(65))
        #expect(json.lines.count == 3)
        #expect(json.lines.last?.contains("\"sound\":false") == true)
        let none = try jr("verify", "nowhere")
        #expect(none.status == .exited(66))
        #expect(
            none.errors.hasPrefix("jr: the journal 'nowhere' cannot be read: ")
                && none.errors.hasSuffix("Name the directory that a node has as its storage.\n"), "\(none.errors)")
    }

    @Test("a dump has a line for each job; of a damaged journal what is whole, and exit code 65")
    func dump() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        let jobs = try jr("dump", "store")
        #expect(jobs.status == .exited(0))
        #expect(
            jobs.output
                == (try Programs.text(directory + "/jobs.jsonl").split(separator: "\n").dropFirst()
                    .map { $0 + "\n" }.joined()))
        let records = try jr("dump", "store", "--records")
        #expect(records.lines.count == 3)
        try damage()
        let damaged = try jr("dump", "store")
        #expect(damaged.status == .exited(65))
        #expect(damaged.output == "")
        #expect(damaged.errors.hasPrefix("jr: the journal is damaged, and this is what is whole of it: the journal "))
    }

    @Test("salvage makes a new journal with which a node starts, and says what is missing")
    func salvage() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        try damage()
        let refused = try jr("export", "store")
        #expect(refused.status == .exited(65))
        #expect(refused.output == "")
        let saved = try jr("salvage", "store", "--to", "new")
        #expect(saved.status == .exited(65))
        #expect(saved.lines.first == "saved: 0 jobs of 'store' in 'new'")
        #expect(saved.lines.contains { $0.hasPrefix("missing: 2 records at the least") }, "\(saved.output)")
        #expect(try jr("verify", "new").status == .exited(0))
        let whole = try jr("salvage", "new", "--to", "newer")
        #expect(whole.status == .exited(0))
        #expect(whole.lines.last == "nothing is missing")
        // Nothing is there after a salvage that was none.
        #expect(try jr("salvage", "store", "--to", "new").status == .exited(64))
        #expect(try jr("time", "new").output.hasPrefix("0 jobs, "))
    }

    @Test("wrong options and addresses are said to be wrong, with exit code 64")
    func wrong() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        let cases: [([String], String)] = [
            (["look", "store"], "jr: ACTION: 'look' is not allowed. Allowed: \(Self.actions)."),
            (["verify", "store", "--records"], "jr: --records says nothing with 'verify': leave it out."),
            (["verify", "store", "--to", "x"], "jr: --to says nothing with 'verify': leave it out."),
            (["salvage", "store"], "jr: --to is missing: the directory to make, such as --to NEWDIR."),
            (
                ["import", "jobs.jsonl"],
                "jr: --to is missing: a directory, or the address of a Redis server with --node."
            ),
            (["dump"], "jr: PLACE is missing. Usage: 'jr journal [OPTIONS] ACTION PLACE'."),
        ]
        for (words, message) in cases {
            let wrong = try Programs.run(["jr", "journal"] + words, in: directory)
            #expect(wrong.status == .exited(64))
            #expect(wrong.errors == message + " See 'jr journal --help'.\n")
        }
        let node = try jr("export", "redis://localhost")
        #expect(node.status == .exited(64))
        #expect(
            node.errors == "jr: --node is missing: a Redis server has the jobs of many nodes. Name the node: --node"
                + " worker_1\n")
    }

    private static let actions = "verify, dump, salvage, export, import, time"

    @Test("a Redis server that is not there ends with 69 and its address, and nothing is imported")
    func noServer() throws {
        defer { try? Files.removeTree(directory) }
        try makeStore()
        let away = try jr("import", "jobs.jsonl", "--to", "redis+unix:\(directory)/none.sock", "--node", "worker_1")
        #expect(away.status == .exited(69))
        #expect(away.errors.hasPrefix("jr: the Redis server redis+unix:\(directory)/none.sock cannot be used: "))
    }

    @Test("the journal of a node that runs is verified at one moment, not exported, and moved once it has stopped")
    func ofANode() throws {
        defer { try? Files.removeTree(directory) }
        let cluster = try Cluster()
        try cluster.up()
        let after = try cluster.jr(["enqueue", "sha256", "path=x", "--after", "10h", "--node", "worker.1", "--strict"])
        #expect(after.status == .exited(0), "\(after.errors)")
        let store = try Self.store(in: cluster.directory, of: "worker.1")
        let pid = try #require(try cluster.instances().first { $0.name == "worker.1" }?.pid)
        let open = try jr("verify", store)
        #expect(open.status == .exited(0), "\(open.output)\(open.errors)")
        #expect(open.output.contains("process \(pid) has it open: "), "\(open.output)")
        let held = try jr("export", store)
        #expect(held.status == .exited(75))
        #expect(
            held.errors
                == "jr: the storage directory '\(store)' is in use: process \(pid) has it open. Stop that process,"
                + " or give this one a directory of its own. [storage_locked]\n")
        #expect(try cluster.supervisor("down").status == .exited(0))
        let moved = try jr("export", store)
        #expect(moved.status == .exited(0), "\(moved.errors)")
        #expect(moved.lines.count == 2)
        #expect(moved.output.contains("\(after.output.prefix(32))"))
    }

    /// The journal of an instance, wherever the supervisor has put it.
    private static func store(in directory: String, of instance: String) throws -> String {
        var folders = [directory + "/.jr"]
        while let folder = folders.popLast() {
            let names = try Files.list(folder)
            if names.contains("META"), folder.contains(instance) { return folder }
            for name in names where try Files.status(folder + "/" + name, followingLinks: false).kind == .directory {
                folders.append(folder + "/" + name)
            }
        }
        throw SystemError(call: "find", code: 2, subject: directory)
    }
}
