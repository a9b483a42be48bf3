/// Tells Swift code from comments and from what strings hold. What stands in an interpolation is code.
struct CodeScanner {
    private enum Place {
        /// Code in an interpolation, until as many parentheses are closed; the outermost code has none to close.
        case code(parentheses: Int)
        case string(hashes: Int, isMultiline: Bool)
        case lineComment
        case blockComment
    }

    private let bytes: [UInt8]
    private var index = 0
    private var output: [UInt8] = []
    private var places: [Place] = [.code(parentheses: 0)]

    private init(_ text: String) {
        bytes = Array(text.utf8)
        output.reserveCapacity(bytes.count)
    }

    /// What stands in place of each byte of a string.
    static let stringMark = "\u{1}"

    /// The lines of `text` with spaces in place of comments, and marks in place of strings.
    static func code(of text: String) -> [String] {
        var scanner = CodeScanner(text)
        while scanner.index < scanner.bytes.count { scanner.step() }
        return scanner.output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func step() {
        switch places.last {
        case .code(let parentheses): stepInCode(parentheses)
        case .string(let hashes, let isMultiline): stepInString(hashes, isMultiline)
        case .lineComment:
            if bytes[index] == UInt8(ascii: "\n") { places.removeLast() }
            skip(1)
        case .blockComment:
            if starts(with: "/*") {
                places.append(.blockComment)
                skip(2)
            } else if starts(with: "*/") {
                places.removeLast()
                skip(2)
            } else {
                skip(1)
            }
        case nil: index = bytes.count
        }
    }

    private mutating func stepInCode(_ parentheses: Int) {
        if starts(with: "//") {
            places.append(.lineComment)
            skip(2)
        } else if starts(with: "/*") {
            places.append(.blockComment)
            skip(2)
        } else if let (hashes, quotes) = openingQuotes() {
            places.append(.string(hashes: hashes, isMultiline: quotes == 3))
            skip(hashes + quotes)
        } else {
            if places.count > 1, let change = [UInt8(ascii: "("): 1, UInt8(ascii: ")"): -1][bytes[index]] {
                places.removeLast()
                guard parentheses + change > 0 else { return skip(1) }
                places.append(.code(parentheses: parentheses + change))
            }
            output.append(bytes[index])
            index += 1
        }
    }

    private mutating func stepInString(_ hashes: Int, _ isMultiline: Bool) {
        let marks = String(repeating: "#", count: hashes)
        let end = (isMultiline ? "\"\"\"" : "\"") + marks
        if starts(with: end) {
            places.removeLast()
            skip(end.utf8.count)
        } else if starts(with: "\\\(marks)(") {
            places.append(.code(parentheses: 1))
            skip(hashes + 2)
        } else if starts(with: "\\\(marks)") {
            skip(hashes + 2)
        } else {
            if !isMultiline, bytes[index] == UInt8(ascii: "\n") { places.removeLast() }
            skip(1)
        }
    }

    private func openingQuotes() -> (hashes: Int, quotes: Int)? {
        guard bytes[index] == UInt8(ascii: "#") || bytes[index] == UInt8(ascii: "\"") else { return nil }
        let hashes = bytes[index...].prefix { $0 == UInt8(ascii: "#") }.count
        let quotes = bytes[(index + hashes)...].prefix(3).prefix { $0 == UInt8(ascii: "\"") }.count
        return quotes == 0 ? nil : (hashes, quotes == 3 ? 3 : 1)
    }

    private func starts(with text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    private mutating func skip(_ count: Int) {
        let filler: UInt8 = if case .string = places.last { 1 } else { UInt8(ascii: " ") }
        for byte in bytes[index...].prefix(count) {
            output.append(byte == UInt8(ascii: "\n") ? byte : filler)
        }
        index += count
    }
}
