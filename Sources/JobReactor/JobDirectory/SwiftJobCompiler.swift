import JRSystem

/// Turns job files into libraries: each is compiled as a script of its own, whose top-level code becomes a function.
struct SwiftJobCompiler: Sendable {
    /// At the same time; one of them takes about a second of one core and 150 MB.
    private static let compilersAtOnce = 2
    private static let sourceLimit = 4 << 20

    let cache: JobCache
    let build: BuildIdentity
    let environment: [String: String]

    /// The library of each file, in the order given. Compiles only what the cache does not have.
    ///
    /// Blocks until all are compiled.
    /// - Parameter note: is told what takes time, and the compiler's warnings.
    /// - Throws: the compiler's messages for every file that does not compile.
    func libraries(
        for files: [JobDirectory.File], _ note: (String) -> Void
    ) throws(JobDirectoryError) -> [String] {
        if files.isEmpty { return [] }
        let toolchain = try SwiftToolchain.find(environment: environment)
        var keys: [JobCache.Key] = []
        for file in files { keys.append(try key(of: file, toolchain)) }
        if let found = allCached(keys) { return found }
        return try cache.locked { () throws(JobDirectoryError) in
            // Another program may have compiled them while this one waited.
            let missing = keys.indices.filter { cache.library(for: keys[$0]) == nil }
            if !missing.isEmpty {
                note("compiling \(missing.map { files[$0].relativePath }.joined(separator: ", "))")
                try compile(missing.map { (files[$0], keys[$0]) }, toolchain, note)
            }
            guard let all = allCached(keys) else {
                throw JobDirectoryError(
                    what: "the cache of compiled job files '\(cache.path)' does not keep what is put into it",
                    mend: "See that nothing else changes it, or name another folder with --cache DIR or JR_CACHE",
                    exitCode: SystemExit.io)
            }
            return all
        }
    }

    private func allCached(_ keys: [JobCache.Key]) -> [String]? {
        let found = keys.compactMap { cache.library(for: $0) }
        return found.count == keys.count ? found : nil
    }

    private func key(of file: JobDirectory.File, _ toolchain: SwiftToolchain) throws(JobDirectoryError) -> JobCache.Key
    {
        do {
            return JobCache.Key(
                relativePath: file.relativePath, source: try Files.read(file.path, limit: Self.sourceLimit),
                identity: """
                    compiler \(toolchain.compilerIdentity)
                    build \(build.text)
                    file \(file.relativePath)
                    options \(options.joined(separator: " "))
                    """)
        } catch {
            throw JobDirectoryError(
                what: "the job file \(file.path) cannot be read", why: error.text, mend: "Make it readable",
                exitCode: SystemExit.configuration)
        }
    }

    // MARK: Compiling

    private struct Work {
        let file: JobDirectory.File
        let key: JobCache.Key
        let folder: String
        var source: String { "\(folder)/\(JobCache.source)" }
        var object: String { "\(folder)/jobs.o" }
        var library: String { "\(folder)/\(JobCache.library)" }
        var messages: String { "\(folder)/messages" }
    }

    private func compile(
        _ files: [(file: JobDirectory.File, key: JobCache.Key)], _ toolchain: SwiftToolchain, _ note: (String) -> Void
    ) throws(JobDirectoryError) {
        var works: [Work] = []
        for (file, key) in files {
            works.append(Work(file: file, key: key, folder: try cache.makeWorkFolder(for: key)))
        }
        var problems: [JobReactorError] = []
        let compiled = try run(works, toolchain, &problems, note) { compileArguments($0, toolchain) }
        let linked = try run(compiled, toolchain, &problems, note) { linkArguments($0) }
        for work in linked {
            if try waitsAtTopLevel(work) {
                problems.append(Self.waiting(work.file))
                continue
            }
            try? Files.remove(work.object)
            _ = try cache.finish(work.folder, for: work.key)
        }
        guard problems.isEmpty else { throw JobDirectoryError(problems) }
    }

    /// Runs the compiler for each work and returns those for which it succeeded.
    private func run(
        _ works: [Work], _ toolchain: SwiftToolchain, _ problems: inout [JobReactorError], _ note: (String) -> Void,
        _ arguments: (Work) -> [String]
    ) throws(JobDirectoryError) -> [Work] {
        var succeeded: [Work] = []
        var running: [(work: Work, pid: Int32)] = []
        var rest = works[...]
        while true {
            while running.count < Self.compilersAtOnce, let work = rest.popFirst() {
                running.append((work, try start(toolchain.compiler, arguments(work), work)))
            }
            guard !running.isEmpty else { return succeeded }
            let (work, pid) = running.removeFirst()
            // The status of our own child is always to be had.
            let status = try? Processes.wait(pid: pid)
            let messages = readMessages(work)
            if let status, status.isSuccess {
                if !messages.isEmpty { note(messages) }
                succeeded.append(work)
            } else {
                problems.append(
                    JobReactorError(
                        .configuration, what: "the job file \(work.file.path) does not compile",
                        why: messages.isEmpty
                            ? "the compiler ended with \(status.map { "\($0)" } ?? "no status")" : "\n" + messages,
                        exitCode: SystemExit.data))
            }
        }
    }

    private func start(_ compiler: String, _ arguments: [String], _ work: Work) throws(JobDirectoryError) -> Int32 {
        do {
            // Messages go to a file: nobody has to read it while the compiler runs.
            let messages = try Files.open(work.messages, [.write, .create, .append])
            return try Processes.spawn(
                SpawnRequest(
                    executable: compiler, arguments: [compiler] + arguments,
                    environment: environment.filter { !$0.key.hasPrefix("JR_") }.map { "\($0.key)=\($0.value)" },
                    descriptors: [(child: 1, parent: messages.raw), (child: 2, parent: messages.raw)]))
        } catch {
            throw JobDirectoryError(
                .unavailable, what: "the Swift compiler \(compiler) cannot be started", why: "\(error)",
                mend: "Name a working swiftc with JR_SWIFTC", exitCode: SystemExit.unavailable)
        }
    }

    /// What the compiler said, with the user's own path instead of that of the copy it was given.
    private func readMessages(_ work: Work) -> String {
        let bytes = (try? Files.read(work.messages, limit: 1 << 20)) ?? []
        let text = String(decoding: bytes, as: UTF8.self)
        return String(text.replacing(work.source, with: work.file.path).reversed().drop(while: \.isNewline).reversed())
    }

    // MARK: Options

    /// What is the same for all files and changes the result.
    private var options: [String] {
        // Unoptimised code for a host that is: compiled jobs are as fast, and as debuggable, as their node.
        #if DEBUG
        let optimisation = "-Onone"
        #else
        let optimisation = "-O"
        #endif
        return [
            "-swift-version", "6", optimisation, "-Xfrontend", "-entry-point-function-name", "-Xfrontend",
            SharedLibrary.entryPoint(build),
        ]
    }

    private func compileArguments(_ work: Work, _ toolchain: SwiftToolchain) -> [String] {
        // A module name of its own for each file: types of the same name in two files stay two types.
        let module = "JobFile_\(work.key.stem.replacing("-", with: "_"))"
        return ["-c", work.source, "-o", work.object, "-module-name", module, "-I", toolchain.modules]
            + toolchain.moduleMaps.flatMap { ["-Xcc", "-fmodule-map-file=\($0)"] }
            + ["-module-cache-path", "\(cache.path)/modules"] + options
    }

    private func linkArguments(_ work: Work) -> [String] {
        ["-emit-library", work.object, "-o", work.library]
    }

    // MARK: Top-level await

    /// A script that awaits at its top level never returns from it: its function ends the process instead.
    private func waitsAtTopLevel(_ work: Work) throws(JobDirectoryError) -> Bool {
        do {
            let library = try Files.read(work.library, limit: 256 << 20)
            return library.contains(Array("swift_task_asyncMainDrainQueue\0".utf8))
        } catch {
            throw JobDirectoryError(
                what: "the compiled job file \(work.library) cannot be read", why: error.text, exitCode: SystemExit.io)
        }
    }

    private static func waiting(_ file: JobDirectory.File) -> JobReactorError {
        JobReactorError(
            .configuration, what: "the job file \(file.path) awaits at its top level",
            why: "the top level only defines jobs, and the node would never get past it",
            mend: "Move what is awaited into a job", exitCode: SystemExit.data)
    }
}
