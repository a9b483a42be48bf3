import JRSystem

/// Where a tool's lines go: standard output, or a new file that is there as a whole or not at all.
public final class LineSink {
    private static let bufferBytes = 64 * 1024

    private let path: String?
    private let temporary: String
    private let raw: Int32
    /// Keeps the file open.
    private let file: Descriptor?
    private var buffer: [UInt8] = []

    /// - Parameter path: nil for standard output.
    /// - Throws: with code 64 if there is such a file already, and 74 if it cannot be made.
    public init(path: String?) throws(StorageToolError) {
        self.path = path
        temporary = (path ?? "") + ".tmp"
        guard let path else {
            file = nil
            raw = Standard.output
            return
        }
        guard !Files.exists(path) else {
            throw StorageToolError(
                what: "'\(path)' cannot be written", why: "it is there already", mend: "Name a new file.", exitCode: 64)
        }
        do {
            let made = try Files.open(temporary, [.write, .create, .truncate, .noFollow], mode: 0o600)
            raw = made.raw
            file = consume made
        } catch {
            throw Self.failed(path, error)
        }
    }

    private static func failed(_ path: String, _ error: SystemError) -> StorageToolError {
        StorageToolError(
            what: "'\(path)' cannot be written", why: "\(error)", mend: "Name a place where there is room.",
            exitCode: 74)
    }

    public func write(_ line: String) throws(StorageToolError) {
        buffer.append(contentsOf: line.utf8)
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    private func flush() throws(StorageToolError) {
        do {
            try Files.writeAll(raw, buffer, subject: path == nil ? "standard output" : temporary)
        } catch {
            throw Self.failed(path ?? "standard output", error)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left; a file gets its name once all of it is on the disk.
    public func finish() throws(StorageToolError) {
        try flush()
        guard let path else { return }
        do {
            try Files.sync(raw, subject: temporary)
            try Files.rename(temporary, to: path)
            try Files.syncDirectory(Files.parent(of: path))
        } catch {
            throw Self.failed(path, error)
        }
    }

    /// Leaves no file behind.
    public func abandon() {
        if path != nil { try? Files.remove(temporary) }
    }
}
