import JRSystem
import TestSupport
import Testing

@Suite("Control groups", .mayBlock)
struct ControlGroupTests {
    @Test("a program's own group is found where the second version is mounted, whole or in part")
    func own() {
        let whole = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
        let mixed = """
            29 24 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            31 24 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 none rw

            """
        let part = "30 24 0:26 /docker/12 /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
        func own(_ groups: String, _ mounts: String) -> String? { ControlGroup.own(groups: groups, mounts: mounts) }
        #expect(own("0::/user.slice/a.scope\n", whole) == "/sys/fs/cgroup/user.slice/a.scope")
        #expect(own("0::/\n", whole) == "/sys/fs/cgroup")
        #expect(own("4:memory:/x\n0::/\n", mixed) == "/sys/fs/cgroup/unified")
        #expect(own("0::/docker/12/web\n", part) == "/sys/fs/cgroup/web")
        #expect(own("0::/docker/12\n", part) == "/sys/fs/cgroup")
        #expect(own("0::/docker/123\n", part) == nil, "outside of what is mounted")
        #expect(own("4:memory:/x\n", mixed) == nil)
        #expect(own("0::/\n", "29 24 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n") == nil)
        #expect(own("", "") == nil)
    }

    @Test(
        "what a process starts stays in its group, however it detaches itself, and is killed with it",
        .enabled(if: ControlGroup.usableInTests != nil, "no control group can be made here"))
    func kill() throws {
        let group = try #require(ControlGroup.usableInTests)
        try group.make()
        defer { try? group.remove() }
        let trampoline = Files.parent(of: try Files.currentExecutable()) + "/jr-exec"
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let reader = Descriptor(owning: ends.read)
        let writer = Descriptor(owning: ends.write)
        var through = Trampoline(trampoline)
        through.controlGroup = group
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", "setsid env -i /bin/sleep 600 & echo; wait"],
                environment: ["PATH=/usr/bin:/bin"], descriptors: [(1, writer.raw)], newProcessGroup: true,
                trampoline: through))
        _ = consume writer
        #expect(try IO.waitReadable(reader.raw, timeout: 20_000))
        #expect(group.isPopulated && group.members.contains(pid) && group.members.count == 2)
        try group.kill()
        #expect(try Processes.wait(pid: pid) == .signalled(Signals.kill, coreDumped: false))
        // The pipe's end is that of the last one.
        #expect(try Files.readAll(reader.raw, limit: 64) == [10])
        #expect(!group.isPopulated && group.members == [])
    }
}
