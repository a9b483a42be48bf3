import JRManifest
import JRSupervision
import Testing

@Suite("A manifest for itself")
struct IsolatedManifestTests {
    @Test("distributors take free ports, and everything is kept in the runtime directory")
    func manifest() throws {
        let source = """
            {
              "distributors": { "main": { "listen": "127.0.0.1:5000" } },
              "nodes": { "worker": { "storage": { "kind": "journal", "sync": "never", "directory": "/var/jobs" } } },
              "defaults": { "logs": { "directory": "/var/log/jobs" } }
            }
            """
        let reading = ManifestReader.read(Array(source.utf8))
        #expect(reading.problems.map(\.message) == [])
        let manifest = reading.manifest.isolated(logs: "/tmp/x/logs") { 0 }
        guard case .distributor(let main)? = manifest.entry(named: "main")?.kind,
            case .node(let worker)? = manifest.entry(named: "worker")?.kind
        else {
            Issue.record("the entries are there")
            return
        }
        #expect(main.listen == ListenAddress(host: "127.0.0.1", port: 0))
        #expect(worker.storage == .journal(sync: .never, directory: nil))
        #expect(manifest.entries.allSatisfy { $0.policy.logs.directory == "/tmp/x/logs" })
    }

    @Test("the lines of a Procfile get ports that are given out, and say none themselves")
    func procfile() {
        let source = """
            main: jr-distributor --listen 127.0.0.1:$PORT
            other: jr-distributor --listen=127.0.0.1:7000
            web: ./serve --port $PORT
            """
        var next = 40_000
        let manifest = Procfile.read(Array(source.utf8)).manifest.isolated(logs: "logs") {
            next += 1
            return next
        }
        #expect(manifest.entries.map(\.command).prefix(2).allSatisfy { $0 == .words(["jr-distributor"]) })
        let plan = Plan(manifest, .example)
        #expect(plan.instances[2].arguments == ["/srv/demo/serve", "--port", "40003"])
    }
}
