import Glibc
import JRSystem
import Testing

@Suite("Files")
struct FileTests {
    /// Runs `body` with a directory that is gone afterwards.
    func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-files")
        defer { try? Files.removeTree(directory) }
        try body(directory)
        try Files.removeTree(directory)
        #expect(!Files.exists(directory))
    }

    @Test("an error says which call failed, on what, in words and by its symbol")
    func errorText() throws {
        let error = #expect(throws: SystemError.self) { _ = try Files.open("/x/y", .read).raw }
        #expect(error?.description == "open /x/y: No such file or directory (ENOENT)")
        #expect(SystemError(call: "fsync", code: 28).description == "fsync: No space left on device (ENOSPC)")
        #expect(SystemError(call: "fsync", code: 9_999).name == "errno 9999")
    }

    @Test("a file is read whole up to the limit, and refused beyond it")
    func readLimit() throws {
        try inDirectory { directory in
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
            try Files.write(directory + "/file", bytes)
            #expect(try Files.read(directory + "/file", limit: 200_000) == bytes)
            let error = #expect(throws: SystemError.self) { try Files.read(directory + "/file", limit: 199_999) }
            #expect(error?.name == "EFBIG")
        }
    }

    @Test("bytes at an offset are written and read without a position; the end of the file ends a read")
    func offsets() throws {
        try inDirectory { directory in
            let file = try Files.open(directory + "/file", [.readWrite, .create, .exclusive])
            try Files.writeAll(file.raw, [5, 6, 7, 8][1...], at: 10)
            #expect(try Files.read(file.raw, at: 8, count: 100) == [0, 0, 6, 7, 8])
            #expect(try Files.read(file.raw, at: 50, count: 10).isEmpty)
            try Files.truncate(file.raw, to: 11)
            #expect(try Files.status(of: file.raw).size == 11)
            try Files.allocate(file.raw, from: 0, count: 4_096)
            #expect(try Files.status(of: file.raw).size == 4_096)
            try Files.allocate(file.raw, from: 0, count: 8_192, keepingSize: true)
            #expect(try Files.status(of: file.raw).size == 4_096)
            try Files.syncData(file.raw)
        }
    }

    @Test("replacing a file leaves the new one, with the asked mode and nothing beside it")
    func replace() throws {
        try inDirectory { directory in
            let path = directory + "/state"
            try Files.replace(path, with: [1])
            try Files.replace(path, with: [2, 3], mode: 0o640)
            #expect(try Files.read(path, limit: 10) == [2, 3])
            #expect(try Files.status(path).mode == 0o640)
            #expect(try Files.list(directory) == ["state"])
            #expect(throws: SystemError.self) { try Files.replace(directory + "/no/state", with: [1]) }
        }
    }

    @Test("directories are made with those above them, again without an error, and not over a file")
    func directories() throws {
        try inDirectory { directory in
            try Files.makeDirectories(directory + "/a/b/c", mode: 0o700)
            try Files.makeDirectories(directory + "/a/b/c")
            try Files.makeDirectories(directory + "/a/b/d/")
            #expect(try Files.list(directory + "/a/b") == ["c", "d"])
            #expect(try Files.status(directory + "/a").mode == 0o700)
            try Files.write(directory + "/file", [])
            let error = #expect(throws: SystemError.self) { try Files.makeDirectories(directory + "/file") }
            #expect(error?.name == "ENOTDIR")
            #expect(throws: SystemError.self) { try Files.makeDirectories(directory + "/file/below") }
        }
    }

    @Test("removing a tree removes links and not what they lead to")
    func removeTree() throws {
        try inDirectory { directory in
            try Files.makeDirectories(directory + "/tree/below")
            try Files.makeDirectory(directory + "/kept")
            try Files.write(directory + "/kept/file", [1])
            symlink(directory + "/kept", directory + "/tree/below/link")
            try Files.removeTree(directory + "/tree")
            #expect(try Files.list(directory) == ["kept"])
            #expect(try Files.list(directory + "/kept") == ["file"])
            try Files.removeTree(directory + "/nothing")
        }
    }

    @Test("a lock is one open's alone, and goes with it")
    func lock() throws {
        try inDirectory { directory in
            let path = directory + "/lock"
            do {
                let first = try Files.open(path, [.readWrite, .create])
                #expect(try Files.tryLock(first.raw))
                let second = try Files.open(path, .readWrite)
                #expect(try !Files.tryLock(second.raw))
            }
            let third = try Files.open(path, .readWrite)
            #expect(try Files.tryLock(third.raw))
        }
    }

    @Test("status tells kinds, modes and links")
    func status() throws {
        try inDirectory { directory in
            try Files.write(directory + "/program", [], mode: 0o700)
            symlink("program", directory + "/link")
            #expect(try Files.status(directory).kind == .directory)
            #expect(try Files.status(directory + "/link", followingLinks: false).kind == .link)
            let program = try Files.status(directory + "/link")
            #expect(program.kind == .file && program.isExecutable && program.userID == SystemProgram.userID)
            #expect(try program.inode == Files.status(directory + "/program").inode)
            #expect(Files.canExecute(directory + "/program"))
            #expect(!Files.canExecute(directory))
            #expect(try Files.realPath(directory + "/link") == Files.realPath(directory) + "/program")
        }
    }

    @Test(
        "the directory of a path is what holds its last name",
        arguments: [("/a/b", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b/", "a"), ("a//b", "a"), ("", ".")])
    func parent(path: String, parent: String) {
        #expect(Files.parent(of: path) == parent)
    }

    @Test("this program knows its own file and directory")
    func own() throws {
        #expect(Files.canExecute(try Files.currentExecutable()))
        #expect(try Files.status(Files.currentDirectory()).kind == .directory)
        #expect(SystemProgram.environment["PATH"]?.isEmpty == false)
    }

    @Test("an owned descriptor is closed once, when its owner goes, and not after it was taken")
    func ownership() throws {
        let (readEnd, writeEnd) = try Pipe(nonBlocking: true).takeEnds()
        do {
            let writer = Descriptor(owning: writeEnd)
            #expect(writer.raw == writeEnd)
        }
        let reader = Descriptor(owning: readEnd)
        // Nobody can write any more: the close has happened.
        #expect(try Files.readAll(reader.raw, limit: 1).isEmpty)
        let number = reader.take()
        #expect(try IO.direction(number) == .read)
        _ = Descriptor(owning: number)
    }

    @Test("text for people goes out whole, and a reader that is gone is no error")
    func standard() throws {
        let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
        let reader = Descriptor(owning: readEnd)
        #expect(Standard.write(writeEnd, "Grüße\n"))
        _ = Descriptor(owning: writeEnd)
        #expect(try Files.readAll(reader.raw, limit: 100) == Array("Grüße\n".utf8))
        #expect(!Standard.isTerminal(reader.raw))
        #expect(Standard.terminalWidth(reader.raw) == nil)
        let full = try Files.open("/dev/full", .write)
        #expect(!Standard.write(full.raw, "x"))
    }
}
