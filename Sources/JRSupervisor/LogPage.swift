import JRJSON

/// Lines of several logs as one text, in the order of their times.
///
/// What a line has in common with the one before it, which is nearly all but its text, is made once. Of this target, as
/// the programs' own code is not optimized, and there may be millions of lines.
public struct LogPage {
    private let prefix: (_ instance: String, _ mark: Character) -> String
    private let clock: (_ time: String) -> String
    private let escape: (String) -> String

    private var prefixes: [String: [Character: String]] = [:]
    private var second = ""
    private var secondShown = ""

    /// - Parameters:
    ///   - prefix: what stands before the text of an instance's lines.
    ///   - clock: a time without its fraction, as it is shown; the same for all lines of a second.
    ///   - escape: a text that is not plain, as it is shown.
    public init(
        prefix: @escaping (_ instance: String, _ mark: Character) -> String,
        clock: @escaping (_ time: String) -> String, escape: @escaping (String) -> String
    ) {
        self.prefix = prefix
        self.clock = clock
        self.escape = escape
    }

    /// The lines as they come one after the other. Those without a time stay behind the one they came after.
    ///
    /// - Parameter lines: of each instance in their order.
    /// - Returns: all of them, in the order of their times.
    public static func inOrder(_ lines: [LogLine]) -> [LogLine] {
        var last: [String: String] = [:]
        var times: [String] = []
        times.reserveCapacity(lines.count)
        var isInOrder = true
        for line in lines {
            let time = line.time.isEmpty ? last[line.instance] ?? "" : line.time
            last[line.instance] = time
            if let before = times.last, time < before { isInOrder = false }
            times.append(time)
        }
        if isInOrder { return lines }
        return lines.indices.sorted { (times[$0], $0) < (times[$1], $1) }.map { lines[$0] }
    }

    /// Lines for people.
    ///
    /// - Parameter lines: to show, in this order.
    /// - Returns: a line of text for each.
    public mutating func text(of lines: [LogLine]) -> String {
        var text = ""
        for line in lines {
            text += clockText(line.time)
            text += prefixText(line.instance, line.mark)
            text += line.isPlain ? line.text : escape(line.text)
            text += "\n"
        }
        return text
    }

    /// Lines for programs.
    ///
    /// - Parameter lines: to show, in this order.
    /// - Returns: an object for each, on a line of its own.
    public static func json(of lines: [LogLine]) -> String {
        var text = ""
        for line in lines {
            text += line.json.text
            text += "\n"
        }
        return text
    }

    private mutating func prefixText(_ instance: String, _ mark: Character) -> String {
        if let known = prefixes[instance]?[mark] { return known }
        let made = prefix(instance, mark)
        prefixes[instance, default: [:]][mark] = made
        return made
    }

    /// `2026-11-23T08:15:04` is the second of a time.
    private mutating func clockText(_ time: String) -> String {
        guard time.utf8.count > 20, time.utf8.prefix(19).elementsEqual(second.utf8) else {
            // A time of another form is looked at for itself.
            guard time.utf8.count > 20, let start = String(time.utf8.prefix(19)), time.utf8.last == UInt8(ascii: "Z")
            else { return clock(time) }
            second = start
            secondShown = clock(start + "Z")
            return secondShown
        }
        return secondShown
    }
}
