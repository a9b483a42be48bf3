public import JRBase
public import JRJSON
public import JRSettings

/// A cluster as its user wrote it down: what runs, in which order, and how each thing is kept running.
public struct Manifest: Sendable, Equatable {
    public var name: String
    /// As written: relative to the manifest's directory, or absolute.
    public var runtimeDirectory: String
    /// Distributors, then nodes, then programs, each in the order of the file.
    public var entries: [Entry]

    public init(name: String, runtimeDirectory: String, entries: [Entry]) {
        self.name = name
        self.runtimeDirectory = runtimeDirectory
        self.entries = entries
    }

    public func entry(named name: String) -> Entry? { entries.first { $0.name == name } }
}

/// One thing of the manifest, of which there are ``count`` instances.
public struct Entry: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case distributor(DistributorSettings)
        case node(NodeSettings)
        case program
    }

    public enum Command: Sendable, Equatable {
        /// `jr-distributor` or `jr-node`, found beside the supervisor.
        case own
        /// Executed as it is, without a shell.
        case words([String])
        /// For `/bin/sh -c`.
        case shell(String)
    }

    public var name: String
    public var kind: Kind
    public var count: Int
    public var command: Command
    /// In the order of the file.
    public var environment: [EnvironmentVariable]
    /// As written; nil is the manifest's directory.
    public var workingDirectory: String?
    /// Whose process a program is, by name or number; nil for the supervisor's own user.
    public var user: String?
    /// Whether a program says over `NOTIFY_SOCKET` that it is ready; one that does not is so when it runs.
    public var notifies = false
    /// How often such a program has to say that it is alive, once it is ready; nil for never.
    public var watchdog: Interval?
    /// Names of entries that must be ready first.
    public var after: [String]
    public var policy: Policy
    /// Those that have keys of their own in the entry; its instances get them as `JR_…` variables.
    public var settings: [Setting: SettingValue]
    /// What the first instance calls itself on its command line (Procfile), in place of `NAME.1`.
    public var givenName: String?
    /// The first instance's `PORT` (Procfile); nil when none is given out.
    public var basePort: Int?
    /// Where in the file the values stand that only the machine can check, such as `command` and `jobs`.
    public var places: [String: Position]

    public init(name: String, kind: Kind, command: Command, policy: Policy = Policy()) {
        self.name = name
        self.kind = kind
        self.command = command
        self.policy = policy
        count = 1
        environment = []
        after = []
        settings = [:]
        places = [:]
    }

    /// Where it stands in a manifest: `nodes.worker`.
    public var path: String {
        switch kind {
        case .distributor: "distributors.\(name)"
        case .node: "nodes.\(name)"
        case .program: "programs.\(name)"
        }
    }

    /// What its first instance is called.
    public var firstName: String { givenName ?? "\(name).1" }

    /// What must be ready before it starts: a node's distributors, a program's `after`.
    public var dependencies: [String] {
        switch kind {
        case .distributor: []
        case .node(let settings): settings.distributors
        case .program: after
        }
    }
}

public struct EnvironmentVariable: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

public struct DistributorSettings: Sendable, Equatable {
    public var listen: ListenAddress
    public var http: ListenAddress?

    public init(listen: ListenAddress, http: ListenAddress? = nil) {
        self.listen = listen
        self.http = http
    }
}

public struct NodeSettings: Sendable, Equatable {
    public var distributors: [String]
    /// The job directory as written.
    public var jobs: String?
    public var storage: StorageSettings
    /// How many jobs it may hold ready or running; nil leaves it to the node.
    public var credit: Int?

    public init(
        distributors: [String], jobs: String? = nil,
        storage: StorageSettings = .journal(sync: .always, directory: nil), credit: Int? = nil
    ) {
        self.distributors = distributors
        self.jobs = jobs
        self.storage = storage
        self.credit = credit
    }
}

public enum StorageSettings: Sendable, Equatable {
    public enum Sync: String, Sendable, CaseIterable {
        case always, interval, never
    }

    case memory
    /// Without a directory: `storage/INSTANCE` in the runtime directory.
    case journal(sync: Sync, directory: String?)
    /// Without an address: the one that the settings of the node's environment say.
    case redis(url: String?)
}

/// `host:port` to listen on.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    public var host: String
    /// 0 takes a free one.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:5000`, `localhost:5000` or `[::1]:5000`; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = String(text[..<colon])
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), port <= 65_535
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":"), host.utf8.allSatisfy(ListenAddress.isIPv6Byte) else { return nil }
        } else if host != "localhost" {
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        }
        self.init(host: host, port: port)
    }

    private static func isIPv6Byte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
