import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// `jr cancel`, `retry` and `destroy` with a real cluster.
@Suite("Jobs are changed from the command line", .serialized, .mayBlock)
struct ControlTests {
    private func enqueued(_ cluster: Cluster, _ words: [String]) throws -> String {
        let run = try cluster.jr(["enqueue", "wordcount", "path=x", "--after", "1h"] + words)
        try #require(run.status == .exited(0), "\(run.errors)")
        return String(run.output.dropLast())
    }

    @Test("B34, B41: scheduled jobs are cancelled, retried and destroyed by id; jr says what became of each")
    func change() throws {
        let cluster = try Cluster()
        try cluster.up()
        let ids = try (0..<4).map { _ in try enqueued(cluster, []) }

        let cancel = try cluster.jr(["cancel", ids[0], ids[1], "nobody"])
        #expect(cancel.status == .exited(1))
        #expect(cancel.lines == ["\(ids[0]): cancelled", "\(ids[1]): cancelled"])
        #expect(cancel.errors.contains("nobody: no connected node has the job"), "\(cancel.errors)")
        let again = try cluster.jr(["cancel", ids[0], "--json"])
        #expect(again.status == .exited(0))
        #expect(try JSON(parsing: again.output)["state"]?.string == "ended")
        #expect(try JSON(parsing: again.output)["status"]?.string == "cancelled")

        let destroy = try cluster.jr(["destroy", ids[2]])
        #expect(destroy.status == .exited(0) && destroy.lines == ["\(ids[2]): destroyed"], "\(destroy.errors)")
        #expect(try cluster.jr(["list", "--json"]).lines.count == 1)
        let nodes = try ["worker.1", "worker.2"].map { try cluster.jr(["destroy", "--node", $0, "--json"]) }
        #expect(nodes.allSatisfy { $0.status == .exited(0) })
        #expect(try nodes.map { try JSON(parsing: $0.output)["destroyed"]?.int ?? 0 }.reduce(0, +) == 1)
        #expect(try cluster.jr(["list"]).output == "no jobs\n")
    }

    @Test("a job whose file is not there fails, and jr retry runs it again")
    func retry() throws {
        let cluster = try Cluster()
        try cluster.up()
        let path = cluster.directory + "/late.txt"
        let failed = try cluster.jr([
            "enqueue", "wordcount", "path=\(path)", "--max-attempts", "1", "--wait", "--id", "late",
        ])
        #expect(failed.status == .exited(1), "\(failed.output)\(failed.errors)")
        try Files.write(path, Array("one two\n".utf8))
        let retry = try cluster.jr(["retry", "late"])
        #expect(retry.status == .exited(0) && retry.lines == ["late: runs as soon as there is room"], "\(retry.errors)")
    }

    @Test("what cannot be meant is said before anything is dialled")
    func usage() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-control-")
        defer { try? Files.removeTree(directory) }
        for words in [["cancel"], ["destroy"], ["destroy", "x", "--node", "n"]] {
            let run = try Programs.run(["jr"] + words, in: directory)
            #expect(run.status == .exited(64), "\(words): \(run.errors)")
        }
    }
}
