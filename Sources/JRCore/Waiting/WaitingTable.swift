import JRBase
import JRWire

/// From ids to small numbers: four bytes a place, as the ids are where the numbers say.
struct WaitingTable: Sendable {
    /// One more than the number; 0 is none.
    private var places: [UInt32] = []
    private var count = 0

    private func home(_ id: JobID) -> Int {
        FastHash.hash(id.high, id.low, seed: 0) & (places.count - 1)
    }

    func find(_ id: JobID, _ idOf: (UInt32) -> JobID) -> UInt32? {
        guard !places.isEmpty else { return nil }
        var place = home(id)
        while places[place] != 0 {
            let number = places[place] - 1
            if idOf(number) == id { return number }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// It may not be there yet.
    mutating func insert(_ id: JobID, _ number: UInt32, _ idOf: (UInt32) -> JobID) {
        if (count + 1) * 4 > places.count * 3 { resize(to: max(16, places.count * 2), idOf) }
        put(number, home(id))
        count += 1
    }

    private mutating func put(_ number: UInt32, _ home: Int) {
        var place = home
        while places[place] != 0 { place = (place + 1) & (places.count - 1) }
        places[place] = number + 1
    }

    private mutating func resize(to size: Int, _ idOf: (UInt32) -> JobID) {
        let old = places
        places = [UInt32](repeating: 0, count: size)
        for entry in old where entry != 0 { put(entry - 1, home(idOf(entry - 1))) }
    }

    /// Those behind it in its run move up, so that no place has to be marked as left.
    mutating func remove(_ id: JobID, _ idOf: (UInt32) -> JobID) {
        guard !places.isEmpty else { return }
        var hole = home(id)
        while places[hole] != 0, idOf(places[hole] - 1) != id { hole = (hole + 1) & (places.count - 1) }
        guard places[hole] != 0 else { return }
        let mask = places.count - 1
        var next = (hole + 1) & mask
        while places[next] != 0 {
            // How far each is from where it would like to be.
            let own = (next - home(idOf(places[next] - 1))) & mask
            if own >= (next - hole) & mask {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = 0
        count -= 1
        if places.count > 1_024, count * 8 < places.count { resize(to: places.count / 2, idOf) }
    }
}
