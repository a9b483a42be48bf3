public import JRBase

/// MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), the shortest form of everything.
extension ByteWriter {
    public mutating func packNil() { append(0xC0 as UInt8) }

    public mutating func pack(_ value: Bool) { append(value ? 0xC3 as UInt8 : 0xC2) }

    public mutating func pack(_ value: Int64) {
        gather(OutputSpan.numberBytes) { $0.put(value) }
    }

    public mutating func pack(unsigned value: UInt64) {
        if value < 0x80 { append(UInt8(value)) } else { gather(OutputSpan.numberBytes) { $0.put(unsigned: value) } }
    }

    public mutating func pack(_ value: Double) {
        append(0xCB as UInt8)
        appendBigEndian(value.bitPattern)
    }

    public mutating func pack(_ text: String) {
        gather(OutputSpan.headBytes + text.utf8.count) { $0.put(text: text) }
    }

    public mutating func pack(bytes: [UInt8]) {
        gather(OutputSpan.headBytes + bytes.count) { $0.put(bytes: bytes) }
    }

    public mutating func packArray(count: Int) {
        gather(OutputSpan.headBytes) { $0.putHead(ofArray: count) }
    }

    public mutating func packMap(count: Int) {
        gather(OutputSpan.headBytes) { $0.putHead(count, short: (0x80, 15), one: nil, two: 0xDE, four: 0xDF) }
    }

    public mutating func pack(_ id: JobID) {
        gather(OutputSpan.idBytes) { $0.put(id) }
    }

    mutating func pack(ids: [JobID]) {
        gather(OutputSpan.headBytes + ids.count * OutputSpan.idBytes) { out in
            out.putHead(ofArray: ids.count)
            for id in ids { out.put(id) }
        }
    }

    mutating func pack(keys: [OutcomeKey]) {
        let room = 1 + OutputSpan.idBytes + OutputSpan.numberBytes
        gather(OutputSpan.headBytes + keys.count * room) { out in
            out.putHead(ofArray: keys.count)
            for key in keys {
                out.putHead(ofArray: 2)
                out.put(key.id)
                out.put(unsigned: UInt64(key.run))
            }
        }
    }

    /// Timestamp extension (type -1): 32 bits for whole seconds up to 2106, 64 up to 2514, else 96.
    public mutating func pack(_ date: WallTime) {
        let (quotient, remainder) = date.milliseconds.quotientAndRemainder(dividingBy: 1_000)
        let seconds = remainder < 0 ? quotient - 1 : quotient
        let nanoseconds = UInt64(remainder < 0 ? remainder + 1_000 : remainder) * 1_000_000
        if nanoseconds == 0, let short = UInt32(exactly: seconds) {
            append([0xD6, 0xFF])
            appendBigEndian(short)
        } else if seconds >= 0, seconds < 1 << 34 {
            append([0xD7, 0xFF])
            appendBigEndian(nanoseconds << 34 | UInt64(seconds))
        } else {
            append([0xC7, 12, 0xFF])
            appendBigEndian(UInt32(nanoseconds))
            appendBigEndian(seconds)
        }
    }

    /// Keys of maps are written in the order of their bytes, so that equal values are equal bytes.
    public mutating func pack(_ value: Value) {
        switch value {
        case .null: packNil()
        case .bool(let value): pack(value)
        case .int(let value): pack(value)
        case .double(let value): pack(value)
        case .string(let value): pack(value)
        case .bytes(let value): pack(bytes: value)
        case .date(let value): pack(value)
        case .array(let elements):
            packArray(count: elements.count)
            for element in elements { pack(element) }
        case .map(let members):
            pack(map: members)
        }
    }

    public mutating func pack(map members: [String: Value]) {
        packMap(count: members.count)
        if members.count == 1, let (key, value) = members.first {
            pack(key)
            pack(value)
            return
        }
        for (key, value) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            pack(key)
            pack(value)
        }
    }
}
