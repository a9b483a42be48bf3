import JRSystem
import TestSupport
import Testing

/// What the programs print for shells and for `man`, read by the real ones where they are installed.
@Suite("Completions and manual pages", .mayBlock)
struct CompletionTests {
    static let programs = ["jr", "jr-node", "jr-distributor", "jr-supervisor"]

    private static func installed(_ name: String) -> String? {
        let places = (SystemProgram.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        return places.map { "\($0)/\(name)" }.first { Files.canExecute($0) }
    }

    private final class Folder {
        let path: String

        init() throws { path = try Files.makeTemporaryDirectory(prefix: "jr-shell-") }
        deinit { try? Files.removeTree(path) }

        /// Writes what a program prints to a file.
        func keep(_ words: String..., as name: String) throws -> String {
            let answer = try Programs.run(words, in: path)
            try #require(answer.status == .exited(0), "\(answer.errors)")
            try Files.write("\(path)/\(name)", Array(answer.output.utf8))
            return "\(path)/\(name)"
        }
    }

    @Test("bash completes verbs, options of the verb and their values, and nothing after a command begins")
    func bash() throws {
        let bash = try #require(CompletionTests.installed("bash"))
        let folder = try Folder()
        func complete(_ program: String, _ words: String...) throws -> [Substring] {
            let file = try folder.keep(program, "--completion", "bash", as: "\(program).bash")
            let function = "_" + program.replacing("-", with: "_")
            let list = ([program] + words).map { "'\($0)'" }.joined(separator: " ")
            let script = """
                set -u; source '\(file)'; COMP_WORDS=(\(list)); COMP_CWORD=\(words.count); COMPREPLY=()
                \(function); printf '%s\\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
                """
            let answer = try Programs.run([bash, "--norc", "-c", script], in: folder.path)
            #expect(answer.status == .exited(0) && answer.errors == "", "\(answer.errors)")
            return answer.lines
        }
        #expect(try complete("jr-supervisor", "ex") == ["exec", "export"])
        #expect(try complete("jr-supervisor", "up", "--until") == ["--until-idle"])
        #expect(try complete("jr-supervisor", "wait", "st") == ["stopped"])
        #expect(try complete("jr-supervisor", "exec", "--", "--re") == [])
        #expect(try complete("jr-supervisor", "exec", "--re") == ["--report"])
        #expect(try complete("jr", "list", "--status", "fai") == ["failed"])
        #expect(try complete("jr-node", "--completion", "") == ["bash", "zsh", "fish"])
        #expect(try complete("jr-distributor", "--lis").contains("--listen"))
    }

    @Test("each script is one that its shell can read", arguments: programs)
    func readable(program: String) throws {
        let folder = try Folder()
        for shell in ["bash", "zsh", "fish"] {
            let file = try folder.keep(program, "--completion", shell, as: "\(program).\(shell)")
            guard let path = CompletionTests.installed(shell) else { continue }
            let answer = try Programs.run([path, "-n", file], in: folder.path)
            #expect(answer.status == .exited(0) && answer.errors == "", "\(shell): \(answer.errors)")
        }
    }

    @Test("zsh takes its script", .enabled(if: CompletionTests.installed("zsh") != nil), arguments: programs)
    func zsh(program: String) throws {
        let zsh = try #require(CompletionTests.installed("zsh"))
        let folder = try Folder()
        let file = try folder.keep(program, "--completion", "zsh", as: "_\(program)")
        let script = "autoload -U compinit; compinit -D -u; source '\(file)'; print $_comps[\(program)]"
        let answer = try Programs.run([zsh, "-f", "-c", script], in: folder.path)
        #expect(answer.output == "_" + program.replacing("-", with: "_") + "\n", "\(answer.errors)")
    }

    @Test("fish completes a verb", .enabled(if: CompletionTests.installed("fish") != nil))
    func fish() throws {
        let fish = try #require(CompletionTests.installed("fish"))
        let folder = try Folder()
        let file = try folder.keep("jr-supervisor", "--completion", "fish", as: "jr-supervisor.fish")
        let script = "source '\(file)'; complete -C 'jr-supervisor exe'"
        let answer = try Programs.run([fish, "--no-config", "-c", script], in: folder.path)
        #expect(answer.output.hasPrefix("exec\t"), "\(answer.errors)")
    }

    @Test(
        "the manual page is set without a warning and says what the program does",
        .enabled(if: CompletionTests.installed("groff") != nil), arguments: programs)
    func manual(program: String) throws {
        let groff = try #require(CompletionTests.installed("groff"))
        let folder = try Folder()
        let file = try folder.keep(program, "--manual", as: "\(program).1")
        let page = try Programs.run([groff, "-man", "-Tutf8", "-ww", "-P-cbou", file], in: folder.path)
        #expect(page.status == .exited(0))
        #expect(page.errors == "")
        let words = page.output.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        #expect(words.contains("NAME \(program) - "))
        for title in ["NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS"] { #expect(page.output.contains("\n\(title)\n")) }
        #expect(page.output.contains("--completion SHELL"))
    }
}
