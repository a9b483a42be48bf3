import JRJSON
import JRSystem
import TestSupport
import Testing

/// What a process of its own counts, exactly, against what it counted when the fixture was written.
struct Baseline {
    /// The suite that counts, the library that is loaded in front of the system's there, and the fixture's name.
    let probe: String
    let library: String
    let fixture: String
    /// What is counted.
    let what: String

    /// Where the child writes what it has counted; the parent sets it.
    private static let variable = "COUNTS"
    private static let root = (0..<3).reduce(#filePath) { path, _ in Files.parent(of: path) }
    private var path: String { "\(Self.root)/Tests/Fixtures/\(fixture)" }

    /// In a child: where to write, and the library; nil in any other process, where probes are skipped.
    static func ofChild(_ probe: String) -> (output: String, library: String)? {
        let environment = SystemProgram.environment
        guard let output = environment[variable], output.hasSuffix("/\(probe)"), let library = environment["LD_PRELOAD"]
        else { return nil }
        return (output, library)
    }

    /// Counts, and compares or, where `JR_RECORD` asks for it, writes it down.
    func check() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-counts-")
        defer { try? Files.removeTree(directory) }
        let (preloaded, output) = (directory + "/count.so", "\(directory)/\(probe)")
        guard try PreloadedLibrary.compile(library, to: preloaded) else {
            try Test.cancel("there is no compiler of C")
        }
        try countInChild(preloaded, output)
        let found = try object(output)
        if SystemProgram.environment["JR_RECORD"] != nil {
            try Files.write(path, Array(Self.lines(of: found).utf8))
            return
        }
        let known = try object(path)
        #expect(Set(found.keys) == Set(known.keys), "\(mend)")
        for (name, before) in known {
            guard let now = found[name], now != before else { continue }
            Issue.record("\(name): \(now.text) \(what) each, and \(before.text) before. \(mend)")
        }
    }

    private var mend: String {
        "If that is meant, write it down: JR_RECORD=1 scripts/test.sh AllocationTests"
    }

    /// The counts are those of a process of their own, of these same tests.
    private func countInChild(_ library: String, _ output: String) throws {
        let errors = try Files.open(output + ".log", [.write, .create, .truncate])
        let program = try Files.currentExecutable()
        let environment = SystemProgram.environment.merging(["LD_PRELOAD": library, Self.variable: output]) { $1 }
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: program,
                arguments: [program, "--testing-library", "swift-testing", "--filter", probe],
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(child: 1, parent: errors.raw), (child: 2, parent: errors.raw)]))
        let status = try Processes.wait(pid: pid)
        let said = String(decoding: try Files.read(output + ".log", limit: 1 << 20), as: UTF8.self)
        try #require(status.isSuccess, "\(said)")
    }

    private func object(_ path: String) throws -> JSONObject {
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        return try #require(try JSON(parsing: text).object)
    }

    /// One figure a line, so that a change is seen.
    private static func lines(of counted: JSONObject) -> String {
        "{\n" + counted.map { "  \(JSON.string($0.key).text): \($0.value.text)" }.joined(separator: ",\n") + "\n}\n"
    }
}
