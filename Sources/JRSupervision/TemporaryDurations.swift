import JRBase

enum Durations {
    static func parse(_ t: String) -> Interval? {
        for (u, n) in [("ms", Int64(1_000_000)), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)]
        where t.hasSuffix(u) {
            if let v = Int64(t.dropLast(u.count)) { return .saturating(v, times: n) }
        }
        return nil
    }
}
enum Sizes {
    static func parse(_ t: String) -> Int? {
        for (u, n) in [("KiB", 1024), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)] where t.hasSuffix(u) {
            if let v = Int(t.dropLast(u.count)) { return v * n }
        }
        return nil
    }
}
