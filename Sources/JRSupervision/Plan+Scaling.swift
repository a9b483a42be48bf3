/// More and fewer places while the cluster runs.
extension Plan {
    /// Makes room for `count` more instances of an entry, which get the lowest numbers that are free.
    ///
    /// - Returns: The positions to start: places that were retired and are used again, and new ones at the end.
    public mutating func grow(_ name: String, by count: Int) -> [Int] {
        guard let entry = manifest.entry(named: name) else { return [] }
        var grown: [Int] = []
        var index = 0
        while grown.count < count {
            index += 1
            let known = instances.indices.first { instances[$0].entry.name == name && instances[$0].index == index }
            if let known {
                guard retired.remove(known) != nil else { continue }
                instances[known] = Plan.instance(entry, index, surroundings)
                grown.append(known)
            } else {
                instances.append(Plan.instance(entry, index, surroundings))
                grown.append(instances.count - 1)
            }
        }
        connect()
        return grown
    }

    /// Nothing of these places is to run any more.
    public mutating func retire(_ positions: [Int]) {
        retired.formUnion(positions)
        connect()
    }

    /// What each waits for: all live instances of the entries that it names.
    mutating func connect() {
        for position in instances.indices {
            let names = instances[position].entry.dependencies
            instances[position].after = instances.indices.filter {
                !retired.contains($0) && names.contains(instances[$0].entry.name)
            }
        }
    }
}
