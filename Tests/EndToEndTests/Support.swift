import Glibc
import JRBase
import JRJSON
import JRSystem
import Testing

/// What a program printed and how it ended.
struct Finished {
    var status: JRSystem.ExitStatus
    var output: String
    var errors: String

    var lines: [Substring] { output.split(separator: "\n") }
}

/// The programs under test, as the test run built them, and real processes made of them.
enum Programs {
    static let root: String = {
        // This file is Tests/EndToEndTests/Support.swift.
        (0..<3).reduce(#filePath) { path, _ in Files.parent(of: path) }
    }()

    static func path(_ name: String) throws -> String {
        if name.contains("/") { return name }
        return Files.parent(of: try Files.currentExecutable()) + "/" + name
    }

    static func start(
        _ words: [String], in directory: String, environment own: [String: String] = [:], input: Int32? = nil,
        output: Int32, errors: Int32
    ) throws -> Int32 {
        let null = try Files.open("/dev/null", .read)
        var environment = SystemProgram.environment
        environment["JR_URL"] = nil
        environment["SWIFT_BACKTRACE"] = "enable=no"
        environment.merge(own) { _, new in new }
        return try Processes.spawn(
            SpawnRequest(
                executable: try path(words[0]), arguments: words,
                environment: environment.map { "\($0.key)=\($0.value)" }, workingDirectory: directory,
                descriptors: [(0, input ?? null.raw), (1, output), (2, errors)], newProcessGroup: true))
    }

    /// Runs a program to its end.
    static func run(
        _ words: [String], in directory: String, environment: [String: String] = [:], input: String? = nil
    ) throws -> Finished {
        let name = directory + "/run-\(JRSystem.SystemRandom.seed())"
        var standardInput: Descriptor?
        if let input {
            try Files.write(name + ".in", Array(input.utf8))
            standardInput = try Files.open(name + ".in", .read)
        }
        try Files.write(name + ".out", [])
        try Files.write(name + ".err", [])
        let output = try Files.open(name + ".out", .write)
        let errors = try Files.open(name + ".err", .write)
        let pid: Int32
        if let standardInput {
            pid = try start(
                words, in: directory, environment: environment, input: standardInput.raw, output: output.raw,
                errors: errors.raw)
        } else {
            pid = try start(words, in: directory, environment: environment, output: output.raw, errors: errors.raw)
        }
        let status = try Processes.wait(pid: pid)
        return Finished(status: status, output: try text(name + ".out"), errors: try text(name + ".err"))
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try Files.read(path, limit: 1 << 28), as: UTF8.self)
    }
}

/// A program that is killed with its test.
final class Running {
    let pid: Int32
    let errors: String

    init(_ words: [String], in directory: String, environment: [String: String] = [:]) throws {
        errors = "\(directory)/\(words[0].split(separator: "/").last ?? "")-\(JRSystem.SystemRandom.seed())"
        try Files.write(errors, [])
        let file = try Files.open(errors, .write)
        pid = try Programs.start(
            words, in: directory, environment: environment, output: file.raw, errors: file.raw)
    }

    deinit { kill() }

    private var isReaped = false

    func kill() {
        guard !isReaped else { return }
        isReaped = true
        try? Processes.signal(group: pid, SIGKILL)
        _ = try? Processes.wait(pid: pid)
    }

    /// Waits for its end.
    func ended() throws -> JRSystem.ExitStatus {
        isReaped = true
        return try Processes.wait(pid: pid)
    }

    /// All that it has said so far.
    var said: String { (try? Programs.text(errors)) ?? "" }
}

/// A cluster of real processes in a directory of its own, on a free port.
final class Cluster {
    let directory: String

    /// - Parameter settings: further keys of the nodes, each with a comma after it.
    init(jobs: String = Programs.root + "/Examples/reactor_jobs", settings: String = "") throws {
        directory = try Files.makeTemporaryDirectory(prefix: "jr-e2e-")
        let manifest = """
            {
              "name": "test",
              "distributors": { "main": { "listen": "127.0.0.1:0" } },
              "nodes": { "worker": { \(settings) "count": 2, "distributors": ["main"], "jobs": "\(jobs)",
                                     "storage": { "kind": "journal", "sync": "always" }, "ready": "120s" } }
            }
            """
        try Files.write(directory + "/cluster.json", Array(manifest.utf8))
    }

    deinit {
        _ = try? Programs.run(["jr-supervisor", "down", "--now"], in: directory)
        try? Files.removeTree(directory)
    }

    func supervisor(_ words: String...) throws -> Finished {
        try Programs.run(["jr-supervisor"] + words, in: directory)
    }

    func jr(_ words: [String], input: String? = nil) throws -> Finished {
        try Programs.run(["jr"] + words, in: directory, input: input)
    }

    /// Starts it and checks that it says it is ready.
    func up() throws {
        let up = try supervisor("up", "--detach", "cluster.json")
        try #require(up.status == .exited(0), "\(up.errors)\(up.output)")
    }

    /// Where its distributor listens.
    func address() throws -> SocketAddress {
        let url = try Programs.text(directory + "/.jr/url")
        return try SocketAddress(parsing: String(url.dropFirst("jr://".count).prefix { !$0.isNewline }))
    }

    struct Instance {
        var name: String
        var state: String
        var pid: Int32?
        var restarts: Int
    }

    func instances() throws -> [Instance] {
        let status = try supervisor("status", "--json")
        let rows = try JSON(parsing: status.output)["instances"]?.array ?? []
        return rows.map { row in
            Instance(
                name: row["name"]?.string ?? "", state: row["state"]?.string ?? "",
                pid: row["pid"]?.int.map { Int32($0) }, restarts: Int(row["restarts"]?.int ?? 0))
        }
    }

    /// Runs `jr` and hands over each line of its output as it comes; kills can be tied to lines this way.
    func stream(_ words: [String], inputFile: String, _ line: (Int, String) throws -> Void) throws
        -> JRSystem.ExitStatus
    {
        let pipe = try Pipe(nonBlocking: false)
        let ends = pipe.takeEnds()
        let readEnd = Descriptor(owning: ends.read)
        let errors = try Files.open(directory + "/stream.err", [.write, .create, .truncate], mode: 0o600)
        let input = try Files.open(inputFile, .read)
        let pid: Int32
        do {
            let writeEnd = Descriptor(owning: ends.write)
            pid = try Programs.start(
                ["jr"] + words, in: directory, input: input.raw, output: writeEnd.raw, errors: errors.raw)
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var pending: [UInt8] = []
        var count = 0
        while case .moved(let moved) = buffer.withUnsafeMutableBytes({ IO.read(readEnd.raw, into: $0) }), moved > 0 {
            for byte in buffer[..<moved] {
                if byte != UInt8(ascii: "\n") {
                    pending.append(byte)
                    continue
                }
                count += 1
                try line(count, String(decoding: pending, as: UTF8.self))
                pending.removeAll(keepingCapacity: true)
            }
        }
        return try Processes.wait(pid: pid)
    }
}
