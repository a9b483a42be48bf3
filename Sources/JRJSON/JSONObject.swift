/// The members of a JSON object in the order of their source, each key once.
///
/// Access by key looks through the members one by one: meant for objects of tens of members. Iterate over larger ones.
public struct JSONObject: Sendable {
    public typealias Member = (key: String, value: JSON)

    public private(set) var members: [Member]

    public init() {
        members = []
    }

    /// Where a key is given twice, the last value counts, at the first one's place.
    public init(_ members: some Sequence<(String, JSON)>) {
        self.members = []
        var places: [String: Int] = [:]
        for (key, value) in members {
            if let place = places[key] {
                self.members[place].value = value
            } else {
                places[key] = self.members.count
                self.members.append((key, value))
            }
        }
    }

    /// For the parser, which has made sure that no key is there twice.
    init(distinct members: [Member]) {
        self.members = members
    }

    public var keys: [String] { members.map(\.key) }

    /// Setting replaces in place or appends; setting nil removes.
    public subscript(key: String) -> JSON? {
        get { members.first { $0.key == key }?.value }
        set {
            let place = members.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: Equatable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        let others = Dictionary(right.members.map { ($0.key, $0.value) }) { _, last in last }
        return left.members.allSatisfy { others[$0.key] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements)
    }
}
