/// What `replacing(_:with:)` and `contains(_:)` of the standard library do for texts. Those live in its library of
/// regular expressions, which a program with the runtime inside is the larger for, and they go by characters: a quote
/// with an accent on it is none for them, and is one for a shell.
extension String {
    /// The text with each `part`, byte for byte, replaced.
    ///
    /// - Parameters:
    ///   - part: what is replaced, from the left on; nothing is where it is empty.
    ///   - other: what stands there instead.
    package func exchanging(_ part: String, for other: String) -> String {
        let (bytes, wanted) = (Array(utf8), Array(part.utf8))
        var made: [UInt8] = []
        var start = 0
        while let place = Self.place(of: wanted, in: bytes[start...]) {
            made += bytes[start..<place]
            made += other.utf8
            start = place + wanted.count
        }
        return start == 0 ? self : String(decoding: made + bytes[start...], as: UTF8.self)
    }

    /// Whether `part` is in it, byte for byte.
    ///
    /// - Parameter part: what is looked for; an empty one is in none.
    package func holds(_ part: String) -> Bool { Self.place(of: Array(part.utf8), in: Array(utf8)[...]) != nil }

    private static func place(of wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = wanted.first else { return nil }
        var rest = bytes
        while let place = rest.firstIndex(of: first) {
            rest = rest[place...]
            if rest.starts(with: wanted) { return place }
            rest = rest.dropFirst()
        }
        return nil
    }
}
