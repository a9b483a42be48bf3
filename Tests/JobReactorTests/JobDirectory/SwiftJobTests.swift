import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@testable import JobReactor

@Suite("Swift job files (B10)", .serialized, .mayBlock)
struct SwiftJobTests {
    private let folder: TemporaryFolder
    private let node: String

    init() throws {
        folder = try TemporaryFolder()
        node = try builtProgram("jr-node")
        // Counts how often a compiler is started.
        try folder.write(
            "bin/swiftc", "#!/bin/sh\necho run >> '\(folder.path)/runs'\nexec swiftc \"$@\"\n", mode: 0o755)
        try folder.write("runs")
    }

    private var environment: [String: String] {
        plainEnvironment(["JR_SWIFTC": "\(folder.path)/bin/swiftc", "JR_CACHE": "\(folder.path)/cache"])
    }

    private func list(_ more: [String] = [], _ environment: [String: String]? = nil) throws -> Finished {
        try run(node, ["--jobs", "\(folder.path)/jobs", "--list"] + more, environment ?? self.environment)
    }

    private func runs() throws -> Int { try folder.read("runs").split(separator: "\n").count }

    private func job(_ name: String) -> String { "import JobReactor\njob(\"\(name)\") { args in args[\"x\"] = 1 }\n" }

    @Test("B10: a second start compiles nothing, and a change only what changed")
    func cached() throws {
        try folder.write("jobs/a.swift", job("a"))
        try folder.write("jobs/sub/b.swift", job("b"))
        try folder.write("jobs/c", "#!/bin/sh\n", mode: 0o755)
        let first = try list()
        #expect(first.output == "a\nb\nc\n", "\(first.errors)")
        #expect(first.errors.contains("compiling a.swift, sub/b.swift"))
        #expect(try runs() == 4)
        let second = try list()
        #expect(second.output == "a\nb\nc\n")
        #expect(second.errors.isEmpty)
        #expect(try runs() == 4)
        try folder.write("jobs/a.swift", job("a2"))
        #expect(try list().output == "a2\nb\nc\n")
        #expect(try runs() == 6)
        try folder.write("jobs/a.swift", job("a"))
        #expect(try list().output == "a\nb\nc\n")
        #expect(try runs() == 6, "the library of before is still there")
    }

    @Test("an entry of the cache whose source is not the file's, byte for byte, is not used")
    func verified() throws {
        try folder.write("jobs/a.swift", job("a"))
        #expect(try list().output == "a\n")
        let entry = try #require(try Files.list("\(folder.path)/cache").first { $0.hasPrefix("a-") })
        try folder.write("cache/\(entry)/source.swift", job("b"))
        #expect(try list().output == "a\n")
        #expect(try runs() == 4)
    }

    @Test("two nodes that start at once compile once")
    func together() throws {
        try folder.write("jobs/a.swift", job("a"))
        let pids = try (0..<2).map { index in
            let output = try Files.open("\(folder.path)/out\(index)", [.write, .create])
            return try Processes.spawn(
                SpawnRequest(
                    executable: node, arguments: [node, "--jobs", "\(folder.path)/jobs", "--list"],
                    environment: environment.map { "\($0.key)=\($0.value)" }, descriptors: [(1, output.raw)]))
        }
        for pid in pids { #expect(try Processes.wait(pid: pid).isSuccess) }
        #expect(try folder.read("out0") == "a\n")
        #expect(try folder.read("out1") == "a\n")
        #expect(try runs() == 2)
    }

    @Test(
        "B10: files that do not compile stop the start with the compiler's messages, at the user's own lines, and exit 65"
    )
    func doesNotCompile() throws {
        try folder.write("jobs/good.swift", job("good"))
        try folder.write("jobs/one.swift", "import JobReactor\njob(\"x\") { args in args.nonsense() }\n")
        try folder.write("jobs/two.swift", "let x: Int = \"text\"\n")
        let finished = try list()
        #expect(finished.status == .exited(65))
        #expect(finished.output.isEmpty)
        #expect(finished.errors.contains("the job file \(folder.path)/jobs/one.swift does not compile"))
        #expect(finished.errors.contains("\(folder.path)/jobs/one.swift:2:"))
        #expect(finished.errors.contains("has no member 'nonsense'"))
        #expect(finished.errors.contains("\(folder.path)/jobs/two.swift:1:"))
        #expect(!finished.errors.contains("good.swift does not compile"))
        #expect(!finished.errors.contains("/cache/"))
    }

    @Test("a file that awaits at its top level is refused, for the node would never get past it")
    func topLevelAwait() throws {
        try folder.write("jobs/a.swift", job("a") + "try await Task.sleep(for: .seconds(1))\n")
        let finished = try list()
        #expect(finished.status == .exited(65))
        #expect(finished.errors.contains("awaits at its top level"))
    }

    @Test("B7: a callback of an unknown job, a bad name and a name that a program has too are told with their file")
    func faults() throws {
        try folder.write(
            "jobs/a.swift", job("mail") + "jobCallback(\"mial\", \"log\") { _ in }\n" + job("bad name") + job("tool"))
        try folder.write("jobs/tool", "#!/bin/sh\n", mode: 0o755)
        let finished = try list()
        #expect(finished.status == .exited(65))
        #expect(
            finished.errors.contains("\(folder.path)/jobs/a.swift is wrong: the callback 'log' is for the job 'mial'"))
        #expect(finished.errors.contains("did you mean 'mail'?"))
        #expect(finished.errors.contains("the job name 'bad name'"))
        #expect(finished.errors.contains("\(folder.path)/jobs/tool is wrong: the job 'tool' is defined"))
    }

    @Test("without a compiler the error says so and names --compile-only, whose result needs none")
    func compileOnly() throws {
        try folder.write("jobs/a.swift", job("a"))
        try folder.write("jobs/sub/tool.sh", "#!/bin/sh\n", mode: 0o755)
        let without = plainEnvironment(["PATH": "/nowhere", "JR_CACHE": "\(folder.path)/other"])
        let refused = try list([], without)
        #expect(refused.status == .exited(69))
        #expect(refused.errors.contains("no swiftc on PATH"))
        #expect(refused.errors.contains("--compile-only OUT"))
        let output = "\(folder.path)/built"
        let made = try run(node, ["--jobs", "\(folder.path)/jobs", "--compile-only", output], environment)
        #expect(made.status == .exited(0), "\(made.errors)")
        #expect(try Files.list(output) == ["a.swift.so", "sub"])
        let listed = try run(node, ["--jobs", output, "--list"], without)
        #expect(listed.output == "a\nsub.tool\n", "\(listed.errors)")
        let again = try run(node, ["--jobs", "\(folder.path)/jobs", "--compile-only", output], environment)
        #expect(again.status == .exited(78))
        #expect(again.errors.contains("is not empty"))
    }

    @Test("a compiled file of another build is refused before any of its code runs")
    func otherBuild() throws {
        let path = try folder.write("source/a.swift", job("a") + "print(\"it ran\")\n")
        let compiler = SwiftJobCompiler(
            cache: JobCache(path: "\(folder.path)/cache"), build: BuildIdentity(text: "other"), environment: environment
        )
        let library = try #require(
            try compiler.libraries(for: [.init(relativePath: "a.swift", path: path)]) { _ in }.first)
        try Files.makeDirectory("\(folder.path)/jobs")
        try Files.write("\(folder.path)/jobs/a.swift.so", try Files.read(library, limit: 1 << 26))
        let finished = try list()
        #expect(finished.status == .exited(65))
        #expect(finished.errors.contains("is of another build than this program"))
        #expect(!finished.output.contains("it ran"))
    }

    @Test("eight older builds of a file stay in the cache, and no more")
    func pruned() throws {
        let cache = JobCache(path: "\(folder.path)/cache")
        for number in 0..<12 {
            let key = JobCache.Key(relativePath: "a.swift", source: Array("\(number)".utf8), identity: "i")
            try cache.locked { () throws(JobDirectoryError) in
                let work = try cache.makeWorkFolder(for: key)
                try? Files.write("\(work)/\(JobCache.library)", [])
                _ = try cache.finish(work, for: key)
            }
            #expect(cache.library(for: key) != nil)
        }
        #expect(try Files.list(cache.path).count { $0.hasPrefix("a-") } == JobCache.kept + 1)
    }
}
