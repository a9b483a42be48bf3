import Foundation
import Testing

/// Each rule finds what it is there to find, and nothing else.
@Suite struct RuleTests {
    private func file(_ path: String, _ text: String) -> SourceFile { SourceFile(path: path, text: text) }

    @Test("comments and strings are not code, interpolations are")
    func scanner() {
        let text = ###"""
            let a = "x // \(f("y", (1))) \" z" // c "d"
            /* e /* f */ g */ let b = ##"h "# \##(i) \(j)"##
            let c = """
              k "l" \(m)
              """ + "n"
            """###
        let code = CodeScanner.code(of: text).map(\.squeezed)
        #expect(code == ["let a = f( , (1))", "let b = i", "let c =", "m", "+"])
    }

    @Test(
        "banned names are found in code",
        arguments: [
            ("Sources/JRBase/A.swift", "let x = try! f()"), ("Sources/jr/main.swift", "let x = y as! Int"),
            ("Sources/JRCore/A.swift", "    print(1)"), ("Sources/JRBase/A.swift", "_ = Date()"),
            ("Sources/JRBase/A.swift", "/// TO" + "DO: later"), ("Tests/ATests/A.swift", "// FIX" + "ME"),
            ("Sources/JRReactor/A.swift", "usleep(5)"), ("Sources/JRSystem/A.swift", "fatalError()"),
            ("Sources/JRSystem/A.swift", "unowned(unsafe) let x: A"), ("Sources/JRCore/A.swift", "x.rounded()"),
            ("Tests/ATests/A.swift", "try await Task.sleep(for: .seconds(1))"), ("Tests/ATests/A.swift", "sleep(1)"),
            ("Tests/ATests/A.swift", "nanosleep(&a, nil)"),
        ])
    func banned(path: String, line: String) {
        let breaches = Rules.bannedTexts(file(path, "\n" + line))
        #expect(breaches.map(\.line) == [2], "\(line)")
        #expect(breaches.first?.description.hasPrefix("\(path):2: '") == true)
    }

    @Test(
        "other names, strings and comments are left alone",
        arguments: [
            ("Sources/JRBase/A.swift", "fingerprint(1) // print(1)"), ("Sources/jr/main.swift", "print(1)"),
            ("Sources/JRBase/A.swift", #"let x = "try! Date()""#), ("Sources/JRBase/A.swift", "lastDate()"),
            ("Sources/JRSystem/A.swift", "x.rounded()"), ("Tests/ATests/A.swift", "print(1)"),
            ("Tests/ATests/A.swift", "_ = fallAsleep()"),
        ])
    func notBanned(path: String, line: String) {
        #expect(Rules.bannedTexts(file(path, line)).map(\.description) == [])
    }

    @Test("a date in the supervisor's code is found, and where it is only shown it is not")
    func dates() {
        let lines = ["let a: WallTime", "let b = loop.now.wall", "let c = SystemClock.wall()", "d = now.wall - e"]
        for line in lines {
            #expect(Rules.dates(file("Sources/JRSupervision/A.swift", line)).count == 1, "\(line)")
            #expect(Rules.dates(file("Sources/JRSupervisor/EventLog.swift", line)).isEmpty)
            #expect(Rules.dates(file("Sources/JRCore/A.swift", line)).isEmpty)
        }
        for line in ["let wall = walls.wallpaper", "let a = now.instant // now.wall", #"let a = ".wall""#] {
            #expect(Rules.dates(file("Sources/JRSupervision/A.swift", line)).isEmpty, "\(line)")
        }
    }

    @Test("imports are held against the package and the table of system modules")
    func imports() {
        let dependencies: [String: Set<String>] = ["JRCore": ["JRBase"], "JRCoreTests": ["JRCore"]]
        let cases: [(path: String, line: String, isAllowed: Bool)] = [
            ("Sources/JRCore/A.swift", "import JRBase", true), ("Sources/JRCore/A.swift", "public import JRBase", true),
            ("Sources/JRCore/A.swift", "import JRSystem", false),
            ("Sources/JRCore/A.swift", "import Foundation", false),
            ("Sources/JRCore/A.swift", "import struct FoundationEssentials.Data", false),
            ("Sources/JRCore/A.swift", "import Synchronization", false),
            ("Sources/JRCore/A.swift", "import Glibc", false),
            ("Sources/JRReactor/A.swift", "import Synchronization", true),
            ("Sources/JRSystem/A.swift", "import Glibc", true),
            ("Tests/JRCoreTests/A.swift", "@testable import JRCore", true),
            ("Tests/JRCoreTests/A.swift", "import Testing", true),
            ("Tests/JRCoreTests/A.swift", "import JRBase", false),
            ("Sources/JRCore/A.swift", "// import JRSystem", true),
        ]
        for (path, line, isAllowed) in cases {
            #expect(Rules.imports(file(path, line), dependencies).isEmpty == isAllowed, "\(path) \(line)")
        }
    }

    @Test("testable imports, machine paths and placeholders are found")
    func places() {
        #expect(Rules.testableImports(file("Sources/jr/main.swift", "@testable import JRCore")).count == 1)
        #expect(Rules.testableImports(file("Tests/JRCoreTests/A.swift", "@testable import JRCore")).isEmpty)
        #expect(Rules.machinePaths(file("Sources/jr/main.swift", "\"/ho" + "me/me/x\"")).count == 1)
        #expect(Rules.machinePaths(file("Sources/jr/main.swift", "\"/tmp/x\"")).isEmpty)
        let placeholder = file("Sources/JRCore/Placeholder.swift", "")
        #expect(Rules.placeholders([placeholder]).isEmpty)
        #expect(Rules.placeholders([placeholder, file("Sources/JRCore/A.swift", "")]).count == 1)
    }

    @Test("unsafe code without a reason is found")
    func safety() {
        let unsafe = [
            "final class A: @unchecked Sendable {}", "nonisolated(unsafe) var a = 1",
            "let a: UnsafeMutablePointer<Int>",
        ]
        for line in unsafe {
            #expect(Rules.unsafeCode(file("Sources/JRReactor/A.swift", line)).count == 1, "\(line)")
            #expect(
                Rules.unsafeCode(file("Sources/JRSystem/A.swift", "// SAFETY: one thread.\n" + line)).isEmpty, "\(line)"
            )
            #expect(Rules.unsafeCode(file("Tests/JRSystemTests/A.swift", line)).isEmpty, "\(line)")
        }
        let lent = "a.withUnsafeBytes { $0.count }"
        #expect(Rules.unsafeCode(file("Sources/JRWire/A.swift", lent)).count == 1)
        #expect(Rules.unsafeCode(file("Sources/JRReactor/A.swift", lent)).isEmpty)
        #expect(Rules.unsafeCode(file("Sources/JRSystem/A.swift", unsafe[2])).isEmpty)
        let far = "// SAFETY: one thread.\n" + String(repeating: "\n", count: 9) + unsafe[0]
        #expect(Rules.unsafeCode(file("Sources/JRSystem/A.swift", far)).count == 1)
    }

    @Test("long lines, files and functions are found")
    func sizes() {
        let long = String(repeating: "x", count: 121)
        #expect(Rules.lineLength(file("Sources/JRBase/A.swift", long)).count == 1)
        #expect(Rules.lineLength(file("Sources/JRBase/A.swift", String(long.dropLast()))).isEmpty)
        #expect(Rules.lineLength(file("Sources/JRBase/A.swift", "\"\(long)\"")).count == 1)
        #expect(Rules.lineLength(file("Tests/JRBaseTests/A.swift", "\"\(long)\"")).isEmpty)
        let lines = String(repeating: "\n", count: 600)
        #expect(Rules.fileLength(file("Sources/JRBase/A.swift", lines)).map(\.line) == [501])
        #expect(Rules.fileLength(file("Sources/JRSystem/A.swift", lines)).isEmpty)
        #expect(Rules.fileLength(file("Tests/JRBaseTests/A.swift", lines + lines)).count == 1)

        let body = String(repeating: "    f { _ in }\n", count: 70)
        let heads = [
            "func f(a: Int = { 1 }()) {", "    public static func f<A>(\n    a: A) throws(E) -> Int {",
            "init?(a: Int) {", "var a: Int {",
            "@inlinable mutating func f()\nwhere A: B {",
        ]
        for head in heads {
            let text = "struct A {\nfunc ok() {}\n\(head)\n\(body)}\nfunc ok2() {}\n}"
            let breaches = Rules.functionLength(file("Sources/JRBase/A.swift", text))
            #expect(breaches.map(\.line) == [3], "\(head)")
            #expect(
                Rules.functionLength(
                    file(
                        "Sources/JRBase/A.swift",
                        text.replacing("    f { _ in }\n    f { _ in }\n    f { _ in }\n", with: ""))
                ).isEmpty)
        }
        let requirement = "protocol A {\n  func f()\n  var a: Int { get }\n}\nextension B {\n\(body)}"
        #expect(Rules.functionLength(file("Sources/JRBase/A.swift", requirement)).isEmpty)
    }

    @Test("the package and the architecture page are read as they are written")
    func tables() {
        let package = #"""
                library("JRBase"),
                .library(name: "JRCore", targets: ["JRCore"]),
                library("JRCore", ["JRBase", "JRWire"]),
                program(
                    "jr-node", ["JobReactor"],
                    linker: [.unsafeFlags(["-Xlinker"])]),
            """#
        #expect(
            Targets.dependencies(inPackage: package) == [
                "JRBase": [], "JRCore": ["JRBase", "JRWire"], "jr-node": ["JobReactor"],
            ])
        let page = "| `JRBase` | x | nothing |\n| `JRCore` | y | JRBase, JRWire |\n| `JobReactor` | z | all above |"
        #expect(
            Targets.dependencies(inArchitecture: page) == [
                "JRBase": [], "JRCore": ["JRBase", "JRWire"], "JobReactor": nil as Set<String>?,
            ])
    }
}
