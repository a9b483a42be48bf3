public import JRSystem

extension JobDirectory {
    /// Where compiled job files are kept when nothing else is said.
    public static let defaultCache = ".jr/cache"

    /// Compiles what is not in the cache, runs the top level of each Swift file, and defines the programs, so that all
    /// jobs are in `JobRegistry.shared`. Returns their names, sorted.
    ///
    /// Blocks while the compiler runs, for about a second a file. Call it once in a process, before a node is started.
    ///
    /// - Parameters:
    ///   - cache: a folder, made when it is missing; several programs may share it.
    ///   - environment: where `PATH`, `JR_SWIFTC` and `JR_MODULES` are looked up, and what the compiler is given.
    ///   - kept: a folder, which must not be there, that gets what was loaded, as ``compile(to:cache:environment:_:)``
    ///     writes it: from there the same jobs can be loaded again when the files have changed.
    ///   - note: is told what takes time, and the compiler's warnings.
    /// - Throws: every problem that was found, with the compiler's own messages.
    @discardableResult
    public func load(
        cache: String = defaultCache, environment: [String: String] = SystemProgram.environment,
        keepingIn kept: String? = nil, _ note: (String) -> Void = { _ in }
    ) throws(JobDirectoryError) -> [String] {
        let build = try Self.build()
        let files = try compiled(cache, environment, build, note)
        var problems: [JobReactorError] = []
        let registry = JobRegistry.shared
        for (file, library) in files {
            try SharedLibrary.run(library, of: file, build)
            problems += registry.takeFaults().map { Self.problem(file, $0) }
        }
        for program in programs {
            if registry[program.name] != nil {
                problems.append(
                    Self.problem(program.file, "the job '\(program.name)' is defined in a Swift file already"))
            }
            registry.define(JobDefinition(name: program.name, work: .program(path: program.file.path)))
            problems += registry.takeFaults().map { Self.problem(program.file, $0) }
        }
        guard problems.isEmpty else { throw JobDirectoryError(problems) }
        if let kept { keep(files, in: kept) }
        return registry.names
    }

    /// Writes a job directory to `output` that needs no compiler: Swift files compiled, programs copied.
    ///
    /// It fits this build of this program alone. `output` must be missing or empty.
    public func compile(
        to output: String, cache: String = defaultCache, environment: [String: String] = SystemProgram.environment,
        _ note: (String) -> Void = { _ in }
    ) throws(JobDirectoryError) {
        let files = try compiled(cache, environment, try Self.build(), note)
        do {
            try Files.makeDirectories(output, mode: 0o755)
            guard try Files.list(output).isEmpty else {
                throw JobDirectoryError(
                    what: "the folder for compiled job files '\(output)' is not empty",
                    mend: "Remove it, or name another one", exitCode: SystemExit.configuration)
            }
            for (file, library) in files {
                let ending = file.relativePath.hasSuffix(Self.compiledEnding) ? "" : ".so"
                try Self.copy(library, to: "\(output)/\(file.relativePath)\(ending)", mode: 0o644)
            }
            for program in programs {
                try Self.copy(program.file.path, to: "\(output)/\(program.file.relativePath)", mode: 0o755)
            }
        } catch let error as JobDirectoryError {
            throw error
        } catch {
            throw JobDirectoryError(
                what: "the compiled job files cannot be written to '\(output)'", why: "\(error)",
                mend: "Make it writable, or name another folder", exitCode: SystemExit.io)
        }
    }

    /// The folder is there whole or not at all. Without room for it there is only no way back.
    private func keep(_ files: [(file: File, library: String)], in folder: String) {
        let unfinished = folder + ".unfinished"
        let copies =
            files.map { file, library in
                (library, file.relativePath + (file.relativePath.hasSuffix(Self.compiledEnding) ? "" : ".so"))
            } + programs.map { ($0.file.path, $0.file.relativePath) }
        do {
            try Files.removeTree(unfinished)
            try Files.makeDirectories(unfinished)
            for (path, relativePath) in copies {
                let copy = "\(unfinished)/\(relativePath)"
                try Files.makeDirectories(Files.parent(of: copy))
                try Files.keep(path, as: copy, mode: 0o700)
            }
            try Files.rename(unfinished, to: folder)
        } catch {
            try? Files.removeTree(unfinished)
        }
    }

    /// Every file that is to be loaded, with its library.
    private func compiled(
        _ cache: String, _ environment: [String: String], _ build: BuildIdentity, _ note: (String) -> Void
    ) throws(JobDirectoryError) -> [(file: File, library: String)] {
        if let file = swiftFiles.first ?? compiledFiles.first, SwiftRuntimes.isInExecutable() {
            throw JobDirectoryError(
                what: "this program cannot load the Swift job file \(file.path)",
                why: "it was linked with --static-swift-stdlib, and a job file would bring a second Swift runtime",
                mend: "Build it without --static-swift-stdlib, or make the job a program or a part of this program",
                exitCode: SystemExit.configuration)
        }
        let absolute = cache.hasPrefix("/") ? cache : "\((try? Files.currentDirectory()) ?? "")/\(cache)"
        let compiler = SwiftJobCompiler(cache: JobCache(path: absolute), build: build, environment: environment)
        let libraries = try compiler.libraries(for: swiftFiles, note)
        return Array(zip(swiftFiles, libraries)) + compiledFiles.map { ($0, $0.path) }
    }

    private static func build() throws(JobDirectoryError) -> BuildIdentity {
        do {
            return try BuildIdentity.ofThisProgram()
        } catch {
            throw JobDirectoryError(
                what: "this program cannot read its own executable", why: "\(error)", exitCode: SystemExit.io)
        }
    }

    private static func copy(_ from: String, to path: String, mode: UInt32) throws {
        try Files.makeDirectories(Files.parent(of: path), mode: 0o755)
        try Files.write(path, try Files.read(from, limit: 1 << 30), mode: mode)
    }

    private static func problem(_ file: File, _ why: String) -> JobReactorError {
        JobReactorError(
            .configuration, what: "the job file \(file.path) is wrong", why: why, exitCode: SystemExit.data)
    }
}
