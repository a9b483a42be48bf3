import Glibc
import JRBase
import JRSystem
import TestSupport
import Testing

@Suite("Processes", .mayBlock)
struct ProcessTests {
    /// Runs a shell script and returns what it printed and how it ended.
    func shell(
        _ script: String, descriptors: [(child: Int32, parent: Int32)] = [], environment: [String] = [],
        directory: String? = nil
    ) throws -> (output: String, status: JRSystem.ExitStatus) {
        let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
        let reader = Descriptor(owning: readEnd)
        let writer = Descriptor(owning: writeEnd)
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", script],
                environment: environment + ["PATH=/usr/bin:/bin"], workingDirectory: directory,
                descriptors: [(1, writer.raw)] + descriptors))
        _ = consume writer
        let output = try Files.readAll(reader.raw, limit: 1 << 20)
        return (String(decoding: output, as: UTF8.self), try Processes.wait(pid: pid))
    }

    @Test("a child's signal mask is empty and every signal has its default, whatever this program blocks or ignores")
    func signalState() throws {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        SystemProgram.ignoreBrokenPipes()
        // The mask is this thread's alone.
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let output = try shell("grep -E 'Sig(Blk|Ign)' /proc/self/status").output
        #expect(output.contains("SigBlk:\t0000000000000000"))
        // Signals 32 and 33 belong to the C library, which ignores them in what it spawns.
        #expect(output.contains("SigIgn:\t0000000000000000") || output.contains("SigIgn:\t0000000180000000"))
    }

    @Test("a child has the descriptors it was granted and no other, although this program has inheritable ones")
    func descriptors() throws {
        let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
        let ends = [readEnd, writeEnd]
        var inheritable: [Int32] = []
        for _ in 0..<50 { inheritable.append(dup(readEnd)) }
        defer { for raw in inheritable + ends { _ = Descriptor(owning: raw) } }
        let output = try shell(
            "for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 20 30 40 50 60; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; "
                + "readlink /proc/$$/fd/0 /proc/$$/fd/2",
            descriptors: [(5, readEnd), (9, writeEnd)]
        ).output
        #expect(output == "0\n1\n2\n5\n9\n/dev/null\n/dev/null\n")
    }

    @Test("descriptors whose numbers change places reach the child unmixed")
    func collidingDescriptors() throws {
        let first = try Pipe(nonBlocking: false).takeEnds()
        let second = try Pipe(nonBlocking: false).takeEnds()
        defer { for raw in [first.read, first.write, second.read, second.write] { _ = Descriptor(owning: raw) } }
        try Files.writeAll(first.write, Array("first\n".utf8))
        try Files.writeAll(second.write, Array("second\n".utf8))
        let (one, two) = (first.read, second.read)
        let output = try shell(
            "head -n 1 /proc/$$/fd/\(two); head -n 1 /proc/$$/fd/\(one)", descriptors: [(two, one), (one, two)]
        ).output
        #expect(output == "first\nsecond\n")
    }

    @Test("a child gets its arguments, environment and directory as given, and nothing of ours")
    func surroundings() throws {
        let directory = try Files.realPath(Files.makeTemporaryDirectory(prefix: "jr-spawn"))
        defer { try? Files.removeTree(directory) }
        let (output, status) = try shell(
            "pwd; env | grep -v -E '^(PWD|SHLVL|_|OLDPWD)='", environment: ["A=b c"], directory: directory)
        #expect(output == "\(directory)\nA=b c\nPATH=/usr/bin:/bin\n")
        #expect(status.isSuccess)
    }

    @Test("what is wrong with a program or its directory is known at once, by name")
    func spawnErrors() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-spawn")
        defer { try? Files.removeTree(directory) }
        try Files.write(directory + "/plain", [], mode: 0o600)
        try Files.write(directory + "/garbage", Array("garbage".utf8), mode: 0o700)
        func failure(_ executable: String, in place: String? = nil) -> String? {
            let request = SpawnRequest(executable: executable, arguments: ["x"], workingDirectory: place)
            return #expect(throws: SystemError.self) { try Processes.spawn(request) }?.description
        }
        #expect(failure("/no/such") == "posix_spawn /no/such: No such file or directory (ENOENT)")
        #expect(failure(directory + "/plain")?.hasSuffix("(EACCES)") == true)
        #expect(failure(directory + "/garbage")?.hasSuffix("(ENOEXEC)") == true)
        #expect(failure("/bin/true", in: "/no/such") == "chdir /no/such: No such file or directory (ENOENT)")
        #expect(failure("/bin/true", in: directory + "/plain")?.hasSuffix("(ENOTDIR)") == true)
    }

    @Test("a child in a group of its own leads it; one without shares ours")
    func groups() throws {
        for isOwn in [true, false] {
            let pid = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sleep", arguments: ["sleep", "1000"], newProcessGroup: isOwn))
            #expect(Processes.facts(of: pid)?.groupID == (isOwn ? pid : getpgrp()))
            try Processes.signal(pid: pid, Signals.kill)
            #expect(try Processes.wait(pid: pid) == .signalled(Signals.kill, coreDumped: false))
            #expect(Processes.facts(of: pid) == nil)
        }
    }

    @Test("a pid descriptor tells of the end, takes signals before it and refuses them after")
    func pidDescriptors() throws {
        let pid = try Processes.spawn(SpawnRequest(executable: "/bin/sleep", arguments: ["sleep", "1000"]))
        let descriptor = try Processes.open(pid: pid)
        #expect(try Processes.wait(pidDescriptor: descriptor.raw) == nil)
        try Processes.signal(pidDescriptor: descriptor.raw, Signals.terminate)
        #expect(try IO.waitReadable(descriptor.raw, timeout: 10_000))
        #expect(Processes.facts(of: pid)?.state == "Z")
        #expect(try Processes.wait(pidDescriptor: descriptor.raw) == .signalled(Signals.terminate, coreDumped: false))
        #expect(throws: SystemError.self) { try Processes.signal(pidDescriptor: descriptor.raw, Signals.terminate) }
    }

    @Test("a program that stays open for writing is given up after a second")
    func busyForEver() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-spawn")
        defer { try? Files.removeTree(directory) }
        let path = directory + "/program"
        try Files.write(path, Files.read("/bin/true", limit: 1 << 24), mode: 0o700)
        let writer = try Files.open(path, .write)
        let start = SystemClock.instant()
        let error = #expect(throws: SystemError.self) {
            try Processes.spawn(SpawnRequest(executable: path, arguments: ["program"]))
        }
        #expect(error?.name == "ETXTBSY")
        #expect(SystemClock.instant() - start >= .seconds(Int64(1)))
        _ = consume writer
    }

    @Test("an exit is said in words and as a shell's code")
    func exitWords() {
        #expect("\(JRSystem.ExitStatus.exited(7))" == "exit 7")
        #expect("\(JRSystem.ExitStatus.signalled(9, coreDumped: false))" == "SIGKILL")
        #expect("\(JRSystem.ExitStatus.signalled(11, coreDumped: true))" == "SIGSEGV (core dumped)")
        #expect(JRSystem.ExitStatus.exited(7).code == 7)
        #expect(JRSystem.ExitStatus.signalled(15, coreDumped: false).code == 143)
    }

    @Test("signals go by number and by name both ways")
    func signalNames() {
        #expect(Signals.name(15) == "TERM")
        for text in ["TERM", "SIGTERM", "term", "sigterm", "15"] { #expect(Signals.number(text) == 15) }
        for text in ["", "SIG", "TERMINATE", "0", "65", "-9"] { #expect(Signals.number(text) == nil) }
        for number in Int32(1)...31 { #expect(Signals.number(Signals.name(number)) == number) }
    }

    @Test("a process is known by its start time, even one with a confusing name")
    func facts() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-facts")
        defer { try? Files.removeTree(directory) }
        let path = directory + "/a) S 1 (b"
        try Files.write(path, Files.read("/bin/sleep", limit: 1 << 24), mode: 0o700)
        let pid = try Processes.spawn(SpawnRequest(executable: path, arguments: ["x", "1000"]))
        let facts = Processes.facts(of: pid)
        #expect(facts?.parentPID == SystemProgram.pid)
        #expect((facts?.startTime ?? 0) >= Processes.facts(of: SystemProgram.pid)?.startTime ?? .max)
        try Processes.signal(pid: pid, Signals.kill)
        _ = try Processes.wait(pid: pid)
    }
}
