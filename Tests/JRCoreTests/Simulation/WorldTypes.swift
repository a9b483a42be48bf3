import JRBase
import JRWire

@testable import JRCore

/// One of the processes of a simulated cluster.
enum Process: Hashable {
    case distributor(Int)
    case node(Int)
    case client(Int)
}

/// What happens in a simulated cluster, each at its time.
///
/// What belongs to one life of a process names that life, and is nothing to the next one.
enum Happening {
    case dial(from: Process, life: Int, to: Process)
    case arrives(connection: Int, end: Int, Packet)
    case closes(connection: Int, end: Int)
    case turn(Process, life: Int)
    case timer(node: Int, life: Int)
    case batchReachesDisk(node: Int, life: Int)
    case batchIsAnswered(node: Int, life: Int)
    case attemptEnds(node: Int, life: Int, RunOrder, AttemptResult)
    case enqueue(client: Int)
    case cancel(client: Int)
    case crash(Process)
    case start(Process)
    case storage(node: Int, isFull: Bool)
    case calm
}

enum Packet {
    case hello(Hello)
    case message(Message)
}

/// A connection: two directions, each in order, until it is cut. After the cut nothing more is put in, and what is on
/// its way arrives up to some moment that neither side knows.
struct Connection {
    struct End {
        var process: Process
        var life: Int
        var link: LinkID
        var isDialler: Bool
        var isOpened = false
        var isClosed = false
        /// When the last packet arrives here; a later one never overtakes it.
        var lastArrival: Int64 = 0
        /// Nothing arrives here after this moment.
        var deafAfter = Int64.max
    }

    var ends: [End]
    var isCut = false
}

/// A node's process and its disk; the disk survives it.
struct SimulatedNode {
    var engine: NodeEngine?
    var life = 0
    var hasDialled = false
    var wakesAt: Instant?
    var batch: (number: Int, changes: StorageChanges)?
    var isApplied = false

    var disk: [JobID: JobRecord] = [:]
    var running: Set<JobID> = []
    var inherited: Set<JobID> = []
    /// Attempts under way, as the shell knows them.
    var orders: [AttemptID: RunOrder] = [:]
    /// Jobs whose attempt took too long and does not stop: another one may begin beside it.
    var unstoppable: Set<JobID> = []
    var isFull = false
}

struct SimulatedDistributor {
    var engine: DistributorEngine?
    var life = 0
}

struct SimulatedClient {
    var engine: ClientEngine?
    var life = 0
    /// What it asked to have cancelled, by the number of the question.
    var cancels: [UInt32: JobID] = [:]
}

/// What the world knows of a job, beside what the engines say.
struct SimulatedJob {
    var request: JobRequest
    var client: Int
    var clientLife: Int
    /// The application was told that it is stored.
    var isAcknowledged = false
    /// A fault happened that allows a second run.
    var mayRunTwice = false
    /// A fault happened while it was not acknowledged: a node may have a copy that nobody knows of.
    var mayHaveCopies = false
    /// Somebody was told that it never runs again.
    var isCancelled = false
    var hasEnded = false
    var successes = 0
    var reported: [Int] = []
    var finalReports = 0
    /// The attempts of each node so far.
    var attempts: [Int: Int] = [:]
    var runningOn: Set<Int> = []
}

/// Which faults a run has, drawn from its seed: some runs have none of a kind, so that others show up more clearly.
struct Faults {
    var cutsPerThousand = 0
    var nodeCrashes = 0
    var distributorCrashes = 0
    var clientCrashes = 0
    var fullStorages = 0
    var failsPerHundred = 0
    var hangsPerHundred = 0
    var diesPerHundred = 0
    var slowest: Int64 = 5
    /// Jobs that people cancel, and jobs with a time-out.
    var cancels = 0
    var timeoutsPerHundred = 0

    init(_ random: inout SeededRandom) {
        func sometimes(_ most: Int) -> Int { random.chance(1, in: 2) ? 1 + random.below(most) : 0 }
        cutsPerThousand = sometimes(20)
        nodeCrashes = sometimes(6)
        distributorCrashes = sometimes(3)
        clientCrashes = sometimes(2)
        fullStorages = sometimes(4)
        failsPerHundred = sometimes(40)
        hangsPerHundred = sometimes(5)
        diesPerHundred = sometimes(5)
        slowest = [2, 20, 300][random.below(3)]
    }
}
