import JRJSON
import JRSystem
import TestSupport
import Testing

/// What a job takes of memory, exactly, against what it took when the fixture was written.
@Suite("no step takes more of memory than before", .mayBlock)
struct AllocationTests {
    private static let root = (0..<3).reduce(#filePath) { path, _ in Files.parent(of: path) }
    private static let fixture = root + "/Tests/Fixtures/allocations.json"

    /// Another compiler may need more or fewer, and other flags do.
    private static var isComparable: Bool {
        #if compiler(>=6.3) && compiler(<6.4) && DEBUG
        true
        #else
        false
        #endif
    }

    @Test("allocations of each step and of the whole path are those of the fixture", .enabled(if: isComparable))
    func compare() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-allocations-")
        defer { try? Files.removeTree(directory) }
        let (library, output) = (directory + "/count.so", directory + "/counts.json")
        guard try PreloadedLibrary.compile(AllocationCounter.source, to: library) else { return }
        try countInChild(library, output)
        let counted = try Files.read(output, limit: 1 << 20)
        if SystemProgram.environment["JR_RECORD"] != nil {
            try Files.write(Self.fixture, Array((try lines(of: counted)).utf8))
            return
        }
        let found = try JSON(parsing: String(decoding: counted, as: UTF8.self)).object ?? JSONObject()
        let known = try JSON(parsing: try text(Self.fixture)).object ?? JSONObject()
        #expect(Set(found.keys) == Set(known.keys), "\(mend)")
        for name in known.keys {
            let (now, before) = (found[name]?.double ?? 0, known[name]?.double ?? 0)
            #expect(now == before, "\(name): \(now) allocations each, and \(before) before. \(mend)")
        }
    }

    private var mend: String {
        "If that is meant, write it down: JR_RECORD=1 scripts/test.sh AllocationTests"
    }

    /// The counts are those of a process of their own, of these same tests.
    private func countInChild(_ library: String, _ output: String) throws {
        let errors = try Files.open(output + ".log", [.write, .create, .truncate])
        let program = try Files.currentExecutable()
        let environment = SystemProgram.environment.merging(
            ["LD_PRELOAD": library, AllocationCounter.variable: output]
        ) { _, new in new }
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: program,
                arguments: [program, "--testing-library", "swift-testing", "--filter", "AllocationProbe"],
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(child: 1, parent: errors.raw), (child: 2, parent: errors.raw)]))
        let status = try Processes.wait(pid: pid)
        let said = try text(output + ".log")
        try #require(status.isSuccess, "\(said)")
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    }

    /// One figure a line, so that a change is seen.
    private func lines(of counted: [UInt8]) throws -> String {
        let object = try JSON(parsing: String(decoding: counted, as: UTF8.self)).object ?? JSONObject()
        let figures = object.keys.map { "  \"\($0)\": \(object[$0]?.double ?? 0)" }
        return "{\n" + figures.joined(separator: ",\n") + "\n}\n"
    }
}
