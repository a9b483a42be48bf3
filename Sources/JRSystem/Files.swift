import CJRLinux
import Glibc
import Synchronization

/// How a file is opened. Close-on-exec is always set.
public struct OpenFlags: OptionSet, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    public static let read = OpenFlags(rawValue: O_RDONLY)
    public static let write = OpenFlags(rawValue: O_WRONLY)
    public static let readWrite = OpenFlags(rawValue: O_RDWR)
    public static let create = OpenFlags(rawValue: O_CREAT)
    /// With ``create``: fails with `EEXIST` when the file is there.
    public static let exclusive = OpenFlags(rawValue: O_EXCL)
    public static let truncate = OpenFlags(rawValue: O_TRUNC)
    public static let append = OpenFlags(rawValue: O_APPEND)
    public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    public static let directory = OpenFlags(rawValue: O_DIRECTORY)
    /// Fails with `ELOOP` when the last part of the path is a symbolic link.
    public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    public static let synchronous = OpenFlags(rawValue: O_DSYNC)
}

/// What the file system says of a file.
public struct FileStatus: Sendable, Equatable {
    public enum Kind: Sendable, Equatable { case file, directory, link, socket, pipe, other }

    public let kind: Kind
    /// The permission bits, such as `0o600`.
    public let mode: UInt32
    public let userID: UInt32
    public let groupID: UInt32
    public let size: Int64
    public let device: UInt64
    public let inode: UInt64
    public let modifiedMilliseconds: Int64

    /// Whether anybody may execute it; whether this program may is ``Files/canExecute(_:)``.
    public var isExecutable: Bool { kind == .file && mode & 0o111 != 0 }

    init(_ status: jr_file_status) {
        switch Int(status.kind) {
        case JR_KIND_FILE: kind = .file
        case JR_KIND_DIRECTORY: kind = .directory
        case JR_KIND_LINK: kind = .link
        case JR_KIND_SOCKET: kind = .socket
        case JR_KIND_PIPE: kind = .pipe
        default: kind = .other
        }
        mode = status.mode
        userID = status.uid
        groupID = status.gid
        size = status.size
        device = status.device
        inode = status.inode
        modifiedMilliseconds = status.modified_milliseconds
    }
}

/// Files and directories: one function a system call, and the few combinations everybody needs.
///
/// All of it blocks for as long as the disk takes.
public enum Files {
    // MARK: Opening, reading and writing

    /// - Parameter mode: of a file that is created, less the umask.
    public static func open(
        _ path: String, _ flags: OpenFlags, mode: UInt32 = 0o600
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(untilNotInterrupted { jr_open(path, flags.rawValue, mode) }, "open", path))
    }

    /// The whole file.
    ///
    /// - Throws: `EFBIG` when there are more than `limit` bytes, and then nothing of it was kept.
    public static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try open(path, .read)
        return try readAll(file.raw, limit: limit, subject: path)
    }

    /// All that comes until the end, from the present position.
    public static func readAll(_ raw: Int32, limit: Int, subject: String? = nil) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let result = chunk.withUnsafeMutableBytes { IO.read(raw, into: $0) }
            switch result {
            case .moved(0):
                return bytes
            case .moved(let count):
                guard bytes.count + count <= limit else {
                    throw SystemError(call: "read", code: EFBIG, subject: subject)
                }
                bytes.append(contentsOf: chunk[..<count])
            case .wouldBlock:
                _ = try IO.waitReadable(raw)
            case .failed(let code):
                throw SystemError(call: "read", code: code, subject: subject)
            }
        }
    }

    /// Reads up to `count` bytes from `offset`; fewer only at the end of the file.
    public static func read(_ raw: Int32, at offset: Int64, count: Int) throws(SystemError) -> [UInt8] {
        var failed: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            guard let base = buffer.baseAddress else { return }
            while filled < count {
                let result = untilNotInterrupted {
                    jr_pread(raw, base + filled, count - filled, offset + Int64(filled))
                }
                if result < 0 { failed = failure(Int32(result), "pread", nil) }
                if result <= 0 { return }
                filled += result
            }
        }
        if let failed { throw failed }
        return bytes
    }

    /// Where the last of a file's data ends, as far as its file system says: all that follows up to its end reads as
    /// zeros. Its size where the file system does not say, or the file has very many holes.
    public static func endOfData(_ raw: Int32, size: Int) -> Int {
        // SEEK_DATA and SEEK_HOLE, which Glibc's module leaves out.
        let (nextData, nextHole): (Int32, Int32) = (3, 4)
        var end = 0
        for _ in 0..<64 {
            guard end < size else { return size }
            let data = lseek(raw, off_t(end), nextData)
            guard data >= 0 else { return errno == ENXIO ? end : size }
            let hole = lseek(raw, data, nextHole)
            guard hole > data else { return size }
            end = Int(hole)
        }
        return size
    }

    /// Writes every byte, waiting where the descriptor has no room.
    public static func writeAll(
        _ raw: Int32, _ bytes: UnsafeRawBufferPointer, subject: String? = nil
    ) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            switch IO.write(raw, rest) {
            case .moved(let count):
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock:
                _ = try IO.waitWritable(raw)
            case .failed(let code):
                throw SystemError(call: "write", code: code, subject: subject)
            }
        }
    }

    public static func writeAll(_ raw: Int32, _ bytes: [UInt8], subject: String? = nil) throws(SystemError) {
        let result: Result<Void, SystemError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(SystemError) in try writeAll(raw, buffer, subject: subject) }
        }
        try result.get()
    }

    /// Writes every byte from `offset` on, without touching the position.
    public static func writeAll(_ raw: Int32, _ bytes: ArraySlice<UInt8>, at offset: Int64) throws(SystemError) {
        var failed: SystemError?
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var done = 0
            while done < buffer.count {
                let result = untilNotInterrupted {
                    jr_pwrite(raw, base + done, buffer.count - done, offset + Int64(done))
                }
                if result < 0 {
                    failed = failure(Int32(result), "pwrite", nil)
                    return
                }
                done += result
            }
        }
        if let failed { throw failed }
    }

    /// Makes or overwrites a file with these bytes. Not safe against a crash; ``replace(_:with:mode:)`` is.
    public static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        let file = try open(path, [.write, .create, .truncate], mode: mode)
        try writeAll(file.raw, bytes, subject: path)
    }

    /// Replaces a file as a whole: after a crash there is either the old one or the new one.
    ///
    /// The bytes are written to `PATH.tmp`, synced, renamed over `path`, and the directory is synced.
    public static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        let temporary = path + ".tmp"
        do {
            let file = try open(temporary, [.write, .create, .truncate, .noFollow], mode: mode)
            try writeAll(file.raw, bytes, subject: temporary)
            try sync(file.raw, subject: temporary)
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
        try syncDirectory(parent(of: path))
    }

    // MARK: Durability and space

    private static let syncCount = Atomic<Int>(0)

    /// Calls of `fsync` and `fdatasync` in this process so far.
    public static var syncs: Int { syncCount.load(ordering: .relaxed) }

    /// Waits until the file, its length and its attributes are on the disk.
    public static func sync(_ raw: Int32, subject: String? = nil) throws(SystemError) {
        syncCount.wrappingAdd(1, ordering: .relaxed)
        _ = try check(untilNotInterrupted { jr_fsync(raw) }, "fsync", subject)
    }

    /// Waits until the file's bytes, and its length if that changed, are on the disk.
    public static func syncData(_ raw: Int32, subject: String? = nil) throws(SystemError) {
        syncCount.wrappingAdd(1, ordering: .relaxed)
        _ = try check(untilNotInterrupted { jr_fdatasync(raw) }, "fdatasync", subject)
    }

    /// Waits until the names in a directory are on the disk: needed after making, renaming or removing a file in it.
    public static func syncDirectory(_ path: String) throws(SystemError) {
        let directory = try open(path, [.read, .directory])
        try sync(directory.raw, subject: path)
    }

    public static func truncate(_ raw: Int32, to length: Int64) throws(SystemError) {
        _ = try check(untilNotInterrupted { jr_ftruncate(raw, length) }, "ftruncate")
    }

    /// Takes disk space for a range, so that writing there cannot fail with `ENOSPC`.
    ///
    /// - Parameter keepingSize: the file's length stays as it is, even where the range ends after it.
    public static func allocate(
        _ raw: Int32, from offset: Int64, count: Int64, keepingSize: Bool = false, subject: String? = nil
    ) throws(SystemError) {
        _ = try check(
            untilNotInterrupted { jr_fallocate(raw, keepingSize ? 1 : 0, offset, count) }, "fallocate", subject)
    }

    /// Locks a file for this open of it alone; false when somebody else has it. The lock goes with the descriptor.
    public static func tryLock(_ raw: Int32) throws(SystemError) -> Bool {
        let result = untilNotInterrupted { jr_flock_exclusive(raw) }
        if result == -EAGAIN { return false }
        _ = try check(result, "flock")
        return true
    }

    /// Gives a lock back. Closing the descriptor does so only when no child that is about to be executed holds a copy.
    public static func unlock(_ raw: Int32) { _ = untilNotInterrupted { jr_flock_release(raw) } }
}
