/// Every limit of the system in one place. What happens when one is reached is said at each.
public enum Limits {
    /// A frame's body on the wire, in bytes; a longer one is refused before anything is allocated, and the connection
    /// closed.
    public static let frameBytes = 16 * 1024 * 1024
    /// A frame's body before the peer has said hello.
    public static let helloBytes = 64 * 1024
    /// How deep values (MessagePack, JSON) may nest.
    public static let nesting = 32
    /// A job's encoded arguments, in bytes; more is refused where the job is enqueued.
    public static let argumentBytes = 8 * 1024 * 1024
    /// A name (job, node), in bytes, of letters, digits and `_ . : -`.
    public static let nameBytes = 128
    /// Bytes a connection may hold unsent before no more is read for it.
    public static let outboxSoftBytes = 4 * 1024 * 1024
    /// Bytes a connection may hold unsent before it is closed.
    public static let outboxHardBytes = 64 * 1024 * 1024
    /// Bytes read from one connection in one turn of the reactor, so that no peer starves the others.
    public static let readBytesPerTurn = 256 * 1024
    /// Connections of one process; at the limit new ones are closed.
    public static let connections = 1_024
    /// Jobs waiting in a distributor, and the bytes of their arguments; past either, enqueue is refused as
    /// `backlog_full`.
    public static let backlogJobs = 10_000_000
    public static let backlogBytes = 1 << 30
    /// Jobs a node keeps for a later time, and the bytes of their arguments; past either, it refuses more.
    public static let scheduledJobs = 10_000_000
    public static let scheduledBytes = 1 << 30
    /// The furthest a job may be put off.
    public static let furthestDelay = Interval.seconds(Int64(366 * 24 * 3600))
    /// The length of an error text that is kept with a job, in bytes.
    public static let errorTextBytes = 4_096
}
