import JobReactor
import TestSupport
import Testing

@Suite("The example programs print what they say they print", .mayBlock)
struct ProgramTests {
    private static let application = "Examples/programs/application.swift"
    private static let worker = "Examples/programs/worker.swift"
    private static let client = "Examples/programs/client.swift"

    static let alone: [String] = {
        let files = (try? Package.files("Examples/programs", ".swift")) ?? []
        return files.filter { ![application, worker, client].contains($0) }
    }()

    /// The comment at the end of the file, below the line that ends with "prints:".
    private func promise(_ path: String) throws -> String {
        let lines = try Package.text(path).split(separator: "\n")
        let mark = lines.lastIndex { $0.hasPrefix("//") && $0.hasSuffix("prints:") }
        let first = try #require(mark, "\(path) does not say what it prints") + 1
        return lines[first...].map { $0.dropFirst(3) + "\n" }.joined()
    }

    @Test("a program that stands alone", arguments: alone)
    func runsAlone(_ path: String) throws {
        #expect(try RunningProgram.example(path).output() == promise(path))
    }

    @Test("B1, B4, B30: an application and a worker find each other, whichever comes first")
    func applicationAndWorker() throws {
        let folder = try TemporaryFolder()
        let address = "unix:\(folder.path)/socket"
        let worker = try RunningProgram.example(Self.worker, address)
        let application = try RunningProgram.example(Self.application, address)
        #expect(try application.output() == promise(Self.application))
        // The worker has run for as long as the application: it watches for signals by now.
        try worker.terminate()
        #expect(try worker.output().isEmpty)
    }

    @Test("B18: a client, a worker and a distributor that know only an address")
    func clientAndWorker() throws {
        // A reactor of its own: other tests stop the one of JR.
        let reactor = try Reactor(name: "usage")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let distributor = try Distributor(listen: "127.0.0.1:0", on: reactor)
        let client = try RunningProgram.example(Self.client, "\(distributor.address)")
        let worker = try RunningProgram.example(Self.worker, "\(distributor.address)")
        #expect(try client.output() == promise(Self.client))
        try worker.terminate()
        #expect(try worker.output().isEmpty)
    }

    @Test("the snippets of the pages do what the pages say")
    func snippets() throws {
        #expect(try RunningProgram.example("Tests/UsageTests/Snippets").output() == "\n")
    }

    @Test("every function of the snippets is in the list of those that are run")
    func snippetsAreListed() throws {
        let list = try Package.text("Tests/UsageTests/Snippets/main.swift")
        for file in try Package.files("Tests/UsageTests/Snippets", ".swift") where !file.hasSuffix("/main.swift") {
            for line in try Package.text(file).split(separator: "\n") where line.hasPrefix("func ") {
                let name = line.dropFirst("func ".count).prefix { $0 != "(" }
                guard line.hasSuffix("() async throws {") else { continue }
                #expect(list.contains("(\"\(name)\", \(name))"), "\(file): \(name) is not in the list of main.swift")
            }
        }
    }

    @Test("B7, B10: a job file of the README is a job of jr-node")
    func jobFile() throws {
        let folder = try TemporaryFolder()
        // A reactor of its own: other tests stop the one of JR.
        let reactor = try Reactor(name: "usage")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let distributor = try Distributor(listen: "127.0.0.1:0", on: reactor)
        let node = try RunningProgram(
            [
                "\(RunningProgram.built())/jr-node", "--jobs", "\(Package.root)/Examples/job_files", "--name",
                "worker_1",
                "--distributors", "\(distributor.address)", "--cache", "\(folder.path)/cache",
            ])
        let answers = Monitor<[JobArguments]>([])
        try distributor.enqueue("greet", ["name": "Ada"], success: { args in answers.update { $0.append(args) } })
        let answer = answers.wait(timeout: .seconds(Int64(60))) { $0.first }
        #expect(answer == ["name": "Ada", "greeting": "Hello, Ada"])
        try node.terminate()
        #expect(try node.output() == "Hello, Ada\n")
    }
}
