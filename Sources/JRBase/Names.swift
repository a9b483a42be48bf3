/// The rule for names of jobs and nodes, in one place: 1 to 128 of letters, digits and `_ . : -`.
public enum Names {
    public static func isValid(_ name: String) -> Bool {
        let count = name.utf8.count
        guard count > 0, count <= Limits.nameBytes else { return false }
        // SAFETY: the bytes are only looked at while they are lent. In one piece, which all native names are, they are
        // looked at in a third of the time.
        let isValid = name.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(isNameByte) }
        return isValid ?? name.utf8.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"),
            UInt8(ascii: "-"):
            true
        default:
            false
        }
    }

    /// The candidate most like `word`, if one is near enough to be what was meant.
    ///
    /// Near is at most a third of the word changed (Damerau-Levenshtein, case ignored), or a shared beginning.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        let wanted = Array(word.lowercased().utf8)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let distance = editDistance(wanted, Array(candidate.lowercased().utf8))
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        if let best, best.distance <= max(1, max(wanted.count, best.name.utf8.count) / 3) { return best.name }
        return candidates.first { wanted.count >= 3 && $0.lowercased().hasPrefix(word.lowercased()) }
    }

    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 1...left.count {
            var line = [row] + [Int](repeating: 0, count: right.count)
            for column in 1...right.count {
                let cost = left[row - 1] == right[column - 1] ? 0 : 1
                line[column] = min(last[column] + 1, line[column - 1] + 1, last[column - 1] + cost)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    line[column] = min(line[column], beforeLast[column - 2] + 1)
                }
            }
            beforeLast = last
            last = line
        }
        return last[right.count]
    }
}
