import JRSystem

/// A compiled job file in memory. It stays for the life of the process: closures of it are in use.
struct SharedLibrary {
    /// The name of the function that holds a file's top-level code. It names the build, so that a library that was
    /// compiled for another one is found out before any of its code runs.
    static func entryPoint(_ build: BuildIdentity) -> String { "jr_jobs_\(build.text)" }

    /// Loads a library and runs the top-level code of its file, on the calling thread.
    ///
    /// - Parameter file: what to call it in messages.
    static func run(_ path: String, of file: JobDirectory.File, _ build: BuildIdentity) throws(JobDirectoryError) {
        let library: DynamicLibrary
        do throws(DynamicLibrary.Failure) {
            library = try DynamicLibrary(path: path)
        } catch {
            throw JobDirectoryError(
                what: "the compiled job file of \(file.path) cannot be loaded", why: error.text,
                mend: "Remove \(path) and compile it again", exitCode: SystemExit.data)
        }
        try SwiftRuntimes.check(after: file)
        guard let symbol = library.symbol(entryPoint(build)) else {
            throw JobDirectoryError(
                what: "the compiled job file \(file.path) is of another build than this program",
                mend: "Compile it again, with the jr-node that is to load it: jr-node --jobs DIR --compile-only OUT",
                exitCode: SystemExit.data)
        }
        typealias Main = @convention(c) (Int32, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Int32
        // SAFETY: the compiler was told to give the script's entry function this name, and such a function has this
        // type.
        let main = unsafeBitCast(symbol, to: Main.self)
        _ = main(0, nil)
    }
}

/// The Swift runtimes in this process. With two, code of one reads what the other wrote, mostly by luck.
enum SwiftRuntimes {
    /// Whether the runtime is part of the executable, so that no library with one of its own may come in.
    static func isInExecutable() -> Bool { loaded().isEmpty }

    static func check(after file: JobDirectory.File) throws(JobDirectoryError) {
        let loaded = loaded()
        guard loaded.count > 1 else { return }
        throw JobDirectoryError(
            what: "the job file \(file.path) brought a second Swift runtime into the process",
            why: loaded.joined(separator: " and "),
            mend: "Compile job files and program with the same toolchain (JR_SWIFTC)", exitCode: SystemExit.data)
    }

    /// The files of `libswiftCore` that are mapped.
    private static func loaded() -> [String] {
        let maps = (try? Files.read("/proc/self/maps", limit: 64 << 20)) ?? []
        return paths(inMaps: maps)
    }

    static func paths(inMaps maps: [UInt8]) -> [String] {
        var found: Set<String> = []
        for line in maps.split(separator: UInt8(ascii: "\n")) {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")) else { continue }
            let path = String(decoding: line[slash...], as: UTF8.self)
            if let name = path.split(separator: "/").last, name.hasPrefix("libswiftCore.so") { found.insert(path) }
        }
        return found.sorted()
    }
}
