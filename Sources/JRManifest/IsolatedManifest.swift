public import JRSupervision

extension Manifest {
    /// The same cluster so that any number of them run on one machine at once: distributors on free ports, all that is
    /// kept in the runtime directory, logs where they are wanted.
    ///
    /// What a manifest only passes on stays as it is: ports in the commands and environments of programs, and the
    /// address of a Redis server.
    ///
    /// - Parameter freePort: Gives out a port for each line of a Procfile, in place of 5000 and what follows.
    public func isolated(logs directory: String, freePort: () -> Int) -> Manifest {
        var manifest = self
        for index in manifest.entries.indices {
            manifest.entries[index].policy.logs.directory = directory
            manifest.entries[index].isolate(freePort)
        }
        return manifest
    }
}

extension Entry {
    fileprivate mutating func isolate(_ freePort: () -> Int) {
        switch kind {
        case .distributor(var settings):
            settings.listen.port = 0
            settings.http?.port = 0
            kind = .distributor(settings)
            if basePort != nil { dropOptions(["--listen"]) }
        case .node(var settings):
            if case .journal(let sync, _) = settings.storage { settings.storage = .journal(sync: sync, directory: nil) }
            kind = .node(settings)
            if basePort != nil { dropOptions(["--distributors", "--storage"]) }
        case .program: break
        }
        if basePort != nil { basePort = freePort() }
    }

    /// What is said on a command line lies over what the environment says.
    mutating func dropOptions(_ names: [String]) {
        guard case .words(let words) = command else { return }
        var kept: [String] = []
        var isValue = false
        for word in words {
            let isOption = names.contains { word == $0 || word.hasPrefix($0 + "=") }
            if !isOption, !isValue { kept.append(word) }
            isValue = names.contains(word)
        }
        command = .words(kept)
    }
}
