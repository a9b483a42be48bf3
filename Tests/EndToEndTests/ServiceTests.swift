import Glibc
import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// A supervisor that somebody runs as a service, who listens to what it says.
private final class Service {
    let directory: String
    let supervisor: Running
    private let socket: Descriptor

    init(
        _ manifest: String, isAbstract: Bool, environment: [String: String] = ["WATCHDOG_USEC": "600000000"]
    ) throws {
        directory = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-service-"))
        try Files.write(directory + "/cluster.json", Array(manifest.utf8))
        let made = try Sockets.openNotices(at: isAbstract ? nil : directory + "/manager")
        socket = Descriptor(owning: made.socket)
        supervisor = try Running(
            ["jr-supervisor", "up"], in: directory,
            environment: environment.merging(["NOTIFY_SOCKET": made.address]) { first, _ in first })
    }

    deinit {
        _ = try? Programs.run(["jr-supervisor", "down", "--now"], in: directory)
        supervisor.kill()
        try? Files.removeTree(directory)
    }

    /// The next datagram that begins so; what comes before is left out.
    func next(_ beginning: String) throws -> String {
        while try IO.waitReadable(socket.raw, timeout: 60_000) {
            guard let notice = try Sockets.nextNotice(socket.raw, longest: 4_096) else { continue }
            #expect(notice.pid == supervisor.pid, "whoever else says something is not the service")
            let text = String(decoding: notice.bytes, as: UTF8.self)
            if text.hasPrefix(beginning) { return text }
        }
        throw Missing(text: beginning)
    }

    struct Missing: Error { var text: String }

    func run(_ words: String...) throws -> Finished { try Programs.run(["jr-supervisor"] + words, in: directory) }

    func pid(_ name: String) throws -> Int32 {
        let rows = try JSON(parsing: try run("status", "--json").output)["instances"]?.array ?? []
        return try #require(rows.first { $0["name"]?.string == name }?["pid"]?.int.flatMap { Int32(exactly: $0) })
    }

    func environment(of pid: Int32) throws -> [String] {
        try Programs.text("/proc/\(pid)/environ").split(separator: "\0").map(String.init)
    }
}

@Suite("As a service, and with services", .serialized, .mayBlock)
struct ServiceTests {
    /// A distributor that is run as a foreign program: it speaks both ways.
    private func manifest(more: String = "") throws -> String {
        """
        { "name": "shop", "programs": {
            "front": { "command": ["\(try Programs.path("jr-distributor"))", "--listen", "unix:front"],
                       "notify": true, "ready": "60s" },
            "plain": { "command": ["sleep", "1000"], "after": ["front"] \(more) } } }
        """
    }

    @Test(
        "who runs it is told when all is ready, of a reload and its end, and that it stops; children are not told where",
        arguments: [false, true])
    func manager(isAbstract: Bool) throws {
        let service = try Service(try manifest(), isAbstract: isAbstract)
        #expect(try service.next("READY=1") == "READY=1\nSTATUS=shop: 2/2 ready")
        let plain = try service.environment(of: try service.pid("plain.1"))
        #expect(!plain.contains { $0.hasPrefix("NOTIFY_SOCKET=") || $0.hasPrefix("WATCHDOG_USEC=") })
        let front = try service.environment(of: try service.pid("front.1"))
        #expect(front.contains("NOTIFY_SOCKET=\(service.directory)/.jr/notify/front.1"))
        #expect(!front.contains { $0.hasPrefix("WATCHDOG_USEC=") })

        try Files.write(
            service.directory + "/cluster.json", Array(try manifest(more: #", "env": { "A": "1" }"#).utf8))
        let reload = try service.run("reload")
        #expect(reload.status == .exited(0), "\(reload.errors)")
        let lines = try service.next("RELOADING=1").split(separator: "\n")
        let time = Int64(lines[1].dropFirst("MONOTONIC_USEC=".count)) ?? 0
        #expect(lines.count == 3 && time > 0 && time <= SystemClock.monotonicMicroseconds())
        #expect(try service.next("READY=1").hasPrefix("READY=1\nSTATUS=shop: 2/2"))

        try Processes.signal(pid: service.supervisor.pid, SIGTERM)
        #expect(try service.next("STOPPING=1").hasPrefix("STOPPING=1\nSTATUS=shop: stopping"))
        #expect(try service.supervisor.ended() == .exited(0), "\(service.supervisor.said)")
    }

    @Test("it says from its loop that it is alive, also after a re-exec, and not where somebody else is to say so")
    func watchdog() throws {
        let watched = try Service(
            #"{ "programs": { "a": { "command": ["sleep", "1000"] } } }"#, isAbstract: false,
            environment: ["WATCHDOG_USEC": "100000"])
        for _ in 0..<3 { #expect(try watched.next("WATCHDOG=1") == "WATCHDOG=1") }
        #expect(try watched.run("re-exec").status == .exited(0))
        for _ in 0..<3 { _ = try watched.next("WATCHDOG=1") }
        let other = try Service(
            #"{ "programs": { "a": { "command": ["sleep", "1000"] } } }"#, isAbstract: false,
            environment: ["WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"])
        // It would have said so before anything else.
        let first = try other.next("")
        #expect(!first.hasPrefix("WATCHDOG="), "\(first)")
    }

    @Test("a program that hangs is found out after a re-exec too")
    func hangs() throws {
        // This one says that it is ready, and nothing of being alive.
        let command = "[\"\(try Programs.path("jr-distributor"))\", \"--listen\", \"unix:front\"]"
        let service = try Service(
            "{ \"programs\": { \"front\": { \"command\": \(command), \"notify\": true, \"watchdog\": \"3s\" } } }",
            isAbstract: false)
        _ = try service.next("READY=1")
        let pid = try service.pid("front.1")
        #expect(try service.environment(of: pid).contains("WATCHDOG_USEC=3000000"))
        #expect(try service.run("re-exec").status == .exited(0))
        #expect(try service.pid("front.1") == pid)
        let hangs = "until grep -q 'hung: no WATCHDOG=1 for 3s: SIGABRT' .jr/logs/front.1.log; do sleep 0.01; done"
        let seen = try Programs.run(["/usr/bin/timeout", "60", "sh", "-c", hangs], in: service.directory)
        #expect(seen.status == .exited(0), "\(service.supervisor.said)")
    }

    @Test("after a re-exec it says the same as the same process, and hears what its programs say as before")
    func reExec() throws {
        let service = try Service(try manifest(), isAbstract: false)
        _ = try service.next("READY=1")
        let pid = try service.pid("front.1")
        let answer = try service.run("re-exec")
        #expect(answer.status == .exited(0), "\(answer.errors)")
        #expect(try service.pid("front.1") == pid)
        // It says that it stops before it does, by the socket that it has from the program before.
        try Processes.signal(pid: pid, SIGTERM)
        let stops = "until grep -q 'it says that it stops' .jr/logs/front.1.log; do sleep 0.01; done"
        let seen = try Programs.run(["/usr/bin/timeout", "60", "sh", "-c", stops], in: service.directory)
        #expect(seen.status == .exited(0), "\(service.supervisor.said)")
        #expect(try service.run("down").status == .exited(0))
        #expect(try service.next("STOPPING=1").hasPrefix("STOPPING=1\n"))
        #expect(try service.supervisor.ended() == .exited(0), "\(service.supervisor.said)")
    }
}
