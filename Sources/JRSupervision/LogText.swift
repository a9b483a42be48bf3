import JRJSON

public enum LogStream: String, Sendable, CaseIterable {
    case out, err
}

/// Where a piece of output comes from and when it was read.
public struct LogOrigin: Sendable {
    public var instance: String
    public var incarnation: Int
    public var stream: LogStream
    /// Counts the pieces of this stream from 1, so that a reader can prove that none is missing.
    public var sequence: Int

    public init(instance: String, incarnation: Int, stream: LogStream, sequence: Int) {
        self.instance = instance
        self.incarnation = incarnation
        self.stream = stream
        self.sequence = sequence
    }
}

/// How lines look in log files and on the console. Everything is appended to bytes that the caller writes.
public enum LogText {
    // MARK: Files

    /// In a file of the format `text`, what follows the time tells who wrote the line: a child's can only be the first
    /// two, so that no child can put words into the supervisor's mouth.
    public static let outMark = UInt8(ascii: "|")
    public static let errMark = UInt8(ascii: "!")
    public static let supervisorMark = UInt8(ascii: "*")

    /// Appended to a piece whose line goes on in the next one or was never ended.
    private static let unfinishedMark = Array(" …".utf8)

    /// `2026-11-23T08:15:04.123Z | text`. The text is kept as it came, byte for byte.
    public static func appendTextLine(
        _ piece: Span<UInt8>, _ ending: LineEnding, _ stream: LogStream, time: [UInt8], to bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: time)
        bytes.append(UInt8(ascii: " "))
        bytes.append(stream == .out ? outMark : errMark)
        bytes.append(UInt8(ascii: " "))
        append(piece, to: &bytes)
        if ending != .newline { bytes.append(contentsOf: unfinishedMark) }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// One JSON object a line: time, instance, incarnation, stream, sequence, text, and `unfinished` where it is.
    public static func appendJSONLine(
        _ piece: Span<UInt8>, _ ending: LineEnding, _ origin: LogOrigin, time: [UInt8], to bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: #"{"time":""#.utf8)
        bytes.append(contentsOf: time)
        bytes.append(contentsOf: #"","instance":"#.utf8)
        JSON.write(origin.instance, into: &bytes)
        bytes.append(contentsOf: #","incarnation":\#(origin.incarnation),"stream":"\#(origin.stream.rawValue)""#.utf8)
        bytes.append(contentsOf: #","sequence":\#(origin.sequence),"text":"#.utf8)
        JSON.write(string(piece), into: &bytes)
        if ending != .newline { bytes.append(contentsOf: #","unfinished":true"#.utf8) }
        bytes.append(contentsOf: "}\n".utf8)
    }

    // MARK: Console

    /// The prefix of one instance's lines: its name in a column of its own, in a colour of its own.
    ///
    /// - Parameters:
    ///   - width: Of the longest name.
    ///   - color: Which of the colours; nil for none.
    ///   - mark: `|` and `!` for children; the supervisor's own lines have `*`.
    public static func prefix(name: String, width: Int, color: Int?, mark: UInt8) -> [UInt8] {
        let padding = String(repeating: " ", count: max(0, width - name.count))
        let mark = String(Unicode.Scalar(mark))
        guard let color else { return Array("\(name)\(padding) \(mark) ".utf8) }
        let code = colors[color % colors.count]
        return Array("\u{1B}[\(code)m\(name)\(padding) \(mark)\u{1B}[0m ".utf8)
    }

    private static let colors = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

    /// `PREFIX text` with everything in the text that acts on a terminal made visible.
    public static func appendConsoleLine(
        _ piece: Span<UInt8>, _ ending: LineEnding, prefix: [UInt8], to bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: prefix)
        appendVisible(piece, to: &bytes)
        if ending != .newline { bytes.append(contentsOf: unfinishedMark) }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Appends text with control characters, those of the upper half too, and marks that turn the direction of writing
    /// shown as `\x1B` or `\u{202E}`; a carriage return at the end is left out, what is not UTF-8 is replaced.
    public static func appendVisible(_ text: Span<UInt8>, to bytes: inout [UInt8]) {
        var end = text.count
        if end > 0, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        if isPlain(text, upTo: end) {
            append(text.extracting(0..<end), to: &bytes)
            return
        }
        for scalar in string(text.extracting(0..<end)).unicodeScalars {
            switch scalar.value {
            case 0x09: bytes.append(0x09)
            case 0x00...0x1F, 0x7F...0x9F: bytes.append(contentsOf: "\\x\(hex(scalar.value, digits: 2))".utf8)
            case 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                bytes.append(contentsOf: "\\u{\(hex(scalar.value, digits: 4))}".utf8)
            default: bytes.append(contentsOf: Array(String(scalar).utf8))
            }
        }
    }

    private static func isPlain(_ text: Span<UInt8>, upTo end: Int) -> Bool {
        var strange: UInt8 = 0
        for index in 0..<end {
            let byte = text[index]
            // Wraps to a large number for what is below a space; tabs stay as they are.
            if byte &- 0x20 > 0x5E, byte != 0x09 { strange |= 1 }
        }
        return strange == 0
    }

    private static func hex(_ number: UInt32, digits: Int) -> String {
        let text = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private static func append(_ piece: Span<UInt8>, to bytes: inout [UInt8]) {
        // SAFETY: the pointer is used only within the closure, in which the span and so its memory lives.
        piece.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    private static func string(_ piece: Span<UInt8>) -> String {
        // SAFETY: the pointer is used only within the closure, in which the span and so its memory lives.
        piece.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

extension LogText {
    /// A line of the supervisor in an instance's file: `… * text`, or an object with `event` in place of `text`.
    public static func appendNote(
        _ text: String, _ instance: String, _ incarnation: Int, _ format: Policy.Logs.Format, time: [UInt8],
        to bytes: inout [UInt8]
    ) {
        switch format {
        case .text:
            bytes.append(contentsOf: time)
            bytes.append(contentsOf: [UInt8(ascii: " "), supervisorMark, UInt8(ascii: " ")])
            bytes.append(contentsOf: text.harmless.utf8)
        case .json:
            let object: JSON = [
                "time": .string(String(decoding: time, as: UTF8.self)), "instance": .string(instance),
                "incarnation": .int(Int64(incarnation)), "event": .string(text),
            ]
            object.write(into: &bytes)
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}
