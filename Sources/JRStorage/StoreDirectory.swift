import JRBase
import JRJournal
import JRSystem

/// What can fail in a store's directory, for tests that make it fail.
enum StoreOperation: Sendable, Hashable {
    case create
    case allocate
    case write
    case sync
    case syncDirectory
    case rename
}

/// Asked before each operation that changes the directory, with the file's name; an `errno` makes it fail. A write that
/// is to fail has half of its bytes written first, as disks do.
typealias StoreFault = @Sendable (StoreOperation, String) -> Int32?

/// The files of one store.
struct StoreDirectory: Sendable {
    let path: String
    var fault: StoreFault?
    /// Which directory it was when it was opened: what is at the path later may be another one.
    private var identity: (device: UInt64, inode: UInt64)?

    init(_ path: String, fault: StoreFault? = nil) {
        self.path = path
        self.fault = fault
    }

    func path(of name: String) -> String { path + "/" + name }

    func check(_ operation: StoreOperation, _ name: String) throws(SystemError) {
        if let code = fault?(operation, name) {
            throw SystemError(call: "\(operation)", code: code, subject: path(of: name))
        }
    }

    /// Does what may fail in the system, and says what it was in the storage's words.
    func attempt<Result>(_ body: () throws(SystemError) -> Result) throws(StorageError) -> Result {
        do { return try body() } catch { throw .system(error, directory: path) }
    }

    // MARK: The directory itself

    /// Makes it if it is missing, and refuses one that others may look into.
    mutating func prepare() throws(StorageError) {
        let path = path
        let status = try attempt { () throws(SystemError) in
            if !Files.exists(path) {
                try Files.makeDirectories(path, mode: 0o700)
                try Files.syncDirectory(Files.parent(of: path))
            }
            return try Files.status(path)
        }
        guard status.kind == .directory else { throw .notADirectory(path) }
        guard status.userID == SystemProgram.userID else { throw .foreignOwner(path, owner: status.userID) }
        guard status.mode & 0o077 == 0 else { throw .tooOpen(path, mode: status.mode) }
        identity = (status.device, status.inode)
    }

    /// Throws if the directory was moved or replaced since it was opened.
    func checkIdentity() throws(SystemError) {
        let status = try Files.status(path)
        guard let identity, identity == (status.device, status.inode) else {
            throw SystemError(call: "stat", code: 116, subject: path)  // ESTALE
        }
    }

    func names() throws(SystemError) -> [String] { try Files.list(path) }

    func sync() throws(SystemError) {
        try check(.syncDirectory, "")
        try Files.syncDirectory(path)
    }

    // MARK: Files

    /// The first `limit` bytes of a file, or all of it; nil if there is none.
    func read(_ name: String, limit: Int = .max) throws(SystemError) -> [UInt8]? {
        do {
            let file = try Files.open(path(of: name), [.read, .noFollow])
            let size = try Files.status(of: file.raw).size
            return try Files.read(file.raw, at: 0, count: min(Int(size), limit))
        } catch {
            if error.name == "ENOENT" { return nil }
            throw error
        }
    }

    /// An empty file; one that was there is gone.
    func create(_ name: String) throws(SystemError) -> StoreFile {
        try check(.create, name)
        return StoreFile(
            try Files.open(path(of: name), [.readWrite, .create, .truncate, .noFollow], mode: 0o600), name, in: self)
    }

    func open(_ name: String) throws(SystemError) -> StoreFile {
        StoreFile(try Files.open(path(of: name), [.readWrite, .create, .noFollow], mode: 0o600), name, in: self)
    }

    func openToRead(_ name: String) throws(SystemError) -> StoreFile {
        StoreFile(try Files.open(path(of: name), [.read, .noFollow]), name, in: self)
    }

    func rename(_ file: StoreFile, to name: String) throws(SystemError) {
        try check(.rename, name)
        try Files.rename(path(of: file.name), to: path(of: name))
        file.name = name
    }

    /// A file that is not there need not be removed, and one that cannot be is only in the way: it is tried again at
    /// the next start.
    func remove(_ name: String) { try? Files.remove(path(of: name)) }

    /// Segments that are needed no more: the open one's header says so, so that it does not matter which of them a
    /// crash leaves.
    func removeSegments(_ segments: [UInt64]) {
        for segment in segments { remove(JournalFormat.segmentName(segment)) }
    }

    /// A new segment under its temporary name, as long as its header says, durable. Leaves nothing behind if it fails.
    func makeSegment(_ header: SegmentHeader, bytes: [UInt8]) throws(SystemError) -> StoreFile {
        do {
            remove(JournalFormat.temporarySegmentName)
            let file = try create(JournalFormat.temporarySegmentName)
            try file.allocate(Int(header.preallocatedBytes))
            try file.write(bytes, at: 0)
            try file.sync()
            return file
        } catch {
            remove(JournalFormat.temporarySegmentName)
            throw error
        }
    }

    /// Makes a small file durable as a whole: it is there with these bytes, or not at all.
    func place(_ name: String, _ bytes: [UInt8]) throws(SystemError) {
        let file = try create(name + ".tmp")
        try file.write(bytes, at: 0)
        try file.sync()
        try rename(file, to: name)
        try sync()
    }
}

/// One open file of a store.
final class StoreFile {
    fileprivate(set) var name: String
    private let descriptor: Descriptor
    private let directory: StoreDirectory

    init(_ descriptor: consuming Descriptor, _ name: String, in directory: StoreDirectory) {
        self.descriptor = descriptor
        self.name = name
        self.directory = directory
    }

    /// Fewer bytes only at the end of the file.
    func read(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        try Files.read(descriptor.raw, at: Int64(offset), count: count)
    }

    func length() throws(SystemError) -> Int64 { try Files.status(of: descriptor.raw).size }

    func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        do {
            try directory.check(.write, name)
        } catch {
            try Files.writeAll(descriptor.raw, bytes.prefix(bytes.count / 2), at: Int64(offset))
            throw error
        }
        try Files.writeAll(descriptor.raw, bytes[...], at: Int64(offset))
    }

    /// Makes zeros again of what a failed write has left in this range.
    func eraseWritten(at offset: Int, count: Int) throws(SystemError) {
        let found = try Files.read(descriptor.raw, at: Int64(offset), count: count)
        guard let last = found.lastIndex(where: { $0 != 0 }) else { return }
        try Files.writeAll(descriptor.raw, [UInt8](repeating: 0, count: last + 1)[...], at: Int64(offset))
    }

    func sync() throws(SystemError) {
        try directory.check(.sync, name)
        try Files.sync(descriptor.raw, subject: directory.path(of: name))
    }

    func syncData() throws(SystemError) {
        try directory.check(.sync, name)
        try Files.syncData(descriptor.raw, subject: directory.path(of: name))
    }

    func truncate(to length: Int) throws(SystemError) { try Files.truncate(descriptor.raw, to: Int64(length)) }

    /// Makes an empty file this long, with its blocks where the file system can do that.
    func allocate(_ length: Int) throws(SystemError) {
        try directory.check(.allocate, name)
        do {
            try Files.allocate(descriptor.raw, from: 0, count: Int64(length))
        } catch {
            guard error.name == "EOPNOTSUPP" else { throw error }
            // The length is what recovery goes by; only want of room comes later, with a write.
            try truncate(to: length)
        }
    }

    func map(bytes: Int) throws(SystemError) -> SharedMapping { try SharedMapping(descriptor, bytes: bytes) }

    /// False if another process has the lock.
    func tryLock() throws(SystemError) -> Bool { try Files.tryLock(descriptor.raw) }

    func unlock() { Files.unlock(descriptor.raw) }
}
