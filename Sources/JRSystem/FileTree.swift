import CJRLinux
import Glibc

/// Names and directories.
extension Files {
    // MARK: Facts

    /// - Parameter followingLinks: false asks about a symbolic link itself.
    public static func status(_ path: String, followingLinks: Bool = true) throws(SystemError) -> FileStatus {
        var status = jr_file_status()
        _ = try check(jr_stat(path, followingLinks ? 1 : 0, &status), "stat", path)
        return FileStatus(status)
    }

    public static func status(of raw: Int32) throws(SystemError) -> FileStatus {
        var status = jr_file_status()
        _ = try check(jr_fstat(raw, &status), "fstat")
        return FileStatus(status)
    }

    public static func exists(_ path: String) -> Bool {
        (try? status(path)) != nil
    }

    /// Whether this program may execute it.
    public static func canExecute(_ path: String) -> Bool {
        jr_can_execute(path) == 0 && (try? status(path))?.kind == .file
    }

    // MARK: Making, renaming, removing

    public static func rename(_ from: String, to: String) throws(SystemError) {
        _ = try check(jr_rename(from, to), "rename", "\(from) to \(to)")
    }

    public static func remove(_ path: String) throws(SystemError) {
        _ = try check(jr_unlink(path), "unlink", path)
    }

    /// A second name for the same file.
    public static func link(_ from: String, to: String) throws(SystemError) {
        _ = try check(jr_link(from, to), "link", "\(from) to \(to)")
    }

    /// Keeps what a file holds now under another path, whatever becomes of the first: a large file as a second name
    /// for it, since programs and libraries are replaced and not rewritten; a small one, or one on another file
    /// system, as a copy.
    public static func keep(_ from: String, as path: String, mode: UInt32) throws(SystemError) {
        let smallest = 256 * 1_024
        if try status(from).size > smallest, jr_link(from, path) == 0 { return }
        try write(path, try read(from, limit: 1 << 30), mode: mode)
    }

    public static func setMode(_ path: String, _ mode: UInt32) throws(SystemError) {
        _ = try check(jr_chmod(path, mode), "chmod", path)
    }

    /// - Throws: `EEXIST` when the path is there, whatever it is.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
        _ = try check(jr_mkdir(path, mode), "mkdir", path)
    }

    /// Makes a directory and those above it that are missing; one that is there already is left as it is.
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
        let result = jr_mkdir(path, mode)
        if result == 0 { return }
        if result == -EEXIST {
            if (try? status(path))?.kind == .directory { return }
            throw SystemError(call: "mkdir", code: ENOTDIR, subject: path)
        }
        let above = parent(of: path)
        guard result == -ENOENT, above != path else { throw failure(result, "mkdir", path) }
        try makeDirectories(above, mode: mode)
        // Another process may have made it in the meantime, which is as good.
        let again = jr_mkdir(path, mode)
        if again != -EEXIST { _ = try check(again, "mkdir", path) }
    }

    public static func removeDirectory(_ path: String) throws(SystemError) {
        _ = try check(jr_rmdir(path), "rmdir", path)
    }

    /// Removes a file or a directory with all that is in it; links are removed, not followed. Nothing there is no
    /// error.
    public static func removeTree(_ path: String) throws(SystemError) {
        let result = jr_unlink(path)
        if result == 0 || result == -ENOENT { return }
        guard result == -EISDIR || result == -EPERM else { throw failure(result, "unlink", path) }
        for name in try list(path) { try removeTree(path + "/" + name) }
        try removeDirectory(path)
    }

    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        var names: [String] = []
        let result = withUnsafeMutablePointer(to: &names) { pointer in
            jr_list(path, pointer) { context, name in
                context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
            }
        }
        _ = try check(result, "readdir", path)
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Makes a directory of mode 0700 with a name nobody else has, in `TMPDIR` or `/tmp`.
    public static func makeTemporaryDirectory(prefix: String) throws(SystemError) -> String {
        let place = SystemProgram.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let pattern = "\(place)/\(prefix).XXXXXX"
        var bytes = pattern.utf8CString.map { $0 }
        _ = try check(jr_mkdtemp(&bytes), "mkdtemp", pattern)
        return bytes.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    // MARK: Paths

    /// The absolute path without links, `.` and `..`; everything on the way must exist.
    public static func realPath(_ path: String) throws(SystemError) -> String {
        try text("realpath", path) { jr_realpath(path, $0, $1) }
    }

    public static func readLink(_ path: String) throws(SystemError) -> String {
        try text("readlink", path) { jr_readlink(path, $0, $1) }
    }

    public static func currentDirectory() throws(SystemError) -> String {
        try text("getcwd", nil) { jr_getcwd($0, $1) }
    }

    /// The file this program was started from. After that file was replaced the path names the new one.
    public static func currentExecutable() throws(SystemError) -> String {
        let path = try readLink("/proc/self/exe")
        let mark = " (deleted)"
        return path.hasSuffix(mark) && !exists(path) ? String(path.dropLast(mark.count)) : path
    }

    /// The directory that holds the last name of a path: `.` for a bare name.
    public static func parent(of path: String) -> String {
        var bytes = Array(path.utf8)[...]
        let slash = UInt8(ascii: "/")
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        guard let last = bytes.lastIndex(of: slash) else { return "." }
        bytes = bytes[..<last]
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        return bytes.isEmpty ? "/" : String(decoding: bytes, as: UTF8.self)
    }

    private static func text(
        _ call: StaticString, _ subject: String?, _ fill: (UnsafeMutablePointer<CChar>, Int) -> Int
    ) throws(SystemError) -> String {
        var result = 0
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            result = fill(base, buffer.count)
            return result < 0 ? "" : String(cString: base)
        }
        _ = try check(result, call, subject)
        return text
    }
}
