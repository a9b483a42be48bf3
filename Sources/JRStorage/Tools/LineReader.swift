import JRSystem

/// The lines of a file, one after the other, however long the file is.
struct LineReader {
    /// A longer line is refused: no job needs one.
    static let longest = 1 << 30

    private let file: StoreFile
    private let path: String
    private var buffer: [UInt8] = []
    private var position = 0
    private var offset: Int64 = 0
    private var isAtEnd = false
    /// Of the line that was given last, from 1.
    private(set) var number = 0
    let fileBytes: Int
    /// How much of the file was read.
    var readBytes: Int { Int(offset) }

    init(_ path: String) throws(StorageToolError) {
        self.path = path
        do {
            file = StoreFile(try Files.open(path, .read), path, in: StoreDirectory(Files.parent(of: path)))
            fileBytes = Int(try file.length())
        } catch {
            throw Self.unreadable(path, error)
        }
    }

    private static func unreadable(_ path: String, _ error: SystemError) -> StorageToolError {
        StorageToolError(
            what: "'\(path)' cannot be read", why: "\(error)",
            mend: "Name a file that 'jr journal export --to' has written.", exitCode: 66)
    }

    /// The next line without its break; nil after the last one.
    mutating func next() throws(StorageToolError) -> ArraySlice<UInt8>? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                number += 1
                return buffer[position..<end]
            }
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                number += 1
                return buffer[position...]
            }
            searched = try fill()
        }
    }

    /// Gives where the new bytes begin.
    private mutating func fill() throws(StorageToolError) -> Int {
        buffer.removeFirst(position)
        position = 0
        guard buffer.count < Self.longest else {
            throw StorageToolError(
                what: "'\(path)', line \(number + 1)", why: "it is longer than \(Self.longest) bytes",
                mend: "Name a file that 'jr journal export --to' has written.", exitCode: 65)
        }
        let more: [UInt8]
        do {
            more = try file.read(at: Int(offset), count: 1 << 20)
        } catch {
            throw Self.unreadable(path, error)
        }
        isAtEnd = more.isEmpty
        offset += Int64(more.count)
        let start = buffer.count
        buffer += more
        return start
    }
}
