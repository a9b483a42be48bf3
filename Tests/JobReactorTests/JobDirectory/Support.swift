import JRBase
import JRReactor
import JRSystem
import Testing

@testable import JobReactor

/// A folder that goes with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-test"))
    }

    deinit { try? Files.removeTree(path) }

    /// Writes a file, making the folders it is in.
    @discardableResult
    func write(_ name: String, _ text: String = "", mode: UInt32 = 0o644) throws -> String {
        let file = "\(path)/\(name)"
        try Files.makeDirectories(Files.parent(of: file))
        try Files.write(file, Array(text.utf8), mode: mode)
        try Files.setMode(file, mode)
        return file
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Files.read("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }
}

/// A program that ran to its end, with all it wrote.
struct Finished {
    let status: JRSystem.ExitStatus
    let output: String
    let errors: String
}

/// The environment without settings of a node that these tests may themselves run under.
func plainEnvironment(_ more: [String: String] = [:]) -> [String: String] {
    SystemProgram.environment.filter { !$0.key.hasPrefix("JR_") }.merging(more) { _, new in new }
}

/// Where the build put the programs: beside these tests.
func builtProgram(_ name: String) throws -> String {
    let path = "\(Files.parent(of: try Files.currentExecutable()))/\(name)"
    try #require(Files.canExecute(path), "\(path) is not built")
    return path
}

/// Runs a program and waits for its end.
func run(_ path: String, _ arguments: [String], _ environment: [String: String] = plainEnvironment()) throws -> Finished
{
    let folder = try TemporaryFolder()
    let output = try Files.open("\(folder.path)/out", [.write, .create])
    let errors = try Files.open("\(folder.path)/err", [.write, .create])
    let pid = try Processes.spawn(
        SpawnRequest(
            executable: path, arguments: [path] + arguments, environment: environment.map { "\($0.key)=\($0.value)" },
            workingDirectory: folder.path, descriptors: [(1, output.raw), (2, errors.raw)]))
    let status = try Processes.wait(pid: pid)
    return Finished(status: status, output: try folder.read("out"), errors: try folder.read("err"))
}

/// The root of this package, where the examples are.
func packageRoot(_ file: String = #filePath) -> String {
    (0..<4).reduce(file) { path, _ in Files.parent(of: path) }
}
