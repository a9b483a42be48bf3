import JRSystem

/// What tests are made of that has to be in C.
public enum CSource {
    /// What the compiler said.
    public struct Failure: Error, CustomStringConvertible {
        /// In its words.
        public let description: String
    }

    /// Compiles a program; false where there is no compiler of C.
    ///
    /// - Parameters:
    ///   - source: the whole of it.
    ///   - path: of the program; the source is put beside it.
    public static func compileProgram(_ source: String, to path: String) throws -> Bool {
        try compile(source, to: path, [])
    }

    fileprivate static func compile(_ source: String, to path: String, _ options: [String]) throws -> Bool {
        let folders = (SystemProgram.environment["PATH"] ?? "").split(separator: ":")
        let names = ["clang", "cc", "gcc"].flatMap { name in folders.map { "\($0)/\(name)" } }
        guard let compiler = names.first(where: { Files.canExecute($0) }) else { return false }
        try Files.write(path + ".c", Array(source.utf8))
        let errors = try Files.open(path + ".log", [.write, .create, .truncate])
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: compiler, arguments: [compiler, "-O1"] + options + ["-o", path, path + ".c", "-ldl"],
                // It looks for its linker.
                environment: SystemProgram.environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(child: 1, parent: errors.raw), (child: 2, parent: errors.raw)]))
        guard try Processes.wait(pid: pid).isSuccess else {
            throw Failure(description: String(decoding: try Files.read(path + ".log", limit: 1 << 20), as: UTF8.self))
        }
        return true
    }
}

/// A library of C that a test loads in front of the system's own (`LD_PRELOAD`), to change what calls do.
public enum PreloadedLibrary {
    /// Compiles a library; false where there is no compiler of C.
    ///
    /// - Parameters:
    ///   - source: the whole of it.
    ///   - path: of the library; the source is put beside it.
    public static func compile(_ source: String, to path: String) throws -> Bool {
        try CSource.compile(source, to: path, ["-shared", "-fPIC"])
    }
}
