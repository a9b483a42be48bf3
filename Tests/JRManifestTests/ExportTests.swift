import JRBase
import JRJSON
import JRManifest
import JRSupervision
import TestSupport
import Testing

@Suite("A cluster for another engine")
struct ExportTests {
    static let cases = ClusterExport.Engine.allCases.flatMap { engine in
        ["manifests/good/design", "export/odd", "manifests/good/settings"].map { (engine, $0) }
    }

    private func plan(_ path: String, only: [String]? = nil) throws -> Plan {
        let source = try #require(Corpus.bytes(path + ".json"))
        let reading = ManifestReader.read(source)
        try #require(reading.problems.map(\.message) == [])
        return Plan(reading.manifest, .example, only: only)
    }

    private func text(_ export: ClusterExport) -> String {
        let files = export.files.map { "=== \($0.name)\n\($0.text)" }.joined()
        return files + "=== notes\n" + export.noteLines.joined(separator: "\n")
    }

    @Test("is written as it was read before it was kept", arguments: cases)
    func golden(engine: ClusterExport.Engine, path: String) throws {
        let choices = ClusterExport.Choices(
            user: path.hasSuffix("odd") ? "jobs" : nil, image: path.hasSuffix("odd") ? "example.com/shop:2" : nil,
            volume: 512 << 20)
        let found = text(ClusterExport(try plan(path), for: engine, choices))
        let name = path.split(separator: "/").last ?? ""
        #expect(Corpus.expected("export/\(name).\(engine.rawValue)", found: found) == found)
    }

    @Test("every note is in a file as well: who reads only that knows as much", arguments: cases)
    func notes(engine: ClusterExport.Engine, path: String) throws {
        let export = ClusterExport(try plan(path), for: engine)
        // Comments are broken into lines.
        let text = export.files.map(\.text).joined().replacing("\n#  ", with: "").replacing("\n# ", with: " ")
        for note in export.notes { #expect(text.contains(note.text.replacing("\n", with: " ")), "\(note.text)") }
        #expect(!export.notes.isEmpty)
    }

    @Test("every file begins with the mark by which the next export knows it", arguments: cases)
    func mark(engine: ClusterExport.Engine, path: String) throws {
        for file in ClusterExport(try plan(path), for: engine).files {
            #expect(file.text.hasPrefix(ClusterExport.mark))
            #expect(!file.text.utf8.contains(0) && file.text.hasSuffix("\n"))
        }
    }

    // MARK: Procfiles

    @Test("a Procfile is read as the cluster it was made from", arguments: ["design", "redis", "overrides", "least"])
    func roundTrip(name: String) throws {
        let before = try plan("manifests/good/\(name)")
        let file = try #require(ClusterExport(before, for: .procfile).files.first)
        let reading = Procfile.read(Array(file.text.utf8))
        #expect(reading.problems.map(\.message) == [])
        let after = Plan(reading.manifest, .example)
        #expect(after.instances.map(\.name) == before.instances.map(\.name))
        #expect(after.instances.map(\.rank) == before.instances.map(\.rank))
        #expect(after.instances.map(\.storageDirectory) == before.instances.map(\.storageDirectory))
        for (old, new) in zip(before.instances, after.instances) where old.rank < 2 {
            #expect(new.workingDirectory == old.workingDirectory)
            guard case .node(let wanted) = old.entry.kind, case .node(let found) = new.entry.kind else { continue }
            #expect(found.storage == wanted.storage && found.jobs == wanted.jobs)
            #expect(found.distributors == wanted.distributors)
        }
        // Once more, it says the same: nothing is lost on the way.
        let again = try #require(ClusterExport(after, for: .procfile).files.first)
        let lines = { (text: String) in
            text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { Set($0.split(separator: " ")) }
        }
        #expect(lines(again.text) == lines(file.text))
    }

    @Test("a Procfile keeps the order of its lines, with which the ports go")
    func order() throws {
        let source = try #require(Corpus.bytes("procfiles/good/plain"))
        let before = Procfile.read(source).manifest
        let file = try #require(ClusterExport(Plan(before, .example), for: .procfile).files.first)
        let after = Procfile.read(Array(file.text.utf8)).manifest
        let ports = { (manifest: Manifest) in manifest.entries.map { "\($0.name) \($0.basePort ?? 0)" } }
        #expect(ports(after) == ports(before))
        #expect(Plan(after, .example).instances.map(\.arguments).last == ["sleep", "5"])
    }

    @Test("variables before a program are those of the program, unless only a shell or env can set them")
    func variables() {
        let read = { (line: String) in Procfile.read(Array("x: \(line)\n".utf8)).manifest.entries.first }
        let node = read("env LANG=C APP=a=b jr-node --jobs j")
        #expect(node?.environment == [EnvironmentVariable("LANG", "C"), EnvironmentVariable("APP", "a=b")])
        #expect(node?.command == .words(["jr-node", "--jobs", "j"]))
        #expect(node?.path == "nodes.x")
        for line in ["env JR_URL=jr://a:1 ./run", "env -i ./run", "env A=1", "env 1=2 ./run"] {
            #expect(read(line)?.environment == [], "\(line)")
            #expect(read(line)?.command == .words(line.split(separator: " ").map(String.init)), "\(line)")
        }
    }

    @Test("a node that names itself is known by that name, and no two have the same")
    func names() throws {
        let text = "d: jr-distributor\na: jr-node --name w.7\nb: jr-node --name=w.8 --storage memory\nc: jr-node\n"
        let plan = Plan(Procfile.read(Array(text.utf8)).manifest, .example)
        #expect(plan.instances.map(\.name) == ["d.1", "w.7", "w.8", "c.1"])
        #expect(plan.positions(named: "a") == [1] && plan.positions(named: "w.8") == [2])
        guard case .node(let settings) = plan.instances[2].entry.kind else {
            Issue.record("a node is a node")
            return
        }
        #expect(settings.storage == .memory)
        let twice = Procfile.read(Array("a: jr-node --name x.1\nx: jr-node\nb: jr-node --name x.1\n".utf8))
        #expect(twice.problems.map(\.position.line) == [2, 3])
    }

    // MARK: Free ports and parts of a cluster

    @Test("distributors on a free port get different ones that no other has")
    func ports() throws {
        let export = ClusterExport(try plan("export/odd"), for: .systemd)
        let main = try #require(export.files.first { $0.name == "jr-Odd_Shop-main.service" })
        #expect(main.text.contains("\"JR_LISTEN=127.0.0.1:5001\""))
        #expect(export.noteLines.contains { $0.hasPrefix("main: it listens on any free port") })
    }

    @Test("names are small and short enough for Kubernetes, and different")
    func kubernetesNames() throws {
        let long = String(repeating: "Long_", count: 20)
        let entries = ["A_b", "a-B", long + "x", long + "y"].map { name in
            Entry(name: name, kind: .program, command: .words(["true"]))
        }
        let manifest = Manifest(name: "_9_Shop", runtimeDirectory: ".jr", entries: entries)
        let export = ClusterExport(Plan(manifest, .example), for: .kubernetes)
        let names = export.files.map { $0.name.dropFirst(3).dropLast(5) }
        #expect(names[0] == "shop-a-b" && names[1] == "shop-a-b-2")
        #expect(Set(names).count == 4 && names.allSatisfy { $0.utf8.count <= 50 && !$0.hasSuffix("-") })
    }
}
