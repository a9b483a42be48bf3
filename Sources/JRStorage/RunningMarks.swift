import JRBase
import JRSystem
import JRWire

/// The file `RUNNING`: the ids of the jobs whose attempts run, 16 bytes each, in a mapping shared with the page cache.
///
/// What is stored there outlives the process by itself, so that a mark costs no system call. It does not outlive the
/// machine, and need not: what a power cut ends was not the job's doing.
final class RunningMarks: @unchecked Sendable {
    // SAFETY: made by the writer thread while it opens the store, handed to the loop's thread with the answer, and used
    // there alone from then on.

    /// More attempts than these at once are not marked.
    static let slots = 16_384
    static let bytes = slots * 16

    private let mapping: SharedMapping
    // SAFETY: no access to these calls anybody, so that no other one can begin within it.
    @exclusivity(unchecked) private var slotOf = JobTable<Int32>()
    @exclusivity(unchecked) private var free: [Int32] = []
    /// Marks of the process before this one that were not made again by this one.
    @exclusivity(unchecked) private(set) var inherited: Set<JobID> = []
    /// Marks there was no slot for.
    private(set) var unmarked = 0

    init(_ mapping: SharedMapping) {
        self.mapping = mapping
        free.reserveCapacity(Self.slots)
        var slot = Self.slots
        while slot > 0 {
            slot -= 1
            let id = JobID(high: mapping[word: 2 * slot], low: mapping[word: 2 * slot + 1])
            if id.high == 0, id.low == 0 {
                free.append(Int32(slot))
            } else if slotOf[id] == nil {
                slotOf[id] = Int32(slot)
                inherited.insert(id)
            } else {
                // A job is marked once; the second mark is half of one that a death interrupted.
                clear(Int32(slot))
            }
        }
    }

    private static let none = JobID(high: 0, low: 0)

    /// The ids that a file of marks holds, read and not mapped: little endian words, as they are in memory.
    static func ids(in file: [UInt8]) -> Set<JobID> {
        var reader = ByteReader(file)
        var ids: Set<JobID> = []
        while let high = try? reader.littleEndian(UInt64.self), let low = try? reader.littleEndian(UInt64.self) {
            ids.insert(JobID(high: high, low: low))
        }
        ids.remove(none)
        return ids
    }

    /// Forgets the inherited marks of jobs that are not stored any more.
    func keepInherited(where isStored: (JobID) -> Bool) {
        for id in inherited where !isStored(id) { unmark(id) }
    }

    func mark(_ id: JobID) {
        if !inherited.isEmpty { inherited.remove(id) }
        guard id != Self.none else { return }
        guard let slot = free.last else {
            if slotOf[id] == nil { unmarked += 1 }
            return
        }
        if slotOf.insert(slot, for: id) != nil { return }
        free.removeLast()
        mapping[word: 2 * Int(slot)] = id.high
        mapping[word: 2 * Int(slot) + 1] = id.low
    }

    func unmark(_ id: JobID) {
        if !inherited.isEmpty { inherited.remove(id) }
        guard let slot = slotOf.remove(id) else { return }
        clear(slot)
    }

    func clearInherited() {
        for id in inherited { unmark(id) }
    }

    private func clear(_ slot: Int32) {
        mapping[word: 2 * Int(slot)] = 0
        mapping[word: 2 * Int(slot) + 1] = 0
        free.append(slot)
    }
}
