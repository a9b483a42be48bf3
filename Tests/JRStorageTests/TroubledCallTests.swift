import JRBase
import JRCore
import JRJournal
import JRSystem
import TestSupport
import Testing

@testable import JRStorage

@Suite("Every system call of a journal may be interrupted, and every read and write be short", .mayBlock)
struct TroubledCallTests {
    private static let commits = 14
    /// The test itself, in the process that it starts.
    private static let name = "TroubledCallTests/everyCall"

    /// Parts of what a store is for, each in a directory of its own: small, since each is lived anew for every call.
    private static let lives: [@Sendable (String) throws -> Void] = [
        // Made, written over several segments, compacted, closed and opened again.
        { path in
            try DoomedLife.live(path, commits: commits) { _, _ in nil }
            #expect(try contents(of: path, sizes: DoomedLife.sizes) == DoomedLife.contents(after: commits))
        },
        // Opened after a death in the middle of a write.
        { path in
            try openStore(path, sizes: DoomedLife.sizes).store.commit([.put(job(1)), .put(job(2))])
            try tear(path)
            let opened = try openStore(path, sizes: DoomedLife.sizes)
            #expect(opened.contents.summary == ["1", "2"])
            #expect(opened.contents.report.tornBytes == 100)
            opened.store.close()
            #expect(try contents(of: path, sizes: DoomedLife.sizes) == ["1", "2"])
        },
        // Looked into, and saved.
        { path in
            try openStore(path, sizes: DoomedLife.sizes).store.commit([.put(job(1)), .put(job(2))])
            let report = try whenFree { () throws(StorageToolError) in try JournalReport.make(of: path) }
            #expect(report.problems.isEmpty && report.jobs == 2)
            let saved = path + ".saved"
            let salvage = try whenFree { () throws(StorageToolError) in try JournalSalvage.run(path, to: saved) }
            #expect(salvage.isComplete)
            #expect(try contents(of: saved) == ["1", "2"])
        },
    ]

    /// Leaves the beginning of a frame behind the last one.
    private static func tear(_ path: String) throws {
        let segments = try Files.list(path).filter { JournalFormat.firstSequence(ofSegment: $0) != nil }
        let name = try #require(segments.max())
        let bytes = try Files.read(path + "/" + name, limit: .max)
        let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
        let file = try Files.open(path + "/" + name, .write)
        try Files.writeAll(file.raw, (Array("JRFR".utf8) + [UInt8](repeating: 0xEE, count: 96))[...], at: Int64(end))
    }

    @Test("B40: a store is the same whichever of its calls is interrupted, or moves less than it was asked to")
    func everyCall() throws {
        if let control = try TroubledCalls.control() { return try strikeAll(control) }
        let directory = try TemporaryDirectory(inMemory: true)
        let (library, control) = (directory.path + "/troubled.so", directory.path + "/control")
        guard try PreloadedLibrary.compile(TroubledCalls.source, to: library) else {
            try Test.cancel("there is no compiler of C")
        }
        try Files.write(control, [UInt8](repeating: 0, count: 4_096))
        try Files.makeDirectory(directory.store)
        let said = try Files.open(directory.path + "/said", [.write, .create])
        var environment = SystemProgram.environment
        environment["LD_PRELOAD"] = library
        environment["TROUBLED_CONTROL"] = control
        environment["TROUBLED_DIRECTORY"] = directory.store
        environment["SWIFT_BACKTRACE"] = "enable=no"
        let program = try Files.currentExecutable()
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: program,
                arguments: [program, "--testing-library", "swift-testing", "--filter", Self.name],
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(child: 1, parent: said.raw), (child: 2, parent: said.raw)]))
        let status = try Processes.wait(pid: pid)
        let text = String(decoding: try Files.read(directory.path + "/said", limit: 1 << 24), as: UTF8.self)
        #expect(status == .exited(0), "\(text.suffix(4_000))")
        #expect(text.contains("1 test"), "it was run there: \(text.suffix(1_000))")
    }

    /// In the process with the library.
    private func strikeAll(_ control: TroubledCalls.Control) throws {
        for (place, life) in Self.lives.enumerated() {
            for kind in TroubledCalls.Kind.single {
                // A strike at none counts them.
                let calls = try live(life, control, kind, 0).calls
                #expect(calls > (kind.isOfTransfers ? 8 : 25), "life \(place), \(kind): \(calls)")
                var untouched = 0
                // The last of the lives makes segments of the usual length, and takes ten times as long.
                let step = place < 2 || TestSize.isFull ? 1 : 7
                for nth in stride(from: step == 1 ? 1 : Int(kind.rawValue), through: calls, by: step) {
                    if try live(life, control, kind, nth).struck == 0 { untouched += 1 }
                }
                // Nothing can be left out of a transfer of one byte, or of one at the end that is of nothing.
                #expect(untouched < calls / 2, "life \(place), \(kind): \(untouched) of \(calls)")
            }
            for kind in [TroubledCalls.Kind.everyOtherInterrupted, .allShort] {
                #expect(try live(life, control, kind, 0).struck > 8, "life \(place), \(kind)")
            }
        }
    }

    private func live(
        _ life: (String) throws -> Void, _ control: TroubledCalls.Control, _ kind: TroubledCalls.Kind, _ nth: Int
    ) throws -> (calls: Int, struck: Int) {
        let path = "\(control.directory)/life"
        try Files.makeDirectory(path)
        control.strike(kind, at: nth)
        try life(path + "/store")
        let (calls, struck) = (control.calls(kind), control.struck)
        control.strike(.none)
        try Files.removeTree(path)
        return (calls, struck)
    }
}
