import Glibc
import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// Exports as the programs write them, read by the tools of the engines where those are installed, and tried as far as
/// that goes without one.
@Suite("A cluster for another engine, with its own tools", .serialized, .mayBlock)
struct ExportTests {
    private static let systemdAnalyze = installed("systemd-analyze")
    /// A Python that has `kubernetes_validate`.
    private static let validator: String? = installed("python3").flatMap { python in
        let probe = try? Programs.run([python, "-c", "import kubernetes_validate"], in: "/tmp")
        return probe?.status == .exited(0) ? python : nil
    }

    private static func installed(_ name: String) -> String? {
        let places = (SystemProgram.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        return places.map { "\($0)/\(name)" }.first { Files.canExecute($0) }
    }

    /// A directory with a manifest of the fixtures and what it names.
    private final class Folder {
        let path: String

        init(_ manifest: String) throws {
            path = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-export-"))
            for name in ["the jobs", "sub dir", "Examples/reactor_jobs", "reactor_jobs"] {
                try Files.makeDirectories("\(path)/\(name)")
            }
            for name in ["my node", "web app", "my-app"] {
                try Files.write("\(path)/\(name)", Array("#!/bin/sh\n".utf8), mode: 0o755)
            }
            let source = try Files.read("\(Programs.root)/Tests/Fixtures/\(manifest).json", limit: 1 << 20)
            try Files.write(path + "/cluster.json", source)
        }

        deinit { try? Files.removeTree(path) }

        func export(_ words: String...) throws -> Finished {
            try Programs.run(["jr-supervisor", "export"] + words, in: path)
        }
    }

    private static let manifests = ["manifests/good/design", "export/odd", "manifests/good/settings"]

    // MARK: systemd

    @Test("systemd has nothing to say against the units", .enabled(if: systemdAnalyze != nil), arguments: manifests)
    func systemd(manifest: String) throws {
        let analyze = try #require(Self.systemdAnalyze)
        let folder = try Folder(manifest)
        let export = try folder.export("systemd", "--out", "units", "--user", "root")
        try #require(export.status == .exited(0), "\(export.errors)")
        let units = export.lines.map { String($0.dropFirst("units/".count)) }
        #expect(units.count > 2)
        // It takes templates by an instance of theirs.
        let names = units.map { "./" + $0.replacing("@.service", with: "@1.service") }
        let check = try Programs.run(
            [analyze, "verify", "--man=no"] + names, in: folder.path + "/units",
            environment: ["SYSTEMD_UNIT_PATH": folder.path + "/units:"])
        #expect(check.status == .exited(0))
        // What it does not understand it only names.
        #expect(check.errors == "" && check.output == "", "\(check.errors)")
    }

    @Test("a program says over NOTIFY_SOCKET that it is ready and that it ends, as Type=notify wants it")
    func notify() throws {
        let folder = try Folder("manifests/good/design")
        let socket = try NotifySocket(folder.path + "/notify")
        let front = try Running(
            ["jr-distributor", "--listen", "unix:\(folder.path)/d"], in: folder.path,
            environment: ["NOTIFY_SOCKET": socket.path])
        #expect(socket.next() == "READY=1")
        let node = try Running(
            ["jr-node", "--distributors", "unix:\(folder.path)/d", "--jobs", "reactor_jobs"], in: folder.path,
            environment: ["NOTIFY_SOCKET": socket.path])
        #expect(socket.next() == "READY=1")
        for program in [node, front] {
            try Processes.signal(pid: program.pid, SIGTERM)
            #expect(socket.next() == "STOPPING=1")
            #expect(try program.ended() == .exited(0))
        }
    }

    // MARK: Kubernetes

    @Test(
        "Kubernetes' own schemas accept every object, with no key that they do not know",
        .enabled(if: validator != nil), arguments: manifests)
    func kubernetes(manifest: String) throws {
        let python = try #require(Self.validator)
        let folder = try Folder(manifest)
        let export = try folder.export("kubernetes", "--out", "objects")
        try #require(export.status == .exited(0), "\(export.errors)")
        let files = export.lines.map(String.init)
        let check = try Programs.run([python, "-m", "kubernetes_validate", "--strict"] + files, in: folder.path)
        #expect(check.status == .exited(0), "\(check.output)\(check.errors)")
        let accepted = (check.output + check.errors).split(separator: "\n").count {
            $0.contains(" passed for resource ")
        }
        let written = try files.reduce(0) { count, file in
            try count + Programs.text("\(folder.path)/\(file)").split(separator: "\n").count { $0 == "---" }
        }
        #expect(accepted == written && written >= 6, "\(check.output)\(check.errors)")
    }

    @Test("a node in a container says that it is ready where the probe looks, and drains when the hook says so")
    func container() throws {
        let folder = try Folder("manifests/good/design")
        let export = try folder.export("kubernetes")
        // The scripts as they are in the file, elsewhere on this machine.
        func script(with text: String) throws -> String {
            let line = try #require(export.lines.first { $0.contains(text) })
            let quoted = line.drop { $0 != "\"" }
            let script = try #require(try JSON(parsing: String(quoted)).string)
            return script.replacing("/run/jr/", with: folder.path + "/")
        }
        let start = try script(with: "mkfifo")
        let front = try Running(["jr-distributor", "--listen", "unix:\(folder.path)/d"], in: folder.path)
        let node = try Running(
            [
                "/bin/sh", "-c", start, "sh", try Programs.path("jr-node"), "--distributors", "unix:\(folder.path)/d",
                "--jobs", "reactor_jobs",
            ], in: folder.path, environment: ["JR_READY_FD": "3", "JR_LIFE_FD": "4"])
        let ready = "until grep -q '^READY=1' ready 2>/dev/null; do sleep 0.01; done"
        let wait = try Programs.run(["/usr/bin/timeout", "60", "sh", "-c", ready], in: folder.path)
        try #require(wait.status == .exited(0), "\(node.said)")
        #expect(try !Programs.text(folder.path + "/ready").contains("DRAINED=1"))
        let drain = try Programs.run(
            ["/usr/bin/timeout", "60", "sh", "-c", try script(with: "echo drain")], in: folder.path)
        #expect(drain.status == .exited(0), "\(drain.errors)")
        #expect(try Programs.text(folder.path + "/ready").contains("DRAINED=1"))
        try Processes.signal(pid: node.pid, SIGTERM)
        #expect(try node.ended() == .exited(0), "\(node.said)")
        front.kill()
    }

    // MARK: Files

    @Test("an export writes over an export, and over nothing else; all of it is said")
    func files() throws {
        let folder = try Folder("manifests/good/design")
        let first = try folder.export("procfile", "--out", "out")
        #expect(first.status == .exited(0) && first.output == "out/Procfile\n", "\(first.errors)")
        #expect(first.errors.hasPrefix("note: "))
        #expect(try folder.export("procfile", "-o", "out").status == .exited(0))
        let check = try Programs.run(["jr-supervisor", "check", "out/Procfile"], in: folder.path)
        #expect(check.errors.contains("Examples/reactor_jobs is no directory"), "paths are those of the manifest")
        try Files.write(folder.path + "/out/Procfile", Array("web: ./mine\n".utf8))
        let refused = try folder.export("procfile", "-o", "out")
        #expect(refused.status == .exited(74))
        #expect(refused.errors.contains("out/Procfile is there already and was not made by an export"))
        #expect(try Programs.text(folder.path + "/out/Procfile") == "web: ./mine\n")
        #expect(try folder.export("procfile").output.hasPrefix("# Made by `jr-supervisor export procfile`"))
    }

    @Test("what cannot be meant is refused with 64 and the form that is wanted")
    func usage() throws {
        let folder = try Folder("manifests/good/design")
        for (words, text) in [
            (["systemd", "--image", "x"], "--image has no meaning for systemd"),
            (["kubernetes", "--user", "x"], "--user has no meaning for kubernetes"),
            (["kubernetes", "--volume", "10"], "--volume"), (["kubernetes", "--volume", "1KiB"], "from 1MiB to 64TiB"),
            (["kubernetes", "--image", "a b"], "an image, such as registry.example.com/shop:1.4"),
            (["systemd", "--user", "a\nUser=root"], "the name of a user, such as jobs"), (["nomad"], "systemd"),
            ([], "ENGINE"),
        ] {
            let run = try Programs.run(["jr-supervisor", "export"] + words, in: folder.path)
            #expect(run.status == .exited(64) && run.errors.contains(text), "\(words): \(run.errors)")
        }
    }
}

/// The other end of `NOTIFY_SOCKET`.
private final class NotifySocket {
    let path: String
    private let descriptor: Descriptor

    init(_ path: String) throws {
        self.path = path
        descriptor = Descriptor(owning: try Sockets.openNotices(at: path).socket)
    }

    /// The next datagram; nil when none comes.
    func next() -> String? {
        guard (try? IO.waitReadable(descriptor.raw, timeout: 60_000)) == true else { return nil }
        let notice = try? Sockets.nextNotice(descriptor.raw, longest: 512)
        return notice.map { String(decoding: $0.bytes, as: UTF8.self) }
    }
}
