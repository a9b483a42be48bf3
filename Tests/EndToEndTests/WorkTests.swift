import JRBase
import JRJSON
import JRReactor
import JRSystem
import JRWire
import JobReactor
import TestSupport
import Testing

@Suite("A cluster that does real work", .serialized, .mayBlock)
struct WorkTests {
    @Test("up, status, a job, a second up, down: each says what is true, and nothing is left")
    func upAndDown() throws {
        let cluster = try Cluster()
        try cluster.up()
        let instances = try cluster.instances()
        #expect(instances.map(\.name).sorted() == ["main.1", "worker.1", "worker.2"])
        #expect(instances.allSatisfy { $0.state == "ready" })

        let second = try cluster.supervisor("up", "--detach", "cluster.json")
        #expect(second.status == .exited(75))
        #expect(second.errors.contains("pid"), "\(second.errors)")

        let readme = Programs.root + "/README.md"
        let count = try cluster.jr(["enqueue", "wordcount", "path=\(readme)", "--wait"])
        #expect(count.status == .exited(0), "\(count.errors)")
        let result = try JSON(parsing: count.output)
        let wanted = try Programs.run(["/usr/bin/env", "LC_ALL=C.UTF-8", "wc", readme], in: cluster.directory).output
            .split(separator: " ").prefix(3).compactMap { Int64($0) }
        #expect([result["lines"]?.int, result["words"]?.int, result["bytes"]?.int] == wanted)

        // Its outcome has come and was acknowledged: nobody keeps it any more.
        #expect(try cluster.jr(["list", "--all"]).output == "no jobs\n")

        let down = try cluster.supervisor("down")
        #expect(down.status == .exited(0), "\(down.errors)")
        for instance in instances {
            if let pid = instance.pid { #expect(Processes.facts(of: pid) == nil, "\(instance.name) is still there") }
        }
        #expect(!Files.exists(cluster.directory + "/.jr/control.sock"))
        #expect(try cluster.supervisor("status").status == .exited(4))
    }

    @Test(
        "B29, B38: 3,000 real files give one result each and the sums of wc, while both workers are killed three times")
    func killsWhileCounting() throws {
        let cluster = try Cluster()
        try cluster.up()
        let paths = try realFiles(3_000, in: cluster.directory)
        let input = cluster.directory + "/paths.jsonl"
        try Files.write(input, Array(paths.map { JSON.object(["path": .string($0)]).text + "\n" }.joined().utf8))
        var seen: [String: Int] = [:]
        var sums: (lines: Int64, words: Int64, bytes: Int64) = (0, 0, 0)
        let kills = [
            200: "worker.1", 500: "worker.2", 800: "worker.1", 1_100: "worker.2", 1_400: "worker.1", 1_700: "worker.2",
        ]
        let status = try cluster.stream(["enqueue", "wordcount", "--many", "-", "--wait"], inputFile: input) {
            count, line in
            let result = try JSON(parsing: line)
            #expect(result["error"] == nil, "\(line)")
            seen[result["path"]?.string ?? "", default: 0] += 1
            sums.lines += result["lines"]?.int ?? 0
            sums.words += result["words"]?.int ?? 0
            sums.bytes += result["bytes"]?.int ?? 0
            if let victim = kills[count] {
                let kill = try cluster.supervisor("kill", victim, "KILL")
                #expect(kill.status == .exited(0), "\(kill.errors)")
            }
        }
        let errors = try Programs.text(cluster.directory + "/stream.err")
        #expect(status == .exited(0), "\(errors)")
        #expect(seen.count == paths.count)
        #expect(seen.values.allSatisfy { $0 == 1 })
        let wanted = try sumsOfWC(paths, in: cluster.directory)
        #expect(sums.lines == wanted[0])
        #expect(sums.words == wanted[1])
        #expect(sums.bytes == wanted[2])
        #expect(try cluster.instances().filter { $0.name.hasPrefix("worker") }.allSatisfy { $0.restarts == 3 })
    }

    @Test("a program job gives the digests of sha256sum for 200 files")
    func digests() throws {
        let cluster = try Cluster()
        try cluster.up()
        let paths = try realFiles(200, in: cluster.directory)
        let input = paths.map { JSON.object(["path": .string($0)]).text + "\n" }.joined()
        let digests = try cluster.jr(["enqueue", "sha256", "--many", "-", "--wait"], input: input)
        #expect(digests.status == .exited(0), "\(digests.errors)")
        let found = try Dictionary(
            uniqueKeysWithValues: digests.lines.map { line in
                let result = try JSON(parsing: String(line))
                return (result["path"]?.string ?? "", result["sha256"]?.string ?? "")
            })
        #expect(try cluster.jr(["list", "--all"]).output == "no jobs\n")
        let wanted = try Programs.run(["/usr/bin/env", "sha256sum"] + paths, in: cluster.directory)
        #expect(found.count == 200)
        for line in wanted.lines {
            #expect(found[String(line.dropFirst(66))] == String(line.prefix(64)))
        }
    }

    @Test("B20, B29: after kill -9 of the nodes, 1,000 scheduled jobs all run, none before its time")
    func scheduledSurvive() throws {
        let jobs = try Files.makeTemporaryDirectory(prefix: "jr-jobs-")
        defer { try? Files.removeTree(jobs) }
        let source = """
            #!/bin/sh
            printf '{"ran_at": %s}' "$(date +%s%3N)"
            """
        try Files.write(jobs + "/stamp", Array(source.utf8), mode: 0o755)
        let cluster = try Cluster(jobs: jobs)
        try cluster.up()
        let reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        let client = try JobClient("\(try cluster.address())", on: reactor)
        defer {
            client.stop()
            reactor.stop()
            reactor.waitUntilStopped()
        }
        var options = JobOptions()
        options.delay = .seconds(Int64(5))
        options.due = SystemClock.wall() + .seconds(Int64(5))
        let due = try #require(options.due)
        let stored = Monitor(0)
        let results = Monitor<[JobArguments]>([])
        for number in 1...1_000 {
            try client.enqueue("stamp", ["n": .int(Int64(number))], options, feedback: .both) { event in
                switch event {
                case .stored: stored.update { $0 += 1 }
                case .ended(let result): results.update { $0.append(result.arguments) }
                case .accepted, .refused: break
                }
            }
        }
        #expect(stored.wait(timeout: .seconds(Int64(60))) { $0 == 1_000 ? true : nil } == true)
        for worker in ["worker.1", "worker.2"] {
            #expect(try cluster.supervisor("kill", worker, "KILL").status == .exited(0))
        }
        let ended = results.wait(timeout: .seconds(Int64(120))) { $0.count >= 1_000 ? $0 : nil } ?? []
        #expect(Set(ended.compactMap { $0["n"]?.int }) == Set(1...1_000))
        #expect(ended.count == 1_000)
        #expect(ended.allSatisfy { Int64($0["ran_at"]?.int ?? 0) >= due.milliseconds })
    }

    // MARK: Real files

    /// Readable files below 1 MiB that this machine has anyway, without names that `wc` would quote.
    private func realFiles(_ count: Int, in directory: String) throws -> [String] {
        let find = try Programs.run(
            [
                "/usr/bin/env", "find", "/usr/share", "/usr/include", "/usr/lib", "-type", "f", "-size", "-1024k",
                "-readable", "-print",
            ], in: directory)
        let paths = find.lines.map(String.init).filter { path in
            path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }
        }
        try #require(paths.count >= count, "this machine has \(paths.count) small files below /usr")
        // Spread over the tree, the same choice each time.
        return (0..<count).map { paths[$0 * (paths.count / count)] }
    }

    private func sumsOfWC(_ paths: [String], in directory: String) throws -> [Int64] {
        try Files.write(directory + "/names", Array(paths.joined(separator: "\0").utf8) + [0])
        let wc = try Programs.run(
            ["/usr/bin/env", "LC_ALL=C.UTF-8", "wc", "--files0-from=\(directory)/names"], in: directory)
        let total = try #require(wc.lines.last)
        return total.split(separator: " ").prefix(3).compactMap { Int64($0) }
    }
}
