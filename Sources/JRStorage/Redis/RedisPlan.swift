import JRBase

/// When a node looks at which other one's hold: decisions only, from what the registry says.
///
/// A hold that is renewed in time ends later than the next reading of the registry, and is never looked at.
struct RedisTakeOverPlan: Sendable {
    /// A row of the registry; the end in milliseconds on the server's clock.
    struct Row: Sendable, Equatable {
        var node: String
        var end: Int64
    }

    /// What the registry said, and when on both clocks.
    struct Reading: Sendable, Equatable {
        var rows: [Row]
        var server: Int64
        var instant: Instant

        init(rows: [Row], server: Int64, instant: Instant) {
            self.rows = rows
            self.server = server
            self.instant = instant
        }

        /// From the answer of ``RedisScript/enrol``.
        init?(_ reply: RESPValue, at instant: Instant) {
            guard let parts = reply.elements, parts.count >= 2, parts.first?.text == "done", let server = parts[1].int,
                Self.range.contains(server)
            else { return nil }
            var rows: [Row] = []
            for index in stride(from: 2, to: parts.count - 1, by: 2) {
                guard let node = parts[index].text, let end = Self.milliseconds(parts[index + 1]) else { return nil }
                // Who wrote another name than a node's is not known, nor what keys would come of it.
                if Names.isValid(node) { rows.append(Row(node: node, end: end)) }
            }
            self.init(rows: rows, server: server, instant: instant)
        }

        /// What a score can hold exactly.
        private static let range = Int64(0)...(1 << 53)

        /// A score: a number that may have come as text, and with an exponent.
        private static func milliseconds(_ value: RESPValue) -> Int64? {
            let number = if case .double(let number) = value { number } else { value.text.flatMap(Double.init) }
            guard let number, !number.isNaN else { return nil }
            return Int64(min(max(number, Double(range.lowerBound)), Double(range.upperBound)))
        }
    }

    enum Step: Sendable, Equatable {
        /// The next reading comes before anything is due.
        case nothing
        case wait(until: Instant)
        case take(Row)
    }

    /// What is known of a row beyond what it says, as long as it says the same.
    private struct Memo: Sendable {
        var end: Int64
        /// Not looked at before, on the server's clock.
        var until: Int64
    }

    let node: String
    /// Nothing is taken before: after a time without its server, others are still on their way to it.
    var notBefore = Instant.zero
    private var memos: [String: Memo] = [:]

    init(node: String) { self.node = node }

    /// - Parameter next: when the registry is read again.
    mutating func step(_ reading: Reading, at instant: Instant, next: Instant) -> Step {
        let names = Set(reading.rows.map(\.node))
        memos = memos.filter { names.contains($0.key) }
        let ends = reading.rows.filter { $0.node != node }.map { (row: $0, end: end($0)) }
        guard let first = ends.min(by: { $0.end < $1.end }), first.end < .max else { return .nothing }
        // A millisecond more: the server's own ends with the last one begun.
        let wait = Interval.milliseconds(max(first.end - reading.server + 1, 0))
        let due = max(reading.instant + wait, notBefore)
        if due <= instant { return .take(first.row) }
        return due < next ? .wait(until: due) : .nothing
    }

    private func end(_ row: Row) -> Int64 {
        guard let memo = memos[row.node], memo.end == row.end else { return row.end }
        return max(memo.until, row.end)
    }

    /// Not again before `until` on the server's clock, unless the row changes; nil is never.
    mutating func put(off row: Row, until: Int64?) {
        memos[row.node] = Memo(end: row.end, until: until ?? .max)
    }
}
