/// Replies out of bytes that come cut anywhere. Never traps, whatever the bytes are, and takes memory only for what has
/// come.
///
/// It knows versions 2 and 3. Attributes are read over.
struct RESPParser: Sendable {
    /// What the next byte is part of.
    private enum Place: Sendable {
        case type
        case line(type: UInt8)
        case bulk(left: Int)
        /// After the bytes of a bulk string: CR, then LF.
        case end(sawReturn: Bool)
    }

    /// An aggregate that is not complete.
    private struct Open: Sendable {
        var type: UInt8
        var left: Int
        var values: [RESPValue]
    }

    private var place = Place.type
    private var line: [UInt8] = []
    private var bulk: [UInt8] = []
    /// What the bulk string that is being read is.
    private var isVerbatim = false
    private var isError = false
    private var open: [Open] = []
    private var values = 0
    private var bytes = 0
    private var damage: RESPDamage?

    /// Whether a reply has begun and not ended.
    var isInReply: Bool {
        if case .type = place { return !open.isEmpty }
        return true
    }

    /// Reads `input` to its end and hands over each reply that it completes. After damage it reads nothing any more.
    mutating func read(_ input: ArraySlice<UInt8>, _ reply: (RESPValue) -> Void) throws(RESPDamage) {
        if let damage { throw damage }
        do throws(RESPDamage) {
            try take(input, reply)
        } catch {
            damage = error
            throw error
        }
    }

    private mutating func take(_ input: ArraySlice<UInt8>, _ reply: (RESPValue) -> Void) throws(RESPDamage) {
        var position = input.startIndex
        while position < input.endIndex {
            let before = position
            var value: RESPValue?
            switch place {
            case .type:
                try begin(input[position])
                position += 1
            case .line(let type):
                value = try readLine(type, input, &position)
            case .bulk(let left):
                let count = min(left, input.endIndex - position)
                bulk.append(contentsOf: input[position..<position + count])
                position += count
                place = count == left ? .end(sawReturn: false) : .bulk(left: left - count)
            case .end(let sawReturn):
                let wanted = sawReturn ? UInt8(ascii: "\n") : UInt8(ascii: "\r")
                guard input[position] == wanted else { throw .noLineEnd }
                position += 1
                if sawReturn { value = endBulk() } else { place = .end(sawReturn: true) }
            }
            bytes += position - before
            if bytes > RESPLimits.replyBytes { throw .replyTooLong }
            if let value { deliver(value, reply) }
        }
    }

    private mutating func begin(_ type: UInt8) throws(RESPDamage) {
        guard "+-:$*_#,(!=%~>|".utf8.contains(type) else { throw .unknownType(type) }
        values += 1
        if values > RESPLimits.values { throw .tooManyValues }
        place = .line(type: type)
    }

    /// The value of the line that ends in `input`, if one does and it is a whole value.
    private mutating func readLine(
        _ type: UInt8, _ input: ArraySlice<UInt8>, _ position: inout Int
    ) throws(RESPDamage) -> RESPValue? {
        let rest = input[position...]
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        guard line.count + (end - position) <= RESPLimits.lineBytes else { throw .lineTooLong }
        line.append(contentsOf: rest[..<end])
        position = end
        guard end < rest.endIndex else { return nil }
        position += 1
        guard line.popLast() == UInt8(ascii: "\r") else { throw .noLineEnd }
        defer { line.removeAll(keepingCapacity: true) }
        place = .type
        return try value(of: type)
    }

    private mutating func value(of type: UInt8) throws(RESPDamage) -> RESPValue? {
        let text = String(decoding: line, as: UTF8.self)
        switch type {
        case UInt8(ascii: "+"): return .simple(text)
        case UInt8(ascii: "-"): return .error(text)
        case UInt8(ascii: ":"): return .integer(try number(text))
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "#"):
            guard text == "t" || text == "f" else { throw .notANumber }
            return .boolean(text == "t")
        case UInt8(ascii: ","):
            guard let number = Double(text) else { throw .notANumber }
            return .double(number)
        case UInt8(ascii: "("):
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { throw .notANumber }
            return .bigNumber(text)
        case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"): return try beginBulk(type, try number(text))
        default: return try beginAggregate(type, try number(text))
        }
    }

    private func number(_ text: String) throws(RESPDamage) -> Int64 {
        guard let number = Int64(text) else { throw .notANumber }
        return number
    }

    private mutating func beginBulk(_ type: UInt8, _ length: Int64) throws(RESPDamage) -> RESPValue? {
        if length == -1, type == UInt8(ascii: "$") { return .null }
        guard length >= 0, length <= Int64(RESPLimits.bulkBytes) else { throw .lengthTooLarge(length) }
        isError = type == UInt8(ascii: "!")
        isVerbatim = type == UInt8(ascii: "=")
        place = length == 0 ? .end(sawReturn: false) : .bulk(left: Int(length))
        return nil
    }

    private mutating func endBulk() -> RESPValue {
        place = .type
        var found: [UInt8] = []
        swap(&found, &bulk)
        if isError { return .error(String(decoding: found, as: UTF8.self)) }
        // `txt:` or `mkd:` stands before the text.
        if isVerbatim, found.count >= 4 { found.removeFirst(4) }
        return .bulk(found)
    }

    private mutating func beginAggregate(_ type: UInt8, _ length: Int64) throws(RESPDamage) -> RESPValue? {
        if length == -1, type == UInt8(ascii: "*") { return .null }
        guard length >= 0, length <= Int64(RESPLimits.values) else { throw .lengthTooLarge(length) }
        let isPairs = type == UInt8(ascii: "%") || type == UInt8(ascii: "|")
        let count = isPairs ? Int(length) * 2 : Int(length)
        guard values + count <= RESPLimits.values else { throw .tooManyValues }
        if count == 0 { return type == UInt8(ascii: "|") ? nil : aggregate(type, []) }
        guard open.count < RESPLimits.nesting else { throw .tooDeep }
        open.append(Open(type: type, left: count, values: []))
        return nil
    }

    private func aggregate(_ type: UInt8, _ values: [RESPValue]) -> RESPValue {
        switch type {
        case UInt8(ascii: "%"): .map(values)
        case UInt8(ascii: ">"): .push(values)
        default: .array(values)
        }
    }

    /// Puts a value where it belongs, and the aggregates that it completes as well.
    private mutating func deliver(_ value: RESPValue, _ reply: (RESPValue) -> Void) {
        var value = value
        while let last = open.indices.last {
            open[last].values.append(value)
            open[last].left -= 1
            if open[last].left > 0 { return }
            let whole = open.removeLast()
            // An attribute says something of the value that follows; it is no value itself.
            if whole.type == UInt8(ascii: "|") { return }
            value = aggregate(whole.type, whole.values)
        }
        values = 0
        bytes = 0
        reply(value)
    }
}
