import JRBase
import JRSystem

/// Compiled job files, kept so that a second start compiles nothing.
///
/// An entry is a folder with the library, a copy of its source and the identity of what made it. All of these are
/// compared whole before an entry is used; the checksums in its name only find it. Entries appear by rename: one is
/// there complete, or not at all.
struct JobCache: Sendable {
    /// What an entry was made of and by.
    struct Key: Sendable, Equatable {
        let relativePath: String
        let source: [UInt8]
        /// Compiler, build of this program and options: whatever changes the result.
        let identity: String

        var stem: String { "\(fileStem(relativePath))-\(checksum(Array(relativePath.utf8)))" }
        var folder: String { "\(stem)-\(checksum(source))\(checksum(Array(identity.utf8)))" }
    }

    /// Older builds of the same file that stay, for the way back from an upgrade.
    static let kept = 8

    let path: String

    func library(for key: Key) -> String? {
        let folder = "\(path)/\(key.folder)"
        guard let source = try? Files.read("\(folder)/\(Self.source)", limit: key.source.count), source == key.source,
            let identity = try? Files.read("\(folder)/\(Self.identity)", limit: key.identity.utf8.count),
            identity == Array(key.identity.utf8), Files.exists("\(folder)/\(Self.library)")
        else { return nil }
        return "\(folder)/\(Self.library)"
    }

    /// Runs `body` while no other program compiles into this cache; waits for one that does.
    func locked<Result>(_ body: () throws(JobDirectoryError) -> Result) throws(JobDirectoryError) -> Result {
        let lock = try takeLock()
        let result = try body()
        _ = consume lock
        return result
    }

    private func takeLock() throws(JobDirectoryError) -> Descriptor {
        do throws(SystemError) {
            try Files.makeDirectories(path)
            let lock = try Files.open("\(path)/lock", [.readWrite, .create])
            try Files.waitForLock(lock.raw, subject: path)
            try removeUnfinished()
            return lock
        } catch {
            throw failure(error)
        }
    }

    /// A folder to compile into; only under the lock.
    func makeWorkFolder(for key: Key) throws(JobDirectoryError) -> String {
        let folder = "\(path)/\(Self.unfinished)\(key.folder)"
        do {
            try Files.makeDirectory(folder)
            try Files.write("\(folder)/\(Self.source)", key.source)
            try Files.write("\(folder)/\(Self.identity)", Array(key.identity.utf8))
        } catch {
            throw failure(error)
        }
        return folder
    }

    /// Takes over what was compiled in a work folder; only under the lock.
    func finish(_ workFolder: String, for key: Key) throws(JobDirectoryError) -> String {
        let folder = "\(path)/\(key.folder)"
        do {
            // A crash of the machine after the rename must not leave an entry with an empty library.
            let library = try Files.open("\(workFolder)/\(Self.library)", .read)
            try Files.sync(library.raw)
            try Files.removeTree(folder)
            try Files.rename(workFolder, to: folder)
            try removeOldest(of: key)
        } catch {
            throw failure(error)
        }
        return "\(folder)/\(Self.library)"
    }

    static let source = "source.swift"
    static let identity = "identity"
    static let library = "jobs.so"
    private static let unfinished = ".unfinished-"

    private func removeUnfinished() throws(SystemError) {
        for name in try Files.list(path) where name.hasPrefix(Self.unfinished) {
            try Files.removeTree("\(path)/\(name)")
        }
    }

    private func removeOldest(of key: Key) throws(SystemError) {
        var entries: [(path: String, modified: Int64)] = []
        for name in try Files.list(path) where name.hasPrefix(key.stem + "-") && name != key.folder {
            let entry = "\(path)/\(name)"
            entries.append((entry, try Files.status(entry).modifiedMilliseconds))
        }
        entries.sort { $0.modified > $1.modified }
        for entry in entries.dropFirst(Self.kept) { try Files.removeTree(entry.path) }
    }

    private func failure(_ error: SystemError) -> JobDirectoryError {
        JobDirectoryError(
            what: "the cache of compiled job files '\(path)' cannot be used", why: "\(error)",
            mend: "Make it writable and see that there is room, or name another folder with --cache DIR or JR_CACHE",
            exitCode: SystemExit.io)
    }
}

/// The last part of a path without its extension, as letters, digits and underscores.
func fileStem(_ path: String) -> String {
    let name = path.split(separator: "/").last ?? "jobs"
    let stem = name.split(separator: ".").first ?? "jobs"
    return String(
        decoding: stem.utf8.prefix(64).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            default:
                UInt8(ascii: "_")
            }
        }, as: UTF8.self)
}

/// Eight hexadecimal digits.
func checksum(_ bytes: [UInt8]) -> String {
    let digits = String(CRC32C.checksum(bytes), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
