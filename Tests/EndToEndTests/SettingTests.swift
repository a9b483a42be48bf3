import JRBase
import JRSystem
import TestSupport
import Testing

/// What `jr-node` and `jr-distributor` make of the table of settings.
@Suite("Programs and their settings", .mayBlock)
struct ProgramSettingTests {
    @Test("B44: the help of a program has each setting that applies to it", arguments: ["jr-node", "jr-distributor"])
    func help(program: String) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-help-")
        defer { try? Files.removeTree(directory) }
        let run = try Programs.run([program, "--help"], in: directory)
        let fixture = Programs.root + "/Tests/Fixtures/help/\(program).txt"
        if SystemProgram.environment["JR_RECORD"] != nil { try Files.write(fixture, Array(run.output.utf8)) }
        #expect(
            run.output == (try Programs.text(fixture)),
            "The help has changed. If it is as it should be: JR_RECORD=1 swift test --filter ProgramSettingTests")
        #expect(run.status == .exited(0))
    }

    @Test("B44: all wrong settings of a node are said at once, by the name they were given under")
    func wrong() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-settings-")
        defer { try? Files.removeTree(directory) }
        let words = ["--drain", "soon", "--max-attempts=3", "--timeout=0s"]
        let run = try Programs.run(
            ["jr-node"] + words, in: directory,
            environment: ["JR_CREDIT": "0", "JR_MAX_ATTEMPTS": "many", "JR_MAX_ATTEMTS": "4"])
        #expect(run.status == .exited(64))
        #expect(
            run.errors == """
                jr-node: --timeout: '0s' is not a length of time from 1ms to 366d, such as 250ms, 30s or 5m, or none
                jr-node: JR_CREDIT: '0' is not a whole number from 1 to 1000000
                jr-node: --drain: 'soon' is not a length of time from 0s to 1d, such as 250ms, 30s or 5m
                jr-node: 'JR_MAX_ATTEMTS' is no setting. Did you mean 'JR_MAX_ATTEMPTS'?
                See 'jr-node --help'.

                """)
    }

    @Test("what a distributor cannot listen on is named with where it was said")
    func listen() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-settings-")
        defer { try? Files.removeTree(directory) }
        let run = try Programs.run(["jr-distributor"], in: directory, environment: ["JR_LISTEN": "x[y:1"])
        #expect(run.status == .exited(64))
        #expect(run.errors.hasPrefix("jr-distributor: JR_LISTEN: 'x[y:1' is not an address"), "\(run.errors)")
    }

    @Test("a node that others could reach without authentication does not start unless that is asked for")
    func open() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-settings-")
        defer { try? Files.removeTree(directory) }
        try Files.makeDirectory(directory + "/reactor_jobs")
        let run = try Programs.run(["jr-node", "--listen", "0.0.0.0:0"], in: directory)
        #expect(run.status == .exited(64))
        #expect(run.errors.contains("0.0.0.0:0 can be reached from other machines"), "\(run.errors)")
        let list = try Programs.run(["jr-node", "--listen", "0.0.0.0:0", "--insecure", "--list"], in: directory)
        #expect(list.status == .exited(0), "\(list.errors)")
    }

    @Test("jr-supervisor check says what is wrong with a manifest's settings, each at its place")
    func check() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-settings-")
        defer { try? Files.removeTree(directory) }
        let text = #"""
            { "distributors": { "main": {} },
              "nodes": { "worker": { "maxAttemts": 5, "removeDoneJobs": "no" } } }
            """#
        try Files.write(directory + "/cluster.json", Array(text.utf8))
        let check = try Programs.run(["jr-supervisor", "check"], in: directory)
        #expect(check.status == .exited(78))
        let said = check.output + check.errors
        #expect(
            said.contains(":2:26: error: unknown key \"maxAttemts\" in nodes.worker (did you mean \"maxAttempts\"?)"))
        #expect(said.contains(":2:61: error: nodes.worker.removeDoneJobs must be true or false, found \"no\""))
    }

    @Test("B33, B44: the attempts that a manifest allows are made, and no more")
    func attempts() throws {
        let jobs = try Files.makeTemporaryDirectory(prefix: "jr-jobs-")
        defer { try? Files.removeTree(jobs) }
        let script = "#!/bin/sh\necho $JR_ATTEMPT >> \(jobs)/.attempts\nexit 1\n"
        try Files.write(jobs + "/fail.sh", Array(script.utf8), mode: 0o755)
        let cluster = try Cluster(jobs: jobs, settings: #""maxAttempts": 3, "retryMultiplier": 0.01,"#)
        try cluster.up()
        let enqueued = try cluster.jr(["enqueue", "fail", "--wait"])
        #expect(enqueued.status != .exited(0), "\(enqueued.output)")
        #expect(try Programs.text(jobs + "/.attempts") == "1\n2\n3\n")
    }
}
