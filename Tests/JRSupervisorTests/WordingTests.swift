import JRJSON
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("What jr-supervisor says of itself, and to who mistypes", .serialized)
    struct WordingTests {
        private static let node = "#!/bin/sh\necho READY=1 port=41000 >&3; read line <&4; exit 0\n"
        private static let cluster = """
            { "name": "shop", "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
              "programs": { "web": { "command": ["sleep", "1000"], "after": ["main"] },
                            "once": { "command": ["true"], "restart": "never" } } }
            """

        @Test("the help of each verb fits 80 columns, and its lines are as full as they can be")
        func help() throws {
            let folder = try Folder([:])
            let all = try folder.run("--help").out
            let verbs = all.split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
                .compactMap { $0.split(separator: " ").first }.filter { !$0.hasPrefix("-") && $0 != "jr-supervisor" }
            #expect(verbs.count >= 20)
            for verb in verbs {
                let help = try folder.run(String(verb), "--help")
                #expect(help.code == 0)
                let lines = help.out.split(separator: "\n", omittingEmptySubsequences: false)
                for line in lines { #expect(line.count <= 80, "\(verb): \(line)") }
                for (line, next) in zip(lines, lines.dropFirst()) where !line.isEmpty {
                    guard let word = next.split(separator: " ").first, !next.hasPrefix(" "), !line.hasPrefix(" "),
                        let last = line.last, !".:".contains(last)
                    else { continue }
                    #expect(line.count + 1 + word.count > 80, "\(verb): \(line)")
                }
            }
        }

        @Test("check says as JSON what it says for people")
        func check() throws {
            let folder = try Folder(["cluster.json": WordingTests.cluster, "node": WordingTests.node])
            let outcome = try folder.run("check", "--json")
            #expect(outcome.code == 0)
            let json = try JSON(parsing: outcome.out)
            #expect(json["ok"]?.bool == true && json["cluster"]?.string == "shop")
            #expect(json["runtime"]?.string == folder.path + "/.jr")
            let names = json["instances"]?.array?.compactMap { $0["name"]?.string }
            #expect(names == ["main.1", "web.1", "once.1"])
            #expect(json["instances"]?.array?[1]["after"]?.array?.first?.string == "main.1")
            try Files.write(folder.path + "/wrong.json", Array("{ \"programs\": 1 }".utf8))
            let wrong = try folder.run("check", "--json", "wrong.json")
            #expect(wrong.code == 78 && wrong.err.hasPrefix("wrong.json:1:15: error: programs must be"))
            let said = try JSON(parsing: wrong.out)
            #expect(said["ok"]?.bool == false && said["exit"]?.int == 78)
            #expect(said["message"]?.string.map { $0 + "\n" } == wrong.err || said["message"]?.string == wrong.err)
            let none = try folder.run("check", "cluster.jsn")
            #expect(none.code == 66)
            #expect(
                none.err.contains("there is no cluster.jsn: name a manifest, a Procfile, or the directory with one"))
        }

        @Test("whoever mistypes a name is told what it is, or what may be meant, and how an end reads in status")
        func names() throws {
            let folder = try Folder(["cluster.json": WordingTests.cluster, "node": WordingTests.node])
            #expect(try folder.run("up", "--detach").code == 0)
            _ = try folder.run("wait", "ready")
            #expect(try folder.run("stop", "web").code == 0)
            let wait = try folder.run("wait", "ready", "--timeout", "20ms")
            #expect(wait.code == 124)
            #expect(wait.err.contains("waiting for web.1 (stopped until somebody starts it)"))
            let drill = try folder.run("chaos", "--kill", "main", "--for", "1s")
            #expect(drill.code == 69 && drill.err.contains("web.1 is stopped: `jr-supervisor start web.1` starts"))
            let scale = try folder.run("scale", "web.1=2")
            #expect(scale.code == 64 && scale.err.contains("there is no entry \"web.1\" here (that is one instance of"))
            #expect(try folder.run("scale", "web=100000").err.contains("an entry has 0 to 1,000 instances"))
            #expect(try folder.run("scale", "web=0").code == 0)
            let gone = try folder.run("restart", "web")
            #expect(gone.code == 64)
            #expect(gone.err.contains("it has no instance now: `jr-supervisor scale web=1` starts one"))
            let status = try folder.run("status").out
            #expect(status.contains("  once.1 ended ") && status.contains(" ago: exit 0\n"), "\(status)")
            #expect(try folder.run("down").code == 0)
        }
    }
}
