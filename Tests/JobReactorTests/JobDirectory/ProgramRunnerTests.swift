import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("Program jobs (B9)", .mayBlock)
struct ProgramRunnerTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private struct Ended: Sendable {
        let arguments: JobArguments?
        let failure: ProgramFailure?
        let log: [String]
        let milliseconds: Int64
    }

    private func run(
        _ script: String, _ arguments: JobArguments = [:], timeout: Interval? = nil, cancelAfter: Interval? = nil,
        environment: [String: String] = plainEnvironment()
    ) throws -> Ended {
        let path = try folder.write("job", "#!/bin/sh\n" + script, mode: 0o755)
        return try run(path: path, arguments, timeout: timeout, cancelAfter: cancelAfter, environment: environment)
    }

    private func run(
        path: String, _ arguments: JobArguments, timeout: Interval? = nil, cancelAfter: Interval? = nil,
        environment: [String: String] = plainEnvironment()
    ) throws -> Ended {
        let reactor = try Reactor(name: "test")
        let ended = Monitor<Ended?>(nil)
        let directory = folder.path
        try reactor.start { loop in
            let lines = Monitor<[String]>([])
            let runner = ProgramRunner(
                path: path, workingDirectory: directory, timeout: timeout, environment: environment,
                log: { line in lines.update { $0.append(line) } })
            let start = loop.now.instant
            let id = JobID(at: loop.now.wall, random: (1, 2))
            let program = runner.run(arguments: arguments, id: id, name: "test.job", attempt: 3, on: loop) {
                loop, result in
                let log = lines.update { $0 }
                let time = (loop.refreshNow().instant - start).nanoseconds / 1_000_000
                switch result {
                case .success(let arguments):
                    ended.update { $0 = Ended(arguments: arguments, failure: nil, log: log, milliseconds: time) }
                case .failure(let failure):
                    ended.update { $0 = Ended(arguments: nil, failure: failure, log: log, milliseconds: time) }
                }
            }
            if let cancelAfter { loop.schedule(after: cancelAfter) { _ in program.cancel() } }
        }
        defer {
            reactor.stop()
            reactor.waitUntilStopped()
        }
        return try #require(ended.wait(timeout: .seconds(Int64(300))) { $0 }, "the program's end was not reported")
    }

    @Test("B9: the object on standard output is merged into the arguments")
    func merges() throws {
        let ended = try run(#"cat > in; echo '{"b": [1, 2.5, null], "a": "new"}'"#, ["a": "old", "kept": true])
        #expect(ended.arguments == ["a": "new", "kept": true, "b": [1, 2.5, nil]])
        #expect(try folder.read("in") == #"{"a":"old","kept":true}"# + "\n")
    }

    @Test("a program that writes nothing but white space adds nothing", arguments: ["true", "echo; echo ' '"])
    func writesNothing(script: String) throws {
        #expect(try run(script, ["a": 1]).arguments == ["a": 1])
    }

    @Test(
        "a success with anything else on standard output is a failure that says so",
        arguments: ["echo hello", "echo '[1]'", "echo '{} {}'", "echo '{\"a\": 1'", "printf '\\377'"])
    func garbage(script: String) throws {
        let failure = try #require(try run(script).failure)
        #expect(failure.description.contains("its standard output is no JSON object"))
        #expect(!failure.isFinal)
    }

    @Test("B9: the exit code says how it went; 100 is for good, and no other")
    func exitCodes() throws {
        #expect(try run("exit 0").failure == nil)
        let texts = try [
            75: "another attempt (exit 75)", 100: "for good (exit 100)", 1: "failed (exit 1)", 255: "exit 255",
        ]
        .map { code, text in (code, text, try #require(try run("echo '{\"x\":1}'; exit \(code)").failure)) }
        for (code, text, failure) in texts {
            #expect(failure.description.contains(text))
            #expect(failure.isFinal == (code == 100))
        }
    }

    @Test("a program that dies of a signal failed, and the signal is named")
    func signals() throws {
        #expect(try #require(try run("kill -9 $$").failure).description == "the program was killed by SIGKILL")
        #expect(try #require(try run("echo why >&2; kill -TERM $$").failure).description.contains("SIGTERM: why"))
    }

    @Test("B9: standard error is logged line by line, and its last 2 KiB are part of the failure")
    func standardError() throws {
        let ended = try run(
            "i=0; while [ $i -lt 500 ]; do echo \"line $i\" >&2; i=$((i+1)); done; printf 'no end' >&2; exit 3")
        #expect(ended.log.count == 501)
        #expect(ended.log.first == "line 0")
        #expect(ended.log.last == "no end")
        let text = try #require(ended.failure).description
        #expect(text.hasPrefix("the program failed (exit 3): "))
        #expect(text.hasSuffix("line 499\nno end"))
        #expect(!text.contains("line 100\n"))
        #expect(text.utf8.count < 2_048 + 100)
    }

    @Test("a line of standard error without an end is cut, not gathered for ever")
    func longLine() {
        var lines: [String] = []
        var output = ErrorOutput()
        for _ in 0..<100 { output.append([UInt8](repeating: 65, count: 1_000)) { lines.append($0) } }
        output.end { lines.append($0) }
        #expect(lines.map(\.utf8.count).max() == ErrorOutput.lineBytes)
        #expect(lines.reduce(0) { $0 + $1.utf8.count } == 100_000)
    }

    @Test("the job's id, name and attempt are in the environment, and of the node's own only what any program needs")
    func environment() throws {
        let ended = try run(
            "env | cut -d= -f1 > names; echo \"{\\\"is\\\": \\\"$JR_JOB_NAME $JR_ATTEMPT $PWD\\\", \\\"id\\\": \\\"$JR_JOB_ID\\\"}\"",
            environment: [
                "PATH": "/usr/bin:/bin", "LC_TIME": "C", "SECRET": "1", "JR_KEY_FD": "3", "APP_A": "1", "OTHER": "1",
                "JR_PASS_ENV": "APP_*,OTHER", "HOME": "/",
            ])
        #expect(ended.arguments?["is"] == .string("test.job 3 \(folder.path)"))
        #expect(ended.arguments?["id"]?.string?.isEmpty == false)
        let names = Set(try folder.read("names").split(separator: "\n").map(String.init)).subtracting(["PWD", "_"])
        #expect(
            names.subtracting(["OLDPWD", "SHLVL"]) == [
                "PATH", "HOME", "LC_TIME", "APP_A", "OTHER", "JR_JOB_ID", "JR_JOB_NAME", "JR_ATTEMPT",
            ])
    }

    @Test("a program that does not read its input is none the worse for it")
    func inputUnread() throws {
        let big: JobArguments = ["text": .string(String(repeating: "x", count: 1 << 20))]
        #expect(try run("exec <&-; echo '{\"done\": true}'", big).arguments?["done"] == true)
        #expect(try run("exit 0", big).arguments == big)
    }

    @Test("5 MiB go in and come out")
    func large() throws {
        let text = String(repeating: "0123456789abcdef", count: 5 * 65_536)
        let ended = try run("cat", ["text": .string(text)])
        #expect(ended.arguments?["text"]?.string == text)
    }

    @Test("a program that writes more than 8 MiB is stopped")
    func tooMuch() throws {
        let failure = try #require(try run("exec cat /dev/zero").failure)
        #expect(failure.description.contains("wrote more than 8 MiB"))
    }

    @Test("a process that the program left behind cannot put off its end")
    func leftBehind() throws {
        let ended = try run("sleep 60 & echo $! > pid; echo '{\"a\": 1}'")
        let pid = try #require(Int32(try folder.read("pid").split(separator: "\n").joined()))
        #expect(ended.arguments?["a"] == 1)
        #expect(ended.milliseconds < 10_000)
        try Processes.signal(pid: pid, Signals.kill)
    }

    @Test("a program that is too slow is stopped, with all it started")
    func timeout() throws {
        let ended = try run("sleep 60 & echo $! > pid; wait", timeout: .milliseconds(300))
        #expect(try #require(ended.failure).description == "the program did not end within 0.3 s and was stopped")
        #expect(ended.milliseconds < 10_000)
        let pid = try #require(Int32(try folder.read("pid").split(separator: "\n").joined()))
        // It is no child of ours: its end shows on a descriptor of it, or it is gone already.
        if let process = try? Processes.open(pid: pid) {
            #expect(try IO.waitReadable(process.raw, timeout: 20_000), "what the program started is still running")
        }
    }

    @Test("B34: cancelling asks with SIGTERM, and the program may end by itself")
    func cancel() throws {
        let ended = try run(
            "trap 'echo tidy > tidied; exit 0' TERM; while :; do sleep 0.01; done", cancelAfter: .milliseconds(200))
        #expect(try #require(ended.failure).description == "the program was cancelled")
        #expect(try folder.read("tidied") == "tidy\n")
    }

    @Test("B34: a cancelled program that ignores SIGTERM is killed after five seconds")
    func cancelIgnored() throws {
        let ended = try run("trap '' TERM; while :; do sleep 0.05; done", cancelAfter: .milliseconds(100))
        #expect(ended.failure?.description == "the program was cancelled")
        #expect((5_000..<20_000).contains(ended.milliseconds))
    }

    @Test("what cannot be started is a failure that says why")
    func cannotStart() throws {
        #expect(
            try #require(try run(path: "\(folder.path)/missing", [:]).failure).description.contains("(ENOENT)"))
        let script = try folder.write("bad", "#!/no/such/interpreter\n", mode: 0o755)
        #expect(try #require(try run(path: script, [:]).failure).description.contains("interpreter"))
    }
}
