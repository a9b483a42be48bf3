/// The way from the root to a value, shared by all that lies below it: a key more is one small allocation, and the
/// list of keys is made only when somebody asks for it.
indirect enum ArgumentPath {
    case root
    case below(ArgumentPath, key: any CodingKey, depth: Int)

    /// How many containers are around the value at this path.
    var depth: Int {
        switch self {
        case .root: 0
        case .below(_, _, let depth): depth
        }
    }

    var keys: [any CodingKey] {
        var keys: [any CodingKey] = []
        keys.reserveCapacity(depth)
        var rest = self
        while case .below(let parent, let key, _) = rest {
            keys.append(key)
            rest = parent
        }
        return keys.reversed()
    }

    func appending(_ key: any CodingKey) -> ArgumentPath { .below(self, key: key, depth: depth + 1) }

    func appending(_ index: Int) -> ArgumentPath { appending(ArgumentKey(intValue: index)) }
}

/// A key that no type of the user stands behind: the index of an element, or `super`.
struct ArgumentKey: CodingKey {
    /// Where a class keeps what its superclass encodes, unless it names a key itself.
    static let superclass = ArgumentKey(stringValue: "super")

    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}
