import JRBase
import JRJSON
import JRSupervision

/// Reads the members of one object strictly: every key is asked for by name, what was not asked for is unknown, and
/// every problem is kept instead of ending the reading.
struct ObjectReader {
    let members: [LocatedJSON.Member]
    /// Where the object stands, for messages: `nodes.worker`, or empty at the top.
    let path: String
    let position: Position
    private(set) var problems: [ManifestProblem] = []
    private var allowed: [String] = []
    /// Allowed, but too many to be listed.
    private var unlisted: Set<String> = []
    /// What to say of them in a list of what is allowed.
    var others: String?
    /// What to write instead of keys that do not belong here but mean something elsewhere.
    var hints: [String: String] = [:]

    init(_ members: [LocatedJSON.Member], path: String, position: Position) {
        self.members = members
        self.path = path
        self.position = position
    }

    /// The member's whole name, for messages.
    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    mutating func complain(_ message: String, at value: LocatedJSON) {
        problems.append(ManifestProblem(message, at: value.position, length: value.markLength))
    }

    mutating func complain(_ message: String, atKey key: String) {
        let found = members.first { $0.key == key }?.keyPosition
        problems.append(ManifestProblem(message, at: found ?? position, length: found == nil ? 1 : key.count + 2))
    }

    mutating func complain(_ message: String, at position: Position, length: Int) {
        problems.append(ManifestProblem(message, at: position, length: length))
    }

    mutating func absorb(_ reader: ObjectReader) {
        problems.append(contentsOf: reader.problems)
    }

    func has(_ key: String) -> Bool { members.contains { $0.key == key } }

    func value(_ key: String) -> LocatedJSON? { members.first { $0.key == key }?.value }

    /// Notes that the key may be here, and gives its value.
    mutating func take(_ key: String) -> LocatedJSON? {
        if !allowed.contains(key), !unlisted.contains(key) { allowed.append(key) }
        return value(key)
    }

    /// Notes that the key may be here, without naming it in lists of what is allowed.
    mutating func allowUnlisted(_ key: String) {
        unlisted.insert(key)
    }

    /// Called last: what is left over is unknown.
    mutating func finish() {
        let place = path.isEmpty ? "" : " in \(path)"
        let known = unlisted.union(allowed)
        for member in members where !known.contains(member.key) && !member.key.hasPrefix("x-") {
            let hint =
                if let hint = hints[member.key] {
                    hint
                } else if let nearest = Names.nearest(to: member.key, among: allowed + unlisted.sorted()) {
                    "did you mean \"\(nearest)\"?"
                } else {
                    "allowed: " + (allowed + (others.map { [$0] } ?? [])).joined(separator: ", ")
                }
            complain("unknown key \"\(member.key.harmless)\"\(place) (\(hint))", atKey: member.key)
        }
    }

    /// The wrong type or a value that is not allowed, in the one form that all such messages have.
    mutating func refuse(_ key: String, _ value: LocatedJSON, mustBe wanted: String) {
        complain("\(name(key)) must be \(wanted), found \(value.shown)", at: value)
    }

    // MARK: Values

    mutating func string(_ key: String, mustBe wanted: String = "a text that is not empty") -> String? {
        guard let value = take(key) else { return nil }
        if let string = value.string, !string.isEmpty, !string.utf8.contains(0) { return string }
        refuse(key, value, mustBe: wanted)
        return nil
    }

    mutating func int(_ key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = take(key) else { return nil }
        if let number = value.int, let int = Int(exactly: number), range.contains(int) { return int }
        refuse(key, value, mustBe: "a whole number from \(range.lowerBound) to \(Words.grouped(range.upperBound))")
        return nil
    }

    mutating func bool(_ key: String) -> Bool? {
        guard let value = take(key) else { return nil }
        if let bool = value.bool { return bool }
        refuse(key, value, mustBe: "true or false")
        return nil
    }

    mutating func duration(_ key: String, _ least: String, _ most: String) -> Interval? {
        guard let value = take(key) else { return nil }
        if let interval = value.string.flatMap({ try? Durations.parse($0) }),
            let lowest = try? Durations.parse(least), let highest = try? Durations.parse(most),
            lowest <= interval, interval <= highest
        {
            return interval
        }
        refuse(key, value, mustBe: "a duration from \"\(least)\" to \"\(most)\", such as \"250ms\", \"30s\" or \"5m\"")
        return nil
    }

    mutating func size(_ key: String, _ least: String, _ most: String) -> Int? {
        guard let value = take(key) else { return nil }
        if let bytes = value.string.flatMap({ try? Sizes.parse($0) }),
            let lowest = try? Sizes.parse(least), let highest = try? Sizes.parse(most), lowest <= bytes,
            bytes <= highest
        {
            return bytes
        }
        refuse(key, value, mustBe: "a size from \"\(least)\" to \"\(most)\", such as \"512KiB\" or \"16MiB\"")
        return nil
    }

    mutating func word<Word: RawRepresentable & CaseIterable>(_ key: String, _ type: Word.Type) -> Word?
    where Word.RawValue == String {
        guard let value = take(key) else { return nil }
        if let word = value.string.flatMap(Word.init(rawValue:)) { return word }
        let words = Word.allCases.map { "\"\($0.rawValue)\"" }
        let hint = value.string.flatMap { Names.nearest(to: $0, among: Word.allCases.map(\.rawValue)) }
        let suggestion = hint.map { " (did you mean \"\($0)\"?)" } ?? ""
        let list = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        complain("\(name(key)) must be \(list), found \(value.shown)\(suggestion)", at: value)
        return nil
    }

    /// A list of texts with their places; nil when it is missing or is no such list.
    mutating func strings(_ key: String, mustBe wanted: String) -> [(text: String, value: LocatedJSON)]? {
        guard let value = take(key) else { return nil }
        guard let elements = value.array else {
            refuse(key, value, mustBe: wanted)
            return nil
        }
        var texts: [(text: String, value: LocatedJSON)] = []
        for element in elements {
            guard let text = element.string, !text.utf8.contains(0) else {
                refuse(key, element, mustBe: wanted)
                return nil
            }
            texts.append((text, element))
        }
        return texts
    }

    /// Reads an object by `body`, which asks for its keys; what it did not ask for is unknown.
    mutating func object(_ key: String, _ body: (inout ObjectReader) -> Void) {
        guard let value = take(key) else { return }
        guard let members = value.object else {
            refuse(key, value, mustBe: "an object { … }")
            return
        }
        var reader = ObjectReader(members, path: name(key), position: value.position)
        body(&reader)
        reader.finish()
        absorb(reader)
    }

    /// Reads an object whose keys are names of the user's choice, each with an object.
    mutating func objects(_ key: String, _ body: (LocatedJSON.Member, inout ObjectReader) -> Void) {
        guard let value = take(key) else { return }
        guard let entries = value.object else {
            refuse(key, value, mustBe: "an object with an entry for each name")
            return
        }
        for entry in entries where !entry.key.hasPrefix("x-") {
            guard let members = entry.value.object else {
                complain(
                    "\(name(key)).\(entry.key.harmless) must be an object { … }, found \(entry.value.shown)",
                    at: entry.value)
                continue
            }
            let path = "\(name(key)).\(entry.key.harmless)"
            var reader = ObjectReader(members, path: path, position: entry.keyPosition)
            body(entry, &reader)
            reader.finish()
            absorb(reader)
        }
    }
}

extension LocatedJSON {
    /// How it is named in a message: a short value as it stands, everything else by its kind.
    var shown: String {
        switch content {
        case .string(let text): text.count <= 40 ? "\"\(text.harmless)\"" : "a text of \(text.count) characters"
        case .int(let number): String(number)
        case .double(let number): String(number)
        case .bool(let bool): String(bool)
        case .null, .array, .object: kind
        }
    }

    var markLength: Int {
        switch content {
        case .string(let text): text.count + 2
        case .int(let number): String(number).count
        case .double(let number): String(number).count
        case .bool(let bool): String(bool).count
        case .null: 4
        case .array, .object: 1
        }
    }
}
