import JRBase

/// The last names that came: most are like the one before them, and to compare costs less than to make one anew.
struct LatestNames: Sendable {
    /// Of jobs, and of the nodes where they ran.
    var job = LatestName()
    var node = LatestName()
}

struct LatestName: Sendable {
    private var bytes: [UInt8] = []
    private var text = ""

    /// The name in these bytes; nil where they are none.
    mutating func text(_ found: Span<UInt8>) -> String? {
        if isSame(found) { return text }
        do { text = String(copying: try UTF8Span(validating: found)) } catch { return nil }
        bytes = Array(text.utf8)
        return text
    }

    private func isSame(_ found: Span<UInt8>) -> Bool {
        let known = bytes.span
        guard known.count == found.count else { return false }
        var place = 0
        // SAFETY: any bytes are an integer, and the spans check that they are there.
        while known.count - place >= 4 {
            let (left, right) = (
                known.bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt32.self),
                found.bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt32.self)
            )
            if left != right { return false }
            place += 4
        }
        for index in place..<known.count where known[index] != found[index] { return false }
        return true
    }
}

/// Where a message is read that has the very form in which this code writes it; once something is otherwise, nothing
/// more is.
struct QuickReader {
    var place: Int
    let end: Int
    var isOtherwise = false

    @inline(__always)
    private mutating func take(_ count: Int) -> Int? {
        guard !isOtherwise, end - place >= count else {
            isOtherwise = true
            return nil
        }
        defer { place += count }
        return place
    }

    @inline(__always)
    mutating func byte(_ bytes: RawSpan) -> UInt8 {
        guard let start = take(1) else { return 0 }
        return load(bytes, UInt8.self, start)
    }

    /// A number below 128.
    @inline(__always)
    mutating func small(_ bytes: RawSpan) -> UInt8 {
        let number = byte(bytes)
        if number >= 0x80 { isOtherwise = true }
        return number
    }

    @inline(__always)
    mutating func id(_ bytes: RawSpan) -> JobID {
        guard let start = take(18), load(bytes, UInt16.self, start) == Unpacker.idMark else {
            isOtherwise = true
            return .none
        }
        return JobID(high: load(bytes, UInt64.self, start + 2), low: load(bytes, UInt64.self, start + 10))
    }

    /// A number of eight bytes that fits with a sign.
    @inline(__always)
    mutating func long(_ bytes: RawSpan) -> Int64 {
        guard byte(bytes) == 0xCF, let start = take(8),
            let number = Int64(exactly: load(bytes, UInt64.self, start))
        else {
            isOtherwise = true
            return 0
        }
        return number
    }

    /// Where a text of at most 255 bytes is.
    @inline(__always)
    mutating func text(_ bytes: RawSpan) -> Range<Int> {
        let mark = byte(bytes)
        var count = Int(mark & 0x1F)
        if mark == 0xD9 { count = Int(byte(bytes)) } else if mark & 0xE0 != 0xA0 { isOtherwise = true }
        guard let start = take(count) else { return place..<place }
        return start..<start + count
    }

    /// Where bytes are.
    @inline(__always)
    mutating func data(_ bytes: RawSpan) -> Range<Int> {
        var count = 0
        switch byte(bytes) {
        case 0xC4: count = Int(byte(bytes))
        case 0xC5: if let start = take(2) { count = Int(load(bytes, UInt16.self, start)) }
        default: isOtherwise = true
        }
        guard let start = take(count) else { return place..<place }
        return start..<start + count
    }

    /// How many elements an array has that ends the message.
    @inline(__always)
    mutating func count(_ bytes: RawSpan) -> Int {
        let mark = byte(bytes)
        if mark & 0xF0 == 0x90 { return Int(mark & 0x0F) }
        guard mark == 0xDC, let start = take(2) else {
            isOtherwise = true
            return 0
        }
        return Int(load(bytes, UInt16.self, start))
    }

    var isAtEnd: Bool { !isOtherwise && place == end }

    // SAFETY: any bytes are an integer, and the span checks that they are there.
    @inline(__always)
    private func load<Number: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: RawSpan, _ type: Number.Type, _ start: Int
    ) -> Number {
        Number(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start, as: type))
    }
}

extension Message {
    /// Reads what there is one of for each job, in the form that it has here. Nil is anything else, wrong or not: it is
    /// for ``init(body:)``, which reads the same and all other forms, and says what is wrong.
    static func quickly(_ buffer: [UInt8], _ body: Range<Int>, _ names: inout LatestNames) -> Message? {
        let span = buffer.span
        var reader = QuickReader(place: body.lowerBound, end: body.upperBound)
        switch (reader.byte(span.bytes), Int(reader.byte(span.bytes))) {
        // The message is made where its parts are: an optional of a part would be copied.
        case (0x98, MessageType.job): return request(span, &reader, &names.job) { .job($0) }
        case (0x98, MessageType.enqueue): return request(span, &reader, &names.job) { .enqueue($0) }
        case (0x9A, MessageType.ended): return outcome(span, &reader, &names.node)
        case (0x92, MessageType.stored): return ids(span, &reader).map(Message.stored)
        case (0x92, MessageType.outcomesReceived): return keys(span, &reader).map(Message.outcomesReceived)
        default: return nil
        }
    }

    @inline(__always)
    private static func request(
        _ span: Span<UInt8>, _ reader: inout QuickReader, _ names: inout LatestName,
        _ message: (consuming JobRequest) -> Message
    ) -> Message? {
        let bytes = span.bytes
        let id = reader.id(bytes)
        let name = reader.text(bytes)
        let arguments = reader.data(bytes)
        let created = reader.long(bytes)
        let feedback = reader.small(bytes)
        let client = reader.id(bytes)
        guard reader.byte(bytes) == 0xC0, reader.isAtEnd, let name = names.text(span.extracting(name)) else {
            return nil
        }
        return message(
            JobRequest(
                id: id, name: name, arguments: copy(span, arguments), created: WallTime(milliseconds: created),
                feedback: Feedback(rawValue: feedback), client: client))
    }

    private static func outcome(
        _ span: Span<UInt8>, _ reader: inout QuickReader, _ names: inout LatestName
    ) -> Message? {
        let bytes = span.bytes
        let id = reader.id(bytes)
        let run = reader.small(bytes)
        let ending = reader.byte(bytes)
        let arguments = reader.data(bytes)
        guard reader.byte(bytes) == 0xC0 else { return nil }
        let attempt = reader.small(bytes)
        let node = reader.text(bytes)
        let client = reader.id(bytes)
        let isFinal = reader.byte(bytes)
        guard reader.isAtEnd, isFinal == 0xC2 || isFinal == 0xC3, let ending = JobOutcome.Ending(rawValue: ending),
            let node = names.text(span.extracting(node))
        else { return nil }
        return .ended(
            JobOutcome(
                id: id, run: Int(run), ending: ending, arguments: copy(span, arguments), error: nil,
                attempt: Int(attempt), node: node, client: client, isFinal: isFinal == 0xC3))
    }

    private static func ids(_ span: Span<UInt8>, _ reader: inout QuickReader) -> [JobID]? {
        let bytes = span.bytes
        let count = reader.count(bytes)
        // As many as there are bytes for, and no more.
        guard reader.end - reader.place == count * 18 else { return nil }
        var ids: [JobID] = []
        ids.reserveCapacity(count)
        for _ in 0..<count { ids.append(reader.id(bytes)) }
        return reader.isAtEnd ? ids : nil
    }

    private static func keys(_ span: Span<UInt8>, _ reader: inout QuickReader) -> [OutcomeKey]? {
        let bytes = span.bytes
        let count = reader.count(bytes)
        guard reader.end - reader.place == count * 20 else { return nil }
        var keys: [OutcomeKey] = []
        keys.reserveCapacity(count)
        for _ in 0..<count {
            if reader.byte(bytes) != 0x92 { return nil }
            let id = reader.id(bytes)
            keys.append(OutcomeKey(id: id, run: Int(reader.small(bytes))))
        }
        return reader.isAtEnd ? keys : nil
    }

    private static func copy(_ span: Span<UInt8>, _ place: Range<Int>) -> [UInt8] {
        // SAFETY: the bytes are copied while they are lent.
        span.extracting(place).withUnsafeBufferPointer { Array($0) }
    }
}
