import JRBase
import JRSystem

/// What a job directory holds, found by name and permission alone: nothing is opened, compiled or run.
///
/// Read recursively, in the order of names:
/// - `NAME.swift` defines jobs at its top level;
/// - `NAME.swift.so` is such a file compiled before, by `jr-node --compile-only`;
/// - any other executable file is a program job. Its name is its path below the directory without the last extension,
///   folders separated by dots: `mail/send.py` is the job `mail.send`;
/// - names that start with a dot, and what `.jrignore` lists (`notes.txt`, `fixtures/`, `*.md`), are passed over;
/// - anything else is refused, so that a forgotten `chmod +x` is not found out by a job that nobody runs.
public struct JobDirectory: Sendable, Equatable {
    /// A file, by its path below the directory and its absolute one.
    public struct File: Sendable, Equatable {
        /// The path below the directory, folders separated by slashes.
        public let relativePath: String
        /// The absolute path.
        public let path: String
    }

    /// An executable file that is a job.
    public struct Program: Sendable, Equatable {
        /// The name of the job.
        public let name: String
        /// Where it is.
        public let file: File
    }

    /// Absolute and without links.
    public let path: String
    /// The job files that are to be compiled, in the order of their names.
    public private(set) var swiftFiles: [File] = []
    /// Job files that were compiled before.
    public private(set) var compiledFiles: [File] = []
    /// The program jobs.
    public private(set) var programs: [Program] = []

    /// - Throws: every problem at once.
    public static func scan(_ path: String) throws(JobDirectoryError) -> JobDirectory {
        var scan = Scan(directory: JobDirectory(path: try realPath(path)))
        scan.readIgnoreRules()
        scan.visit(folder: "", above: [])
        scan.refuseSharedNames()
        guard scan.problems.isEmpty else { throw JobDirectoryError(scan.problems) }
        return scan.directory
    }

    private static func realPath(_ path: String) throws(JobDirectoryError) -> String {
        let real: String
        do {
            real = try Files.realPath(path)
        } catch {
            let place = path.hasPrefix("/") ? "" : " in \((try? Files.currentDirectory()) ?? "the current directory")"
            throw JobDirectoryError(
                what: "the job directory '\(path)' cannot be opened\(place)", why: error.text,
                mend: "Make it, or name another one with --jobs DIR or JR_JOBS")
        }
        guard (try? Files.status(real))?.kind == .directory else {
            throw JobDirectoryError(
                what: "the job directory '\(path)' is not a directory",
                mend: "Name the folder that holds the job files with --jobs DIR or JR_JOBS")
        }
        return real
    }

    static let compiledEnding = ".swift.so"

    private struct Scan {
        static let ignoreFile = ".jrignore"
        static let ignoreFileLimit = 1 << 20

        var directory: JobDirectory
        var rules = IgnoreRules.none
        var problems: [JobReactorError] = []

        mutating func readIgnoreRules() {
            let path = directory.path + "/" + Self.ignoreFile
            guard Files.exists(path) else { return }
            do {
                rules = IgnoreRules(try Files.read(path, limit: Self.ignoreFileLimit))
            } catch {
                refuse(Self.ignoreFile, "\(error)", "Make it readable, or remove it")
            }
            for (line, text) in rules.misunderstood {
                refuse(
                    "\(Self.ignoreFile):\(line)", "the pattern '\(text)' is not understood",
                    "Write a path below the directory, a folder as 'folder/', or an ending as '*.md'")
            }
        }

        /// - Parameter above: the folders on the way here; one that comes again is a link in a circle.
        mutating func visit(folder: String, above: [FileKey]) {
            let path = folder.isEmpty ? directory.path : directory.path + "/" + folder
            let names: [String]
            let key: FileKey
            do {
                key = FileKey(try Files.status(path))
                names = above.contains(key) ? [] : try Files.list(path)
            } catch {
                refuse(folder, "the folder cannot be read: \(error.text)", "Make it readable, or list it in .jrignore")
                return
            }
            for name in names where !name.hasPrefix(".") {
                visit(folder.isEmpty ? name : folder + "/" + name, above: above + [key])
            }
        }

        private mutating func visit(_ relativePath: String, above: [FileKey]) {
            guard !rules.ignores(relativePath) else { return }
            let file = File(relativePath: relativePath, path: directory.path + "/" + relativePath)
            guard let status = try? Files.status(file.path) else {
                refuse(relativePath, "it is a link that leads nowhere", "Remove it, or list it in .jrignore")
                return
            }
            switch status.kind {
            case .directory:
                if !rules.ignoresFolder(relativePath) { visit(folder: relativePath, above: above) }
            case .file:
                sort(file)
            case .link, .socket, .pipe, .other:
                refuse(relativePath, "it is neither a file nor a folder", "Remove it, or list it in .jrignore")
            }
        }

        private mutating func sort(_ file: File) {
            let relativePath = file.relativePath
            if relativePath.hasSuffix(".swift") {
                directory.swiftFiles.append(file)
            } else if relativePath.hasSuffix(JobDirectory.compiledEnding) {
                directory.compiledFiles.append(file)
            } else if Files.canExecute(file.path) {
                let name = Self.jobName(relativePath)
                if Names.isValid(name) {
                    directory.programs.append(Program(name: name, file: file))
                } else {
                    refuse(
                        relativePath, "'\(name)' cannot be the name of a job",
                        "Rename the file to at most \(Limits.nameBytes) letters, digits and '_.:-', "
                            + "or list it in .jrignore"
                    )
                }
            } else {
                refuse(
                    relativePath, "it is neither a Swift file nor executable",
                    "If it is a job, run: chmod +x \(quoted(file.path)); if not, list it in .jrignore")
            }
        }

        mutating func refuseSharedNames() {
            var owners: [String: String] = [:]
            for program in directory.programs {
                if let owner = owners[program.name] {
                    refuse(
                        program.file.relativePath, "the job '\(program.name)' is \(owner) already",
                        "Rename one of the two, or list it in .jrignore")
                }
                owners[program.name] = program.file.relativePath
            }
        }

        private static func jobName(_ relativePath: String) -> String {
            var parts = relativePath.split(separator: "/").map(String.init)
            if let last = parts.last, let dot = last.lastIndex(of: "."), dot > last.startIndex {
                parts[parts.count - 1] = String(last[..<dot])
            }
            return parts.joined(separator: ".")
        }

        private mutating func refuse(_ relativePath: String, _ why: String, _ mend: String) {
            let path = relativePath.isEmpty ? directory.path : directory.path + "/" + relativePath
            problems.append(
                JobReactorError(
                    .configuration, what: "\(path) is no job", why: why, mend: mend,
                    exitCode: SystemExit.configuration))
        }
    }

    /// Which file a path leads to, whatever it is called.
    private struct FileKey: Equatable {
        let device: UInt64
        let inode: UInt64

        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
        }
    }
}

/// A path as it can be pasted into a shell.
private func quoted(_ path: String) -> String {
    let plain = path.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "/"):
            true
        default:
            false
        }
    }
    return plain
        ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
