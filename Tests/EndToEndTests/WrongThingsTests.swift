import JRBase
import JRSystem
import TestSupport
import Testing

/// Each wrong thing is answered with what, where, why and how to mend it, and the exit code of the contract.
@Suite("Wrong things are said clearly", .serialized, .mayBlock)
struct WrongThingsTests {
    private func manifest(_ text: String) throws -> String {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-wrong-")
        try Files.write(directory + "/cluster.json", Array(text.utf8))
        return directory
    }

    @Test("an unknown key of the manifest is named with its place and the nearest key")
    func unknownKey() throws {
        let directory = try manifest(#"{ "name": "x", "distributers": { "main": { "listen": "127.0.0.1:0" } } }"#)
        defer { try? Files.removeTree(directory) }
        let up = try Programs.run(["jr-supervisor", "up", "--detach", "cluster.json"], in: directory)
        #expect(up.status == .exited(78))
        #expect(up.errors.contains("cluster.json:1:16: error: unknown key \"distributers\""), "\(up.errors)")
        #expect(up.errors.contains("did you mean \"distributors\"?"), "\(up.errors)")
    }

    @Test("a port in use is named with who has it")
    func portInUse() throws {
        let listener = try Sockets.listen(on: try SocketAddress(parsing: "127.0.0.1:0"))
        let port = try Sockets.localAddress(listener.raw).port ?? 0
        let directory = try manifest(
            #"{ "name": "x", "distributors": { "main": { "listen": "127.0.0.1:\#(port)" } } }"#)
        defer { try? Files.removeTree(directory) }
        let up = try Programs.run(["jr-supervisor", "up", "--detach", "--wait", "20s", "cluster.json"], in: directory)
        #expect(up.status == .exited(69))
        #expect(up.errors.contains("\(port)"), "\(up.errors)")
        #expect(up.errors.contains("pid \(SystemProgram.pid)"), "\(up.errors)")
        #expect(up.errors.contains("listen elsewhere"), "\(up.errors)")
        _ = try Programs.run(["jr-supervisor", "down", "--now"], in: directory)
    }

    @Test("a job directory that is not there is an error of the manifest, at its line")
    func missingDirectory() throws {
        let text = #"""
            { "name": "x", "distributors": { "main": { "listen": "127.0.0.1:0" } },
              "nodes": { "worker": { "distributors": ["main"], "jobs": "nowhere" } } }
            """#
        let directory = try manifest(text)
        defer { try? Files.removeTree(directory) }
        let up = try Programs.run(["jr-supervisor", "up", "--detach", "cluster.json"], in: directory)
        #expect(up.status == .exited(78))
        #expect(up.errors.contains("cluster.json:2:"), "\(up.errors)")
        #expect(up.errors.contains("nowhere"), "\(up.errors)")
    }

    @Test("a Swift job that does not compile ends the start, with the compiler's own words")
    func doesNotCompile() throws {
        let jobs = try Files.makeTemporaryDirectory(prefix: "jr-jobs-")
        defer { try? Files.removeTree(jobs) }
        try Files.write(
            jobs + "/broken.swift", Array("import JobReactor\njob(\"x\") { args in args[1] = nope }\n".utf8))
        let cluster = try Cluster(jobs: jobs)
        let up = try cluster.supervisor("up", "--detach", "cluster.json")
        #expect(up.status == .exited(69))
        #expect(up.errors.contains(" is failed: exit 65"), "\(up.errors)")
        #expect(up.errors.contains("the last lines of "), "\(up.errors)")
        #expect(up.errors.contains("broken.swift:2:30: error: cannot find 'nope' in scope"), "\(up.errors)")
    }

    @Test(
        "a descriptor in the environment that no supervisor has given is said to be none",
        arguments: [
            ("jr-node", "JR_LIFE_FD", "9", "", "no descriptor 9 is open"),
            ("jr-node", "JR_LIFE_FD", "3", "3</dev/null", "descriptor 3 is no pipe and no socket"),
            ("jr-node", "JR_READY_FD", "3", "", "no descriptor 3 is open"),
            ("jr-node", "JR_READY_FD", "3", "3</dev/null", "descriptor 3 cannot be written to"),
            ("jr-node", "JR_LIFE_FD", "three", "", "it has to be the number of a descriptor, from 3 on"),
            ("jr-distributor", "JR_LIFE_FD", "4", "", "no descriptor 4 is open"),
            ("jr-distributor", "JR_READY_FD", "3", "3</", "descriptor 3 cannot be written to"),
        ])
    func strayDescriptor(program: String, variable: String, value: String, opens: String, why: String) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-stray-")
        defer { try? Files.removeTree(directory) }
        try Files.makeDirectory(directory + "/jobs")
        let words = program == "jr-node" ? "--name n --jobs jobs --storage memory" : "--listen 127.0.0.1:0"
        let path = try Programs.path(program)
        let script = "export \(variable)=\(value); exec \(path) \(words) \(opens)"
        let run = try Programs.run(["/bin/sh", "-c", script], in: directory)
        #expect(run.status == .exited(78))
        #expect(run.errors.contains("\(variable)=\(value) is not what a supervisor gives"), "\(run.errors)")
        #expect(run.errors.contains(why) && run.errors.contains("unset \(variable)"), "\(run.errors)")
    }

    @Test("an unknown verb is answered with the nearest one")
    func unknownVerb() throws {
        let supervisor = try Programs.run(["jr-supervisor", "stauts"], in: "/tmp")
        #expect(supervisor.status == .exited(64))
        #expect(supervisor.errors.contains("Did you mean 'status'?"), "\(supervisor.errors)")
        let jr = try Programs.run(["jr", "enqeue"], in: "/tmp")
        #expect(jr.status == .exited(64))
        #expect(jr.errors.contains("Did you mean 'enqueue'?"), "\(jr.errors)")
    }

    @Test("without a cluster, jr says what it looked for and how to start one")
    func noCluster() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-none-")
        defer { try? Files.removeTree(directory) }
        let none = try Programs.run(["jr", "nodes"], in: directory)
        #expect(none.status == .exited(69))
        #expect(none.errors.contains("jr-supervisor up"), "\(none.errors)")
        let refused = try Programs.run(["jr", "nodes", "--url", "jr://127.0.0.1:1"], in: directory)
        #expect(refused.status == .exited(69))
        #expect(refused.errors.contains("127.0.0.1:1"), "\(refused.errors)")
    }

    @Test("who waits for a job that no node knows is told at once what it waits for, and goes on waiting")
    func unknownJobIsWaitedFor() throws {
        let cluster = try Cluster()
        try cluster.up()
        // A job that ran shows that a node is connected.
        let known = try cluster.jr(["enqueue", "wordcount", "path=\(Programs.root)/README.md", "--wait"])
        #expect(known.status == .exited(0), "\(known.errors)")
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let readEnd = Descriptor(owning: ends.read)
        let writeEnd = Descriptor(owning: ends.write)
        let pid = try Programs.start(
            ["jr", "enqueue", "wordcuont", "path=x", "--wait"], in: cluster.directory, output: writeEnd.raw,
            errors: writeEnd.raw)
        defer {
            try? Processes.signal(pid: pid, Signals.kill)
            _ = try? Processes.wait(pid: pid)
        }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var said = ""
        while !said.contains("\n") {
            guard try IO.waitReadable(readEnd.raw, timeout: 30_000),
                case .moved(let count) = buffer.withUnsafeMutableBytes({ IO.read(readEnd.raw, into: $0) }), count > 0
            else { break }
            said += String(decoding: buffer[..<count], as: UTF8.self)
        }
        let waits = "jr: 'wordcuont' waits in the distributor's memory: no connected node knows the job 'wordcuont' ("
        #expect(said.hasPrefix(waits), "\(said)")
        #expect(said.contains("knows sha256, wordcount"), "\(said)")
        #expect(said.hasSuffix("). It runs as soon as it can\n"), "\(said)")
        let process = try Processes.open(pid: pid)
        #expect(try !IO.waitReadable(process.raw, timeout: 0), "it does not wait for the end of the job")
        let waiting = try cluster.jr(["list"])
        #expect(waiting.output.contains("wordcuont"), "\(waiting.output)\(waiting.errors)")
    }

    @Test("an unknown job waits visibly, and a malformed line is named while the others run")
    func unknownJobAndMalformedLine() throws {
        let cluster = try Cluster()
        try cluster.up()
        // Without --wait it ends as soon as the distributor has said what it waits for.
        let unknown = try cluster.jr(["enqueue", "wordcuont", "path=x"])
        #expect(unknown.status == .exited(0))
        #expect(unknown.errors.contains("no connected node knows the job 'wordcuont'"), "\(unknown.errors)")
        #expect(unknown.errors.contains("wordcount"), "\(unknown.errors)")

        let readme = Programs.root + "/README.md"
        let input = "{\"path\": \"\(readme)\"}\n{\"path\": oops}\n{\"path\": \"\(readme)\"}\n"
        let many = try cluster.jr(["enqueue", "wordcount", "--many", "-", "--wait"], input: input)
        #expect(many.status == .exited(65))
        #expect(many.lines.count == 2)
        #expect(many.errors.contains("line 2"), "\(many.errors)")
    }
}
