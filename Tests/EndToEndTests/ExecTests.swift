import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// Clusters of one command each, as a continuous integration runs them.
@Suite("exec", .serialized, .mayBlock)
struct ExecTests {
    @Test("a command enqueues at the cluster that exec made for it, and its code is exec's")
    func jobs() throws {
        let cluster = try Cluster()
        try Files.makeDirectories(cluster.directory + "/tmp")
        let environment = ["TMPDIR": cluster.directory + "/tmp"]
        let jr = try Programs.path("jr")
        let good = try Programs.run(
            [
                "jr-supervisor", "exec", "cluster.json", "--report", "report", "--", jr, "enqueue", "wordcount",
                "path=\(cluster.directory)/cluster.json", "--wait",
            ], in: cluster.directory, environment: environment)
        #expect(good.status == .exited(0), "\(good.errors)")
        #expect(try JSON(parsing: good.output)["lines"]?.int != nil)
        let wrong = try Programs.run(
            [
                "jr-supervisor", "exec", "--", jr, "enqueue", "wordcount", "path=/nowhere", "--wait", "--max-attempts",
                "1",
            ], in: cluster.directory, environment: environment)
        #expect(wrong.status == .exited(1), "\(wrong.errors)")
        #expect(wrong.errors.contains("jr-supervisor: exec: the command ended with exit 1"))
        // The compiler of job files keeps things of its own there.
        #expect(try Files.list(cluster.directory + "/tmp").filter { $0.hasPrefix("jr-") } == [])
        #expect(try Files.list(cluster.directory + "/report/logs").count == 3)
    }
}
