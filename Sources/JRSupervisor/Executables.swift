import JRSystem

/// Where the file of a command is.
enum Executables {
    /// The path of `program`: itself where it has a slash, else the first of that name in `searchPath`.
    ///
    /// - Throws: why it cannot be executed, in words.
    static func find(_ program: String, searchPath: String?) -> Result<String, Missing> {
        if program.contains("/") {
            if Files.canExecute(program) { return .success(program) }
            guard let status = try? Files.status(program) else {
                return .failure(Missing(reason: "there is no \(program)"))
            }
            let what = status.kind == .file ? "is not executable: chmod +x it" : "is no file"
            return .failure(Missing(reason: "\(program) \(what)"))
        }
        let directories = (searchPath ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        for directory in directories where Files.canExecute("\(directory)/\(program)") {
            return .success("\(directory)/\(program)")
        }
        return .failure(Missing(reason: "there is no command '\(program)' in PATH"))
    }

    /// Where `jr-exec` is, through which a foreign program is started that is to die with this one; nil where it is
    /// missing.
    ///
    /// - Parameter directory: That of this program's own executable.
    static func trampoline(in directory: String) -> String? {
        let path = directory + "/jr-exec"
        return Files.canExecute(path) ? path : nil
    }

    struct Missing: Error {
        var reason: String
    }
}
