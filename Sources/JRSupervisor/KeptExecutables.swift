import JRSystem

/// The executables of what runs, kept so that they can be started again when their files have changed since.
///
/// However many were started from one file, it is kept once: as a second name, or as a copy where it is small or on
/// another file system.
final class KeptExecutables {
    /// One file, kept for as long as anybody may have to start it again.
    final class File {
        let path: String

        fileprivate init(_ path: String) {
            self.path = path
        }

        deinit {
            try? Files.remove(path)
        }
    }

    /// What a path stood for when it was looked at.
    private struct Source: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modified: Int64
    }

    private struct Known {
        weak var file: File?
    }

    let directory: String
    private var known: [Source: Known] = [:]
    private(set) var last: Int

    /// - Parameters:
    ///   - directory: Made when the first file is kept.
    ///   - last: How many a predecessor of this program has kept there.
    init(in directory: String, last: Int = 0) {
        self.directory = directory
        self.last = last
    }

    /// Files that were kept already, one for each of these paths.
    static func files(at paths: Set<String>) -> [String: File] {
        Dictionary(uniqueKeysWithValues: paths.map { ($0, File($0)) })
    }

    /// Keeps the file that is at `path` now.
    func keep(_ path: String) throws(SystemError) -> File {
        let status = try Files.status(path)
        let source = Source(
            device: status.device, inode: status.inode, size: status.size, modified: status.modifiedMilliseconds)
        if let file = known[source]?.file { return file }
        known = known.filter { $0.value.file != nil }
        try Files.makeDirectories(directory)
        last += 1
        let file = File("\(directory)/executable-\(last)")
        try Files.keep(path, as: file.path, mode: 0o700)
        known[source] = Known(file: file)
        return file
    }
}
