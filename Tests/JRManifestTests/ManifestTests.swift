import JRBase
import JRManifest
import JRSupervision
import TestSupport
import Testing

@Suite("A manifest")
struct ManifestTests {
    static let wrong = Corpus.names(in: "manifests/wrong", ending: ".json")
    static let good = Corpus.names(in: "manifests/good", ending: ".json")

    @Test("the corpus is there")
    func corpus() {
        #expect(ManifestTests.wrong.count >= 60)
        #expect(ManifestTests.good.count >= 4)
    }

    @Test("a wrong manifest is refused with exactly the text that mends it", arguments: wrong)
    func refused(name: String) throws {
        let source = try #require(Corpus.bytes("manifests/wrong/\(name).json"))
        let reading = ManifestReader.read(source)
        #expect(!reading.problems.isEmpty)
        let text = ManifestProblem.report(reading.problems, file: "\(name).json", source: source)
        #expect(Corpus.expected("manifests/wrong/\(name).expected", found: text) == text)
    }

    @Test("a good manifest has no problem", arguments: good)
    func accepted(name: String) throws {
        let source = try #require(Corpus.bytes("manifests/good/\(name).json"))
        let reading = ManifestReader.read(source)
        #expect(reading.problems.map(\.message) == [])
    }

    @Test("every cut of a good manifest is refused and never traps")
    func cut() throws {
        let source = try #require(Corpus.bytes("manifests/good/design.json"))
        for count in 0..<source.count - 2 {
            #expect(!ManifestReader.read(Array(source.prefix(count))).problems.isEmpty, "cut at \(count)")
        }
    }

    @Test("defaults reach every entry and an entry's own values lie over them, key by key")
    func overrides() throws {
        let source = try #require(Corpus.bytes("manifests/good/overrides.json"))
        let manifest = ManifestReader.read(source).manifest
        let main = try #require(manifest.entry(named: "main")?.policy)
        let worker = try #require(manifest.entry(named: "worker")?.policy)
        #expect(main.stop.drain == .seconds(5 as Int64))
        #expect(main.stop.signal == .interrupt)
        #expect(main.backoff.then == .milliseconds(100))
        #expect(worker.backoff.then == .seconds(1 as Int64))
        #expect(worker.backoff.max == .seconds(2 as Int64))
        #expect(worker.restart == .onFailure)
        #expect(worker.logs.format == .json)
        #expect(worker.ready == .seconds(300 as Int64))
        #expect(worker.stop.signal == .interrupt)
    }

    @Test("the manifest of the design means what it says")
    func design() throws {
        let source = try #require(Corpus.bytes("manifests/good/design.json"))
        let manifest = ManifestReader.read(source).manifest
        #expect(manifest.name == "demo")
        #expect(manifest.entries.map(\.path) == ["distributors.main", "nodes.worker", "programs.web"])
        let worker = try #require(manifest.entry(named: "worker"))
        #expect(worker.count == 2)
        guard case .node(let settings) = worker.kind else {
            Issue.record("a node is a node")
            return
        }
        #expect(settings.distributors == ["main"])
        #expect(settings.credit == 256)
        #expect(settings.storage == .journal(sync: .always, directory: nil))
        #expect(worker.policy.limits.openFiles == 4096)
        #expect(manifest.entry(named: "web")?.after == ["main"])
        #expect(manifest.entry(named: "web")?.policy.restart == .onFailure)
    }
}

@Suite("A Procfile")
struct ProcfileTests {
    static let wrong = Corpus.names(in: "procfiles/wrong", ending: "").filter {
        !$0.hasSuffix(".expected") && !$0.hasPrefix(".")
    }

    @Test("a wrong line is refused with its number", arguments: wrong)
    func refused(name: String) throws {
        let source = try #require(Corpus.bytes("procfiles/wrong/\(name)"))
        let reading = Procfile.read(source)
        #expect(!reading.problems.isEmpty)
        let text = ManifestProblem.report(reading.problems, file: name, source: source)
        #expect(Corpus.expected("procfiles/wrong/\(name).expected", found: text) == text)
    }

    @Test("lines without shell characters are executed directly, the others by a shell that steps aside if it can")
    func commands() throws {
        let source = try #require(Corpus.bytes("procfiles/good/plain"))
        let reading = Procfile.read(source)
        #expect(reading.problems.map(\.message) == [])
        let plan = Plan(reading.manifest, .example)
        let commands = plan.instances.map { "\($0.name) \($0.arguments.joined(separator: " "))" }
        #expect(
            commands == [
                "main.1 /opt/jr/bin/jr-distributor --listen 127.0.0.1:5000",
                "worker.1 /opt/jr/bin/jr-node --jobs jobs",
                "web.1 /bin/sh -c exec ./serve --port ${PORT} --ports $PORTS",
                "quoted.1 /bin/sh -c exec echo \"two  words\"",
                "both.1 /bin/sh -c cd /tmp && ./run",
                "set.1 /bin/sh -c A=1 ./run",
                "tick.1 sleep 5",
            ])
    }

    @Test("ports start at 5000 with 100 a line, and our own programs get what a manifest gives them")
    func ports() throws {
        let source = try #require(Corpus.bytes("procfiles/good/plain"))
        let plan = Plan(Procfile.read(source).manifest, .example)
        let start = Plan.Start(
            incarnation: 1, readyDescriptor: nil, lifeDescriptor: nil,
            addresses: ["main": ListenAddress(host: "127.0.0.1", port: 5000)])
        #expect(plan.environment(of: 0, start).contains("PORT=5000"))
        #expect(plan.environment(of: 0, start).contains("JR_LISTEN=127.0.0.1:5000"))
        #expect(plan.environment(of: 2, start).contains("PORT=5200"))
        #expect(plan.instances[1].after == [0])
        #expect(plan.environment(of: 1, start).contains("JR_DISTRIBUTORS=127.0.0.1:5000"))
        #expect(plan.environment(of: 1, start).contains("JR_JOBS=/srv/demo/jobs"))
    }
}

extension Plan.Surroundings {
    static let example = Plan.Surroundings(
        manifestDirectory: "/srv/demo", runtimeDirectory: "/srv/demo/.jr", programDirectory: "/opt/jr/bin",
        environment: ["PATH": "/bin", "HOME": "/root", "SECRET": "x"])
}
