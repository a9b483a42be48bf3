import Glibc
import JRSystem
import TestSupport
import Testing

@testable import JobReactor

@Suite("The job directory (B10)", .mayBlock)
struct JobDirectoryTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("B10: Swift files, compiled ones and programs are found in all folders, in the order of their names")
    func kinds() throws {
        try folder.write("b.swift")
        try folder.write("a/z.swift")
        try folder.write("a/old.swift.so")
        try folder.write("send", mode: 0o755)
        try folder.write("mail/daily.report.py", mode: 0o755)
        let directory = try JobDirectory.scan(folder.path)
        #expect(directory.swiftFiles.map(\.relativePath) == ["a/z.swift", "b.swift"])
        #expect(directory.swiftFiles.first?.path == "\(folder.path)/a/z.swift")
        #expect(directory.compiledFiles.map(\.relativePath) == ["a/old.swift.so"])
        #expect(directory.programs.map(\.name) == ["mail.daily.report", "send"])
    }

    @Test("an executable Swift file is a Swift file")
    func executableSwift() throws {
        try folder.write("jobs.swift", mode: 0o755)
        let directory = try JobDirectory.scan(folder.path)
        #expect(directory.swiftFiles.count == 1)
        #expect(directory.programs.isEmpty)
    }

    @Test("names that start with a dot, and what .jrignore lists, are passed over")
    func ignored() throws {
        try folder.write(".hidden")
        try folder.write(".git/config")
        try folder.write("README.md")
        try folder.write("deep/notes.md")
        try folder.write("fixtures/one/two")
        try folder.write("exact.txt")
        try folder.write(".jrignore", "# what is no job\n\n*.md\n  fixtures/\nexact.txt\r\n")
        let directory = try JobDirectory.scan(folder.path)
        #expect(directory == (try JobDirectory.scan(folder.path + "/.")))
        #expect(directory.swiftFiles.isEmpty)
        #expect(directory.programs.isEmpty)
    }

    @Test("a pattern is of a whole path, a folder or an ending, and nothing near it")
    func patterns() {
        let rules = IgnoreRules(Array("a.txt\nsub/\n*.md".utf8))
        #expect(rules.ignores("a.txt"))
        #expect(!rules.ignores("b/a.txt"))
        #expect(!rules.ignores("a.txt2"))
        #expect(rules.ignores("sub/x"))
        #expect(!rules.ignores("subway"))
        #expect(rules.ignoresFolder("sub"))
        #expect(!rules.ignoresFolder("subway"))
        #expect(rules.ignores("x/y.md"))
        #expect(!rules.ignores("md"))
    }

    @Test("B10: everything that is wrong is said at once, by name and with how to mend it")
    func refusals() throws {
        try folder.write("forgotten.sh")
        try folder.write("it's.txt")
        try folder.write("bad name", mode: 0o755)
        try folder.write("same.sh", mode: 0o755)
        try folder.write("same.py", mode: 0o755)
        try folder.write(".jrignore", "ok\na*b\n/root\n")
        #expect(symlink("nowhere", "\(folder.path)/dangling") == 0)
        let error = try #require(throws: JobDirectoryError.self) { try JobDirectory.scan(folder.path) }
        let text = error.description
        #expect(error.exitCode == 78)
        #expect(error.problems.count == 7)
        #expect(text.contains("\(folder.path)/forgotten.sh is no job"))
        #expect(text.contains("chmod +x \(folder.path)/forgotten.sh"))
        #expect(text.contains("chmod +x '\(folder.path)/it'\\''s.txt'"))
        #expect(text.contains("'bad name' cannot be the name of a job"))
        #expect(text.contains("the job 'same' is same.py already"))
        #expect(text.contains(".jrignore:2 is no job: the pattern 'a*b' is not understood"))
        #expect(text.contains(".jrignore:3"))
        #expect(text.contains("dangling is no job: it is a link that leads nowhere"))
    }

    @Test("links in a circle end the search, and a link to a folder elsewhere is followed")
    func links() throws {
        let other = try TemporaryFolder()
        try other.write("there", mode: 0o755)
        try folder.write("sub/here", mode: 0o755)
        #expect(symlink(folder.path, "\(folder.path)/sub/up") == 0)
        #expect(symlink(other.path, "\(folder.path)/linked") == 0)
        #expect(try JobDirectory.scan(folder.path).programs.map(\.name) == ["linked.there", "sub.here"])
    }

    @Test("B10: a missing directory, and a file in its place, are errors that say where and what to do")
    func missing() throws {
        let missing = try #require(throws: JobDirectoryError.self) { try JobDirectory.scan("no-such-jobs") }
        #expect(missing.description.contains("'no-such-jobs' cannot be opened in \(try Files.currentDirectory())"))
        #expect(missing.description.contains("--jobs DIR"))
        #expect(missing.exitCode == 78)
        let file = try folder.write("file")
        let wrong = try #require(throws: JobDirectoryError.self) { try JobDirectory.scan(file) }
        #expect(wrong.description.contains("is not a directory"))
    }

    @Test("the build id of an executable is found in its notes")
    func buildID() throws {
        let identity = try BuildIdentity.ofThisProgram()
        #expect(identity == (try BuildIdentity.ofThisProgram()))
        #expect(identity.text.count == 40)
        #expect(identity.text.allSatisfy { $0.isHexDigit })
    }

    @Test("an executable that is cut anywhere gives its build id or none, and never traps")
    func cutExecutable() throws {
        let file = try Files.open("/proc/self/exe", .read)
        let whole = try Files.read(file.raw, at: 0, count: 4_096)
        let right = try ELF.buildID { offset, count in Array(whole.dropFirst(Int(offset)).prefix(count)) }
        #expect(right != nil)
        for length in 0..<1_200 {
            let cut = Array(whole.prefix(length))
            let id = try? ELF.buildID { offset, count in Array(cut.dropFirst(Int(offset)).prefix(count)) }
            #expect(id == nil || id == right)
        }
    }

    @Test("two Swift runtimes in a process are told apart by their files")
    func runtimes() {
        let maps = """
            7f00-7f01 r-xp 0000 08:01 1 /opt/swift/usr/lib/swift/linux/libswiftCore.so
            7f01-7f02 r--p 0000 08:01 1 /opt/swift/usr/lib/swift/linux/libswiftCore.so
            7f02-7f03 r--p 0000 08:01 1 /usr/lib/libswift_Concurrency.so
            7f03-7f04 r--p 0000 08:01 1 /other place/libswiftCore.so
            7f05-7f06 rw-p 0000 00:00 0 [heap]
            """
        #expect(
            SwiftRuntimes.paths(inMaps: Array(maps.utf8)) == [
                "/opt/swift/usr/lib/swift/linux/libswiftCore.so", "/other place/libswiftCore.so",
            ])
        #expect(!SwiftRuntimes.isInExecutable())
    }
}
