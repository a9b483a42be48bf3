import Glibc
import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@Suite("Children of a loop", .mayBlock)
struct ChildTests {
    static func shell(
        _ script: String, descriptors: [(child: Int32, parent: Int32)] = [], newProcessGroup: Bool = false
    ) -> SpawnRequest {
        SpawnRequest(
            executable: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"],
            descriptors: descriptors, newProcessGroup: newProcessGroup)
    }

    @Test("of 200 children that die at once every one is reported with its own code, and none is left a zombie")
    func burst() throws {
        let (codes, zombies): ([Int: Int32], Int) = try onLoop { loop, finish in
            let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
            let gate = Descriptor(owning: writeEnd)
            let stdin = Descriptor(owning: readEnd)
            var codes: [Int: Int32] = [:]
            var children: [ChildProcess] = []
            for number in 0..<200 {
                let request = Self.shell("read line; exit \(number)", descriptors: [(0, stdin.raw)])
                let child = try loop.spawn(request) { _, status in
                    codes[number] = status.code
                    guard codes.count == 200 else { return }
                    finish((codes, children.count { Processes.facts(of: $0.pid) != nil }))
                }
                children.append(child)
            }
            // The end of their input lets all of them go.
            _ = consume gate
        }
        #expect(codes.count == 200)
        #expect(codes.allSatisfy { $0.key == Int($0.value) })
        #expect(zombies == 0)
    }

    @Test("an exit is learnt from the process although a grandchild keeps its pipe open, and the group can be ended")
    func grandchild() throws {
        let (status, pipeWasOpen, groupWasAlive, groupGone): (JRSystem.ExitStatus, Bool, Bool, Bool) = try onLoop {
            loop, finish in
            let (readEnd, writeEnd) = try Pipe(nonBlocking: true).takeEnds()
            let output = Collector()
            var isOpen = true
            let reader = loop.adopt(Descriptor(owning: readEnd), peer: "output")
            reader.handler = output
            let childEnd = Descriptor(owning: writeEnd)
            var child: ChildProcess?
            child = try loop.spawn(
                Self.shell("sleep 1000 & exit 7", descriptors: [(1, childEnd.raw)], newProcessGroup: true)
            ) { loop, status in
                guard let child else { return }
                let wasOpen = isOpen
                let wasAlive = child.groupExists
                child.signalGroup(Signals.kill)
                output.onClosed = { _, _ in
                    // The pipe's end says that the last holder of it is gone.
                    finish((status, wasOpen, wasAlive, true))
                }
            }
            output.onClosed = { _, _ in isOpen = false }
            _ = consume childEnd
        }
        #expect(status == .exited(7))
        #expect(pipeWasOpen)
        #expect(groupWasAlive)
        #expect(groupGone)
    }

    @Test("a signal that ends a child is its status, and a child that has ended gets no more signals")
    func signalled() throws {
        let (status, takesMore): (JRSystem.ExitStatus, Bool) = try onLoop { loop, finish in
            var child: ChildProcess?
            child = try loop.spawn(Self.shell("kill -STOP $$; exit 3")) { _, status in
                finish((status, child?.signal(Signals.terminate) ?? true))
            }
            child?.signal(Signals.kill)
        }
        #expect(status == .signalled(Signals.kill, coreDumped: false))
        #expect(status.code == 137)
        #expect("\(status)" == "SIGKILL")
        #expect(!takesMore)
    }

    @Test("a program that is still open for writing starts as soon as it is closed")
    func busyProgram() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/program"
            try Files.write(path, Files.read("/bin/true", limit: 1 << 24), mode: 0o700)
            let writer = try Files.open(path, [.write]).take()
            let closer = try Reactor(name: "closer")
            try closer.start { loop in
                loop.schedule(after: .milliseconds(60)) { _ in _ = Descriptor(owning: writer) }
            }
            let pid = try Processes.spawn(SpawnRequest(executable: path, arguments: ["program"]))
            #expect(try Processes.wait(pid: pid) == .exited(0))
            closer.stop()
            closer.waitUntilStopped()
        }
    }

    @Test("a loop that stops leaves its children running and says nothing of them")
    func abandoned() throws {
        let pid: Int32 = try onLoop { loop, finish in
            let child = try loop.spawn(Self.shell("sleep 1000")) { _, _ in Issue.record("the child ended") }
            finish(child.pid)
        }
        #expect(Processes.facts(of: pid)?.parentPID == SystemProgram.pid)
        try Processes.signal(pid: pid, Signals.kill)
        #expect(try Processes.wait(pid: pid) == .signalled(Signals.kill, coreDumped: false))
    }
}
