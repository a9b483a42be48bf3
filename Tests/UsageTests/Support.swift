import JobReactor
import Testing

/// This repository.
enum Package {
    /// This file is Tests/UsageTests/Support.swift.
    static let root = (0..<3).reduce(#filePath) { path, _ in Files.parent(of: path) }

    static func text(_ path: String) throws -> String {
        String(decoding: try Files.read("\(root)/\(path)", limit: 1 << 20), as: UTF8.self)
    }

    /// All files below a folder whose names end so, by their paths in the repository.
    static func files(_ folder: String, _ ending: String) throws -> [String] {
        guard Files.exists("\(root)/\(folder)") else { return [] }
        return try Files.list("\(root)/\(folder)").sorted().flatMap { name in
            let path = "\(folder)/\(name)"
            if try Files.status("\(root)/\(path)").kind == .directory { return try files(path, ending) }
            return name.hasSuffix(ending) ? [path] : []
        }
    }
}

/// A folder that goes with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-usage"))
    }

    deinit { try? Files.removeTree(path) }
}

/// A process of one of Examples/programs, or of one of this package's programs, with its output in a file.
final class RunningProgram {
    private let folder: TemporaryFolder
    private let pid: Int32
    private let hasEnded = Monitor(false)

    /// Where the build put the programs and the library: beside these tests.
    static func built() throws -> String { Files.parent(of: try Files.currentExecutable()) }

    /// A file or a folder of files of this repository, compiled against the library.
    static func example(_ path: String, _ arguments: String...) throws -> RunningProgram {
        try RunningProgram(["\(Package.root)/scripts/example.sh", "\(Package.root)/\(path)"] + arguments)
    }

    init(_ words: [String], _ more: [String: String] = [:]) throws {
        folder = try TemporaryFolder()
        var environment = SystemProgram.environment.filter { !$0.key.hasPrefix("JR_") }
        environment["BUILT"] = try Self.built()
        environment["SWIFT_BACKTRACE"] = "enable=no"
        environment.merge(more) { _, new in new }
        let output = try Files.open("\(folder.path)/out", [.write, .create])
        let errors = try Files.open("\(folder.path)/err", [.write, .create])
        let null = try Files.open("/dev/null", .read)
        pid = try Processes.spawn(
            SpawnRequest(
                executable: words[0], arguments: words, environment: environment.map { "\($0.key)=\($0.value)" },
                workingDirectory: folder.path,
                descriptors: [(0, null.raw), (1, output.raw), (2, errors.raw)]))
        // A program that waits for what never comes must not hold up the tests for ever.
        try Threads.start(name: "watchdog") { [hasEnded, pid] in
            let ended = hasEnded.wait(timeout: .seconds(Int64(180))) { $0 ? true : nil }
            if ended == nil { try? Processes.signal(pid: pid, Signals.kill) }
        }
    }

    deinit {
        guard !hasEnded.update({ $0 }) else { return }
        try? Processes.signal(pid: pid, Signals.kill)
        _ = try? wait()
    }

    /// How it ended; nil when it ended well.
    private func wait() throws -> String? {
        defer { hasEnded.update { $0 = true } }
        let status = try Processes.wait(pid: pid)
        return status.isSuccess ? nil : "\(status)"
    }

    /// Asks it to end.
    func terminate() throws { try Processes.signal(pid: pid, Signals.terminate) }

    /// What it printed, once it has ended well.
    func output() throws -> String {
        let problem = try wait()
        let errors = try read("err")
        let output = try read("out")
        #expect(problem == nil, "\(errors)\(output)")
        return output
    }

    private func read(_ name: String) throws -> String {
        String(decoding: try Files.read("\(folder.path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }
}
