import JRBase
import JRJournal
import JRSystem

/// What can fail in a store's directory, for tests that make it fail.
enum StoreOperation: Sendable, Hashable, CaseIterable {
    case create
    case open
    case read
    case allocate
    case truncate
    case write
    case sync
    case syncDirectory
    case rename
    case remove
    case makeDirectory
}

/// Asked before each operation that changes the directory, with the file's name; an `errno` makes it fail. A write that
/// is to fail has half of its bytes written first, as disks do.
typealias StoreFault = @Sendable (StoreOperation, String) -> Int32?

/// What was done to a store's directory, for tests that work out what a disk would hold after a power cut. Names are
/// relative to the directory, which is itself the empty name.
enum StoreChange: Sendable {
    /// The file is there; it was made if it was not.
    case opened(String)
    /// The file is there and empty.
    case created(String)
    /// It is so long now: cut, or longer by zeros.
    case resized(String, Int)
    case wrote(String, at: Int, [UInt8])
    case synced(String)
    case syncedDirectory(String)
    case renamed(String, to: String)
    case removed(String)
    case madeDirectory(String)
}

/// Told of each change after it was made.
typealias StoreObserver = @Sendable (StoreChange) -> Void

/// The files of one store.
struct StoreDirectory: Sendable {
    let path: String
    var fault: StoreFault?
    var observer: StoreObserver?
    /// Which directory it was when it was opened: what is at the path later may be another one.
    private var identity: (device: UInt64, inode: UInt64)?
    /// The directory, open as long as the store is: that new names are made durable must not depend on whether another
    /// file can be opened.
    private var handle: Handle?

    private final class Handle: Sendable {
        let descriptor: Descriptor

        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    init(_ path: String, fault: StoreFault? = nil, observer: StoreObserver? = nil) {
        self.path = path
        self.fault = fault
        self.observer = observer
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
            if !Files.exists(path) { try makeDurably() }
            return try Files.status(path)
        }
        guard status.kind == .directory else { throw .notADirectory(path) }
        guard status.userID == SystemProgram.userID else { throw .foreignOwner(path, owner: status.userID) }
        guard status.mode & 0o077 == 0 else { throw .tooOpen(path, mode: status.mode) }
        identity = (status.device, status.inode)
        handle = try attempt { () throws(SystemError) in
            try check(.open, "")
            return Handle(try Files.open(path, [.read, .directory]))
        }
    }

    /// With those above it that are missing: the name of each has to be durable.
    private func makeDurably() throws(SystemError) {
        var parents = [Files.parent(of: path)]
        while let last = parents.last, !Files.exists(last), Files.parent(of: last) != last {
            parents.append(Files.parent(of: last))
        }
        try Files.makeDirectories(path, mode: 0o700)
        for parent in parents.reversed() {
            try check(.syncDirectory, parent)
            try Files.syncDirectory(parent)
        }
    }

    /// Throws if the directory was moved or replaced since it was opened.
    func checkIdentity() throws(SystemError) {
        let status = try Files.status(path)
        guard let identity, identity == (status.device, status.inode) else {
            throw SystemError(call: "stat", code: 116, subject: path)  // ESTALE
        }
    }

    func names() throws(SystemError) -> [String] { try Files.list(path) }

    /// Makes all names in it durable.
    func sync() throws(SystemError) {
        try check(.syncDirectory, "")
        if let handle {
            try Files.sync(handle.descriptor.raw, subject: path)
        } else {
            try Files.syncDirectory(path)
        }
        observer?(.syncedDirectory(""))
    }

    // MARK: Directories in it

    /// Makes a directory in this one durably, if it is not there.
    func makeDirectory(_ name: String) throws(SystemError) {
        guard !Files.exists(path(of: name)) else { return }
        try check(.makeDirectory, name)
        try Files.makeDirectory(path(of: name), mode: 0o700)
        observer?(.madeDirectory(name))
        try sync()
    }

    func syncDirectory(_ name: String) throws(SystemError) {
        try check(.syncDirectory, name)
        try Files.syncDirectory(path(of: name))
        observer?(.syncedDirectory(name))
    }

    // MARK: Files

    /// The first `limit` bytes of a file, or all of it; nil if there is none.
    func read(_ name: String, limit: Int = .max) throws(SystemError) -> [UInt8]? {
        do {
            try check(.read, name)
            let file = try Files.open(path(of: name), [.read, .noFollow])
            let size = try Files.status(of: file.raw).size
            return try Files.read(file.raw, at: 0, count: min(Int(size), limit))
        } catch {
            if error.name == "ENOENT" { return nil }
            throw error
        }
    }

    /// A file up to where, by what the file system says, only zeros follow, and how long all of it is: the empty rest
    /// of a segment is megabytes. No bytes if there is none.
    func readData(_ name: String) throws(SystemError) -> (bytes: [UInt8], length: Int) {
        do {
            try check(.read, name)
            let file = try Files.open(path(of: name), [.read, .noFollow])
            let size = Int(try Files.status(of: file.raw).size)
            let count = Files.endOfData(file.raw, size: size)
            return (try Files.read(file.raw, at: 0, count: count), size)
        } catch {
            if error.name == "ENOENT" { return ([], 0) }
            throw error
        }
    }

    /// An empty file; one that was there is gone.
    func create(_ name: String) throws(SystemError) -> StoreFile {
        try check(.create, name)
        let file = StoreFile(
            try Files.open(path(of: name), [.readWrite, .create, .truncate, .noFollow], mode: 0o600), name, in: self)
        observer?(.created(name))
        return file
    }

    func open(_ name: String) throws(SystemError) -> StoreFile {
        try check(.open, name)
        let file = StoreFile(
            try Files.open(path(of: name), [.readWrite, .create, .noFollow], mode: 0o600), name, in: self)
        observer?(.opened(name))
        return file
    }

    func openToRead(_ name: String) throws(SystemError) -> StoreFile {
        try check(.open, name)
        return StoreFile(try Files.open(path(of: name), [.read, .noFollow]), name, in: self)
    }

    func rename(_ file: StoreFile, to name: String) throws(SystemError) {
        try check(.rename, name)
        try Files.rename(path(of: file.name), to: path(of: name))
        observer?(.renamed(file.name, to: name))
        file.name = name
    }

    /// A file that is not there need not be removed, and one that cannot be is only in the way: it is tried again at
    /// the next start.
    func remove(_ name: String) {
        do {
            try check(.remove, name)
            try Files.remove(path(of: name))
            observer?(.removed(name))
        } catch {}
    }

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
        try directory.check(.read, name)
        return try Files.read(descriptor.raw, at: Int64(offset), count: count)
    }

    func length() throws(SystemError) -> Int64 { try Files.status(of: descriptor.raw).size }

    func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        do {
            try directory.check(.write, name)
        } catch {
            try overwrite(bytes.prefix(bytes.count / 2), at: offset)
            throw error
        }
        try overwrite(bytes[...], at: offset)
    }

    private func overwrite(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(SystemError) {
        try Files.writeAll(descriptor.raw, bytes, at: Int64(offset))
        directory.observer?(.wrote(name, at: offset, Array(bytes)))
    }

    /// Makes zeros again of what a failed write has left in this range.
    func eraseWritten(at offset: Int, count: Int) throws(SystemError) {
        let found = try Files.read(descriptor.raw, at: Int64(offset), count: count)
        guard let last = found.lastIndex(where: { $0 != 0 }) else { return }
        try overwrite([UInt8](repeating: 0, count: last + 1)[...], at: offset)
    }

    func sync() throws(SystemError) {
        try directory.check(.sync, name)
        try Files.sync(descriptor.raw, subject: directory.path(of: name))
        directory.observer?(.synced(name))
    }

    func syncData() throws(SystemError) {
        try directory.check(.sync, name)
        try Files.syncData(descriptor.raw, subject: directory.path(of: name))
        directory.observer?(.synced(name))
    }

    func truncate(to length: Int) throws(SystemError) {
        try directory.check(.truncate, name)
        try Files.truncate(descriptor.raw, to: Int64(length))
        directory.observer?(.resized(name, length))
    }

    /// Makes an empty file this long, or of a file that is so long those blocks that it has not; false where the file
    /// system can make none that are not written.
    @discardableResult
    func allocate(_ length: Int) throws(SystemError) -> Bool {
        try directory.check(.allocate, name)
        do {
            try Files.allocate(
                descriptor.raw, from: 0, count: Int64(length), subject: directory.path(of: name))
            directory.observer?(.resized(name, length))
            return true
        } catch {
            guard error.name == "EOPNOTSUPP" else { throw error }
            // The length is what recovery goes by; only want of room comes later, with a write.
            try truncate(to: length)
            return false
        }
    }

    func map(bytes: Int) throws(SystemError) -> SharedMapping { try SharedMapping(descriptor, bytes: bytes) }

    /// False if another process has the lock.
    func tryLock() throws(SystemError) -> Bool { try Files.tryLock(descriptor.raw) }

    func unlock() { Files.unlock(descriptor.raw) }
}
