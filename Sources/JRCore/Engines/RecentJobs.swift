import JRBase
import JRWire

/// The last ids that something became of, and what: `limit` of them at least, and twice as many at the most.
///
/// Two generations: when the younger one is full the older one goes as a whole, so that no job pays for the removal of
/// another. Each is a list in the order of coming, and is looked into only for an id that may be in it: ids are made in
/// the order of time, so that one younger than all in the list is not. Only then are the ids of the list put where they
/// can be found.
struct RecentJobs<End: Sendable>: Sendable {
    private struct Generation: Sendable {
        var list: [(id: JobID, end: End)] = []
        /// Where the first so many are in the list.
        var places = JobTable<Int32>()
        var placed = 0
        /// No id of the list is between these two.
        var (newest, oddest): (UInt64, UInt64) = (0, .max)

        mutating func append(_ id: JobID, _ end: End, created: WallTime) {
            list.append((id, end))
            guard id.high > newest, id.high < oddest else { return }
            // Keys that people choose are anything: those that pretend to come from the future stand apart.
            let latest = JobID(at: created + .seconds(Int64(1)), random: (0, 0)).high
            if id.high <= latest { newest = id.high } else { oddest = id.high }
        }

        mutating func find(_ id: JobID) -> End? {
            if list.isEmpty || (id.high > newest && id.high < oddest) { return nil }
            while placed < list.count {
                places[list[placed].id] = Int32(truncatingIfNeeded: placed)
                placed += 1
            }
            return places[id].map { list[Int($0)].end }
        }

        mutating func removeAll() {
            list.removeAll(keepingCapacity: true)
            if placed > 0 { places.removeAll(keepingCapacity: true) }
            placed = 0
            (newest, oddest) = (0, .max)
        }
    }

    private let limit: Int
    private var younger = Generation()
    private var older = Generation()

    init(limit: Int) {
        self.limit = limit
    }

    subscript(id: JobID) -> End? {
        mutating get { younger.find(id) ?? older.find(id) }
    }

    /// - Parameter created: when the job was, by the clock of its application, by which its id is mostly made too.
    mutating func insert(_ id: JobID, _ end: End, created: WallTime) {
        if younger.list.count >= limit {
            swap(&younger, &older)
            younger.removeAll()
        }
        younger.append(id, end, created: created)
    }
}
