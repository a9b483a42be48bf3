import JRBase
import JRJSON
import JRManifest
public import JRSupervision
import JRSystem

/// A manifest or Procfile on this machine, found right.
public struct ManifestFile: Sendable {
    /// What is read when no file is named, in this order.
    public static let defaultNames = ["cluster.json", "Procfile"]

    public private(set) var plan: Plan
    public let runtime: RuntimeDirectory
    /// Absolute.
    let path: String
    /// What was read.
    let source: [UInt8]

    /// Reads and checks a file, and whether this machine has what it names.
    ///
    /// - Parameters:
    ///   - path: As the user gave it; a directory stands for the manifest in it, nil for the one in this directory.
    ///   - runtime: Takes the place of the manifest's `runtimeDirectory`; relative to the working directory.
    ///   - only: Names of entries; nil for all.
    ///   - handover: What runs already: its manifest is taken, whatever is in the file by now.
    /// - Throws: Exit code 66 without a file, 77 for one that others could have changed, 78 with everything that is
    ///   wrong.
    public init(
        _ path: String?, runtime: String? = nil, only: [String]? = nil, goingOn handover: Handover? = nil
    ) throws(SupervisorError) {
        let path = if let handover { handover.manifestPath } else { try ManifestFile.find(path) }
        let source = if let handover { handover.manifest } else { try ManifestFile.read(path) }
        self.source = source
        let name = String(path.split(separator: "/").last ?? "")
        let reading = Procfile.isName(name) ? Procfile.read(source) : ManifestReader.read(source)
        let here = (try? Files.currentDirectory()) ?? "/"
        let absolute = Paths.resolve(path, in: here)
        self.path = absolute
        let directory = Files.parent(of: absolute)
        let runtimePath =
            runtime.map { Paths.resolve($0, in: here) }
            ?? Paths.resolve(reading.manifest.runtimeDirectory, in: directory)
        self.runtime = RuntimeDirectory(path: runtimePath)
        let surroundings = Plan.Surroundings(
            manifestDirectory: directory, runtimeDirectory: runtimePath,
            programDirectory: Files.parent(of: (try? Files.currentExecutable()) ?? "/usr/local/bin/jr-supervisor"),
            environment: SystemProgram.environment)
        for name in only ?? [] where reading.manifest.entry(named: name) == nil {
            let names = reading.manifest.entries.map(\.name)
            let hint = Names.nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
            throw SupervisorError(
                exitCode: ExitCodes.usage,
                "--only: there is no \"\(name)\" in \(path) (\(hint ?? "there is: " + names.joined(separator: ", ")))")
        }
        plan = Plan(reading.manifest, surroundings, only: only)
        // What runs is not stopped for a file that is missing now.
        let isNew = handover == nil
        let problems = reading.problems.isEmpty && isNew ? ManifestFile.missing(plan) : reading.problems
        guard problems.isEmpty else {
            throw SupervisorError(
                exitCode: SupervisorError.configuration, ManifestProblem.report(problems, file: path, source: source))
        }
        if let handover { try goOn(with: handover) }
    }

    private mutating func goOn(with handover: Handover) throws(SupervisorError) {
        plan.goOn(with: handover.instances.map(\.place))
        let names = Set(plan.instances.map(\.name))
        let unknown = handover.instances.map(\.name).filter { !names.contains($0) }
        guard unknown.isEmpty else {
            throw SupervisorError(
                exitCode: SupervisorError.configuration,
                "\(unknown.joined(separator: ", ")) is not in the manifest as this program reads it")
        }
    }

    private init(plan: Plan, like file: ManifestFile, runtime: RuntimeDirectory) {
        self.plan = plan
        self.runtime = runtime
        path = file.path
        source = file.source
    }

    /// The same cluster in another runtime directory, such that it shares nothing with others on this machine.
    public func isolated(in runtime: RuntimeDirectory, logs: String) -> ManifestFile {
        var surroundings = plan.surroundings
        surroundings.runtimeDirectory = runtime.path
        let manifest = plan.manifest.isolated(logs: logs, freePort: FreePorts.next)
        return ManifestFile(plan: Plan(manifest, surroundings), like: self, runtime: runtime)
    }

    private static func find(_ path: String?) throws(SupervisorError) -> String {
        if let path {
            guard (try? Files.status(path))?.kind == .directory else { return path }
            if let name = defaultNames.first(where: { Files.exists("\(path)/\($0)") }) { return "\(path)/\(name)" }
            throw SupervisorError(
                exitCode: SupervisorError.noInput, "there is no cluster.json and no Procfile in \(path)")
        }
        if let name = defaultNames.first(where: { Files.exists($0) }) { return name }
        throw SupervisorError(
            exitCode: SupervisorError.noInput,
            "there is no cluster.json and no Procfile here: name the manifest, or write one")
    }

    private static func read(_ path: String) throws(SupervisorError) -> [UInt8] {
        do {
            let status = try Files.status(path)
            let isOurs = status.userID == SystemProgram.userID || status.userID == 0 || SystemProgram.userID == 0
            // Whoever can write it can run anything as us.
            guard isOurs, status.mode & 0o002 == 0 else {
                let why = isOurs ? "anybody can write it: chmod o-w \(path)" : "it belongs to user \(status.userID)"
                throw SupervisorError(exitCode: SupervisorError.permission, "\(path) is not used, because \(why)")
            }
            return try Files.read(path, limit: ManifestReader.longest)
        } catch let error as SupervisorError {
            throw error
        } catch let error as SystemError {
            let code = error.code == SystemError.accessDenied ? SupervisorError.permission : SupervisorError.noInput
            if error.name == "ENOENT" {
                throw SupervisorError(
                    exitCode: code, "there is no \(path): name a manifest, a Procfile, or the directory with one")
            }
            throw SupervisorError(exitCode: code, "the manifest cannot be read: \(error)")
        } catch {
            throw SupervisorError(exitCode: SupervisorError.noInput, "the manifest cannot be read: \(error)")
        }
    }

    /// What the manifest names and this machine does not have.
    private static func missing(_ plan: Plan) -> [ManifestProblem] {
        var problems: [ManifestProblem] = []
        for instance in plan.instances where instance.index == 1 {
            let entry = instance.entry
            let place = { (key: String) in
                entry.places[key] ?? entry.places["name"] ?? Position(line: 1, column: 1, offset: 0)
            }
            let own = entry.environment.first { $0.name == "PATH" }?.value
            let searchPath = own ?? plan.surroundings.environment["PATH"]
            if case .failure(let missing) = Executables.find(instance.arguments.first ?? "", searchPath: searchPath) {
                problems.append(ManifestProblem("\(entry.path): \(missing.reason)", at: place("command")))
            }
            if entry.workingDirectory != nil, !isDirectory(instance.workingDirectory) {
                let text = "\(entry.path).workingDirectory: \(instance.workingDirectory) is no directory"
                problems.append(ManifestProblem(text, at: place("workingDirectory")))
            }
            if case .node(let settings) = entry.kind, let jobs = settings.jobs {
                let directory = Paths.resolve(jobs, in: plan.surroundings.manifestDirectory)
                if !isDirectory(directory) {
                    problems.append(
                        ManifestProblem("\(entry.path).jobs: \(directory) is no directory", at: place("jobs")))
                }
            }
            for refusal in entry.policy.limits.refusals() {
                problems.append(ManifestProblem("\(entry.path).\(refusal)", at: place("limits")))
            }
            if let user = entry.user {
                do throws(Unfit) {
                    _ = try Account.permitted(user)
                } catch {
                    problems.append(ManifestProblem("\(entry.path).user: \(error.reason)", at: place("user")))
                }
            }
        }
        return problems.sorted { $0.position.offset < $1.position.offset }
    }

    private static func isDirectory(_ path: String) -> Bool { (try? Files.status(path))?.kind == .directory }
}

extension RuntimeDirectory {
    /// The runtime directory that a verb without a manifest means: the one that is named, else that of the supervisor
    /// this program runs under, else `.jr`, or the one a `cluster.json` names, here or in the nearest directory above.
    public static func find(option: String?) throws(SupervisorError) -> RuntimeDirectory {
        let here = (try? Files.currentDirectory()) ?? "/"
        if let option { return RuntimeDirectory(path: Paths.resolve(option, in: here)) }
        if let variable = SystemProgram.environment["JR_RUNTIME"], !variable.isEmpty {
            return RuntimeDirectory(path: Paths.resolve(variable, in: here))
        }
        var directory = here
        while true {
            let usual = Paths.resolve(defaultName, in: directory)
            if (try? Files.status(usual))?.kind == .directory { return RuntimeDirectory(path: usual) }
            if let source = try? Files.read(Paths.resolve("cluster.json", in: directory), limit: ManifestReader.longest)
            {
                let named = ManifestReader.read(source).manifest.runtimeDirectory
                return RuntimeDirectory(path: Paths.resolve(named, in: directory))
            }
            if directory == "/" { break }
            directory = Files.parent(of: directory)
        }
        throw SupervisorError(
            exitCode: notRunning,
            "no supervisor here: there is no \(defaultName) in this directory or one above it. Start one with"
                + " `jr-supervisor up`, or name its runtime directory with --runtime")
    }

    /// The exit code of verbs that need a supervisor where none runs.
    static let notRunning: Int32 = 4
}
