import JRBase
public import JRJSON
import JRSupervision
import JRSystem

/// A line of a log file with what its beginning says.
public struct LogLine: Sendable, Equatable {
    public var instance: String
    /// As it is in the file, in UTC; empty for a line without one.
    public var time: String
    /// `|`, `!` or `*` as in a file of the format `text`.
    public var mark: Character
    public var text: String
    private var object: JSON?

    /// Reads a line of either format. Nothing is refused: what is not understood is text.
    public init(_ bytes: ArraySlice<UInt8>, instance: String) {
        self.instance = instance
        if bytes.first == UInt8(ascii: "{"), let object = try? JSON(parsing: Array(bytes)), object["time"] != nil {
            time = object["time"]?.string ?? ""
            mark = object["event"] != nil ? "*" : object["stream"]?.string == "err" ? "!" : "|"
            text = (object["event"] ?? object["text"])?.string ?? String(decoding: bytes, as: UTF8.self)
            self.object = object
            return
        }
        let space = UInt8(ascii: " ")
        let end = bytes.firstIndex(of: space) ?? bytes.endIndex
        let rest = bytes[end...].dropFirst()
        let isOurs =
            end > bytes.startIndex && bytes[end - 1] == UInt8(ascii: "Z")
            && (rest.count == 1 || rest.dropFirst().first == space)
        let own = isOurs ? rest.first.flatMap { Self.marks[$0] } : nil
        time = own == nil ? "" : String(decoding: bytes[..<end], as: UTF8.self)
        mark = own ?? "|"
        text = String(decoding: own == nil ? bytes : rest.dropFirst(2), as: UTF8.self)
    }

    /// Whether its text is printable ASCII, which does nothing to a terminal.
    var isPlain: Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }

    private static let marks: [UInt8: Character] = [
        UInt8(ascii: "|"): "|", UInt8(ascii: "!"): "!", UInt8(ascii: "*"): "*",
    ]

    /// The line as an object, for programs.
    public var json: JSON {
        if let object { return object }
        let kind = mark == "*" ? "event" : "text"
        var made: JSONObject = ["time": .string(time), "instance": .string(instance)]
        if mark != "*" { made["stream"] = mark == "!" ? "err" : "out" }
        made[kind] = .string(text)
        return .object(made)
    }
}

/// Reads log files from their ends on, across their being put aside. A reader of its own: the supervisor has no part
/// in it.
public final class LogFollower {
    private static let blockBytes = 64 * 1024
    private static let bytesPerRound = 1 << 20

    private let instance: String
    private let path: String
    private var file: Descriptor?
    private var inode: UInt64 = 0
    private var offset: Int64 = 0
    private var rest: [UInt8] = []

    public init(instance: String, path: String) {
        self.instance = instance
        self.path = path
    }

    /// The last `count` lines, older files included where the present one has fewer; from here on ``next()`` goes on.
    public func last(_ count: Int) -> [LogLine] {
        var lines: [[UInt8]] = []
        open()
        if let raw = file?.raw {
            let size = (try? Files.status(of: raw))?.size ?? 0
            lines = LogFollower.tail(raw, size: size, count)
            offset = size
        }
        var number = 1
        while lines.count < count, let older = try? Files.open("\(path).\(number)", [.read, .noFollow]) {
            let size = (try? Files.status(of: older.raw))?.size ?? 0
            lines = LogFollower.tail(older.raw, size: size, count - lines.count) + lines
            number += 1
        }
        return lines.map { LogLine($0[...], instance: instance) }
    }

    /// What came since: empty when nothing did.
    public func next() -> [LogLine] {
        open()
        var lines = read()
        // Put aside: what the old file still holds comes first, then the new one from its beginning.
        if let status = try? Files.status(path), status.inode != inode {
            file = nil
            open()
            lines += read()
        }
        return lines
    }

    private func open() {
        guard file == nil, let opened = try? Files.open(path, [.read, .noFollow]) else { return }
        inode = (try? Files.status(of: opened.raw))?.inode ?? 0
        offset = 0
        file = consume opened
    }

    private func read() -> [LogLine] {
        guard let raw = file?.raw else { return [] }
        var lines: [LogLine] = []
        var total = 0
        while total < LogFollower.bytesPerRound,
            let bytes = try? Files.read(raw, at: offset, count: LogFollower.blockBytes), !bytes.isEmpty
        {
            offset += Int64(bytes.count)
            total += bytes.count
            rest += bytes
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(LogLine(rest[start..<end], instance: instance))
                start = end + 1
            }
            rest.removeFirst(start)
        }
        return lines
    }

    private static func tail(_ raw: Int32, size: Int64, _ count: Int) -> [[UInt8]] {
        guard count > 0 else { return [] }
        var blocks: [[UInt8]] = []
        var start = size
        var newlines = 0
        // One more newline than lines: the one before the first of them.
        while start > 0, newlines <= count {
            let block = min(start, Int64(blockBytes))
            guard let more = try? Files.read(raw, at: start - block, count: Int(block)), !more.isEmpty else { break }
            start -= block
            newlines += more.count { $0 == UInt8(ascii: "\n") }
            blocks.append(more)
        }
        var bytes = Array(blocks.reversed().joined())
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.isEmpty { return [] }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).suffix(count).map {
            Array($0)
        }
    }
}
