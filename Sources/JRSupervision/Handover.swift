public import JRBase

/// What a supervisor hands over to the program that it becomes: what runs, how it is reached, and what is known of it.
/// Descriptors are numbers of this process, which stay as they are.
public struct Handover: Sendable, Equatable {
    /// Of what is written. A program takes over only what it understands.
    public static let version = 1

    /// Output of a process, of an earlier incarnation too as long as somebody holds it open.
    public struct Output: Sendable, Equatable {
        public var stream: LogStream
        public var incarnation: Int
        public var descriptor: Int32
        /// A line whose end has not come.
        public var held: [UInt8]
        public var exitedAt: Instant?

        public init(
            stream: LogStream, incarnation: Int, descriptor: Int32, held: [UInt8] = [], exitedAt: Instant? = nil
        ) {
            self.stream = stream
            self.incarnation = incarnation
            self.descriptor = descriptor
            self.held = held
            self.exitedAt = exitedAt
        }
    }

    /// Where a process says that it is ready.
    public struct Ready: Sendable, Equatable {
        public var descriptor: Int32
        public var held: [UInt8]

        public init(descriptor: Int32, held: [UInt8] = []) {
            self.descriptor = descriptor
            self.held = held
        }
    }

    /// Where a program says over `NOTIFY_SOCKET` what it does.
    public struct Notices: Sendable, Equatable {
        public var descriptor: Int32
        /// As the program knows it.
        public var address: String
        /// Whose process it is.
        public var userID: UInt32

        public init(descriptor: Int32, address: String, userID: UInt32) {
            self.descriptor = descriptor
            self.address = address
            self.userID = userID
        }
    }

    /// What a process was started from and could be started from again.
    public struct Kept: Sendable, Equatable {
        /// The kept executable; nil for a command of the system.
        public var executable: String?
        public var jobs: String?

        public init(executable: String?, jobs: String?) {
            self.executable = executable
            self.jobs = jobs
        }
    }

    public struct Instance: Sendable, Equatable {
        public var place: Plan.Place
        public var name: String
        public var memory: InstanceMachine.Memory
        /// With the pid it names one process only.
        public var startTime: UInt64?
        /// The path of its control group.
        public var controlGroup: String?
        public var changedAt: Instant?
        public var port: Int?
        public var words: Set<String> = []
        public var jobs: JobCounts?
        public var jobsAtDeath: [String] = []
        public var recovered: String?
        /// How many lines there were.
        public var outLines = 0
        public var errLines = 0
        public var outputs: [Output] = []
        public var ready: Ready?
        public var notices: Notices?
        /// What its process says that it is doing.
        public var said: String?
        public var lifeline: Int32?
        public var launch: Kept?
        public var proven: Kept?
        public var fallback: Kept?

        public init(place: Plan.Place, name: String, memory: InstanceMachine.Memory) {
            self.place = place
            self.name = name
            self.memory = memory
        }

        var descriptors: [Int32] {
            outputs.map(\.descriptor) + [ready?.descriptor, notices?.descriptor, lifeline].compactMap { $0 }
        }
    }

    /// The manifest that runs: the file may be another one by now.
    public var manifestPath: String
    public var manifest: [UInt8]
    public var isDetached = false
    public var wasReady = false
    public var startedAt = Instant.zero
    /// The path of the control group that has all others in it.
    public var controlGroup: String?
    /// The limit of open files that children get.
    public var openFiles: OpenFiles?
    public var lock: Int32
    public var control: Int32
    /// Of the one who asked for it.
    public var client: Int32?
    /// How many executables were kept.
    public var keptExecutables = 0
    public var instances: [Instance] = []

    public struct OpenFiles: Sendable, Equatable {
        public var soft: UInt64
        public var hard: UInt64

        public init(soft: UInt64, hard: UInt64) {
            self.soft = soft
            self.hard = hard
        }
    }

    public init(manifestPath: String, manifest: [UInt8], lock: Int32, control: Int32) {
        self.manifestPath = manifestPath
        self.manifest = manifest
        self.lock = lock
        self.control = control
    }

    /// All that has to stay open.
    public var descriptors: [Int32] {
        [lock, control] + [client].compactMap { $0 } + instances.flatMap(\.descriptors)
    }

    /// Why nothing can be made of what was read.
    public struct Unreadable: Error, Equatable {
        public var reason: String

        public init(reason: String) {
            self.reason = reason
        }
    }
}
