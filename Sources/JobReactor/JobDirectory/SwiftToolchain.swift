import JRBase
import JRSystem

/// What it takes to compile a job file: the compiler, and the modules of the library that this program was built with.
struct SwiftToolchain: Sendable {
    /// The `swiftc` to run.
    let compiler: String
    /// Names the compiler without running it: another one, or the same path upgraded, reads differently.
    let compilerIdentity: String
    /// The folder with `JobReactor.swiftmodule`.
    let modules: String
    /// Where the C part of the library is described, when not among the modules.
    let moduleMaps: [String]

    static func find(environment: [String: String]) throws(JobDirectoryError) -> SwiftToolchain {
        let compiler = try findCompiler(environment)
        let modules = try findModules(environment)
        do {
            let file = try Files.realPath(compiler)
            let status = try Files.status(file)
            return SwiftToolchain(
                compiler: compiler,
                compilerIdentity: "\(file) \(status.size) \(status.modifiedMilliseconds)",
                modules: modules, moduleMaps: moduleMaps(beside: modules))
        } catch {
            throw JobDirectoryError(
                what: "the Swift compiler \(compiler) cannot be looked at", why: "\(error)",
                mend: "Name another one with JR_SWIFTC", exitCode: SystemExit.unavailable)
        }
    }

    private static func findCompiler(_ environment: [String: String]) throws(JobDirectoryError) -> String {
        if let named = environment["JR_SWIFTC"], !named.isEmpty {
            if Files.canExecute(named) { return named }
            throw JobDirectoryError(
                what: "JR_SWIFTC is '\(named)'", why: "that is no program",
                mend: "Set it to the path of swiftc, or unset it to search PATH", exitCode: SystemExit.configuration)
        }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            let path = "\(folder)/swiftc"
            if Files.canExecute(path) { return path }
        }
        throw JobDirectoryError(
            .unavailable, what: "the Swift job files cannot be compiled", why: "there is no swiftc on PATH",
            mend: """
                Install a Swift toolchain or name its compiler with JR_SWIFTC; for a machine without one, run on a \
                machine that has it: jr-node --jobs DIR --compile-only OUT, and start here with --jobs OUT
                """,
            exitCode: SystemExit.unavailable)
    }

    private static func findModules(_ environment: [String: String]) throws(JobDirectoryError) -> String {
        var candidates: [String] = []
        if let named = environment["JR_MODULES"], !named.isEmpty {
            candidates = [named]
        } else if let executable = try? Files.currentExecutable() {
            let folder = Files.parent(of: executable)
            // As SwiftPM builds it, and as it is installed.
            candidates = ["\(folder)/Modules", "\(Files.parent(of: folder))/lib/jobreactor/Modules"]
        }
        for folder in candidates where Files.exists("\(folder)/JobReactor.swiftmodule") { return folder }
        throw JobDirectoryError(
            .unavailable, what: "the Swift job files cannot be compiled",
            why: "JobReactor.swiftmodule is not in \(candidates.joined(separator: " nor in "))",
            mend: "Install the Modules folder of the build to lib/jobreactor/Modules, or name it with JR_MODULES",
            exitCode: SystemExit.unavailable)
    }

    /// SwiftPM writes them into folders of its own; beside an installed library the compiler finds them by itself.
    private static func moduleMaps(beside modules: String) -> [String] {
        ["CJRChecksum", "CJRLinux"].map { "\(Files.parent(of: modules))/\($0).build/module.modulemap" }
            .filter(Files.exists)
    }
}
