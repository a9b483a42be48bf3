import JRJournal
import JRSystem

/// Two files of empty blocks, kept for a full disk: a segment for the ends of jobs that are there, and one more, so
/// that the segments which those ends made superfluous can be given up. They are renamed when they become segments.
final class StoreReserve {
    static let names = ["reserve-1.tmp", "reserve-2.tmp"]

    private let directory: StoreDirectory
    private var files: [(file: StoreFile, bytes: Int)?] = [nil, nil]
    /// What was asked for was there when it was last looked at.
    private(set) var isComplete = false

    init(_ directory: StoreDirectory) {
        self.directory = directory
    }

    /// What an earlier process kept; its room is needed for the first segment of this one.
    static func removeLeftovers(in directory: StoreDirectory) {
        for name in names { directory.remove(name) }
    }

    /// Makes both files, or makes them longer, where they are not as long as `size` asks.
    func ensure(_ size: JournalReserve) throws(SystemError) {
        let wanted = [size.ends, size.drop]
        isComplete = false
        for place in 0..<2 where files[place]?.bytes ?? 0 < wanted[place] {
            // Half more than is needed, so that it is not made longer for every job.
            do {
                try make(place, bytes: wanted[place] / 2 * 3, least: wanted[place])
            } catch {
                guard error.isWantOfRoom, trim(to: size) else { throw error }
                try make(place, bytes: wanted[place], least: wanted[place])
            }
        }
        isComplete = true
    }

    /// Gives back what was needed for more jobs than there are now; false if that is nothing.
    func trim(to size: JournalReserve) -> Bool {
        var hasGiven = false
        for (place, wanted) in [size.ends, size.drop].enumerated() {
            guard let kept = files[place], kept.bytes > wanted else { continue }
            guard (try? kept.file.truncate(to: wanted)) != nil else { continue }
            files[place]?.bytes = wanted
            hasGiven = true
        }
        return hasGiven
    }

    private func make(_ place: Int, bytes: Int, least: Int) throws(SystemError) {
        let name = Self.names[place]
        let old = files[place]
        let file = if let old { old.file } else { try directory.create(name) }
        do {
            try file.allocate(bytes)
            files[place] = (file, bytes)
        } catch {
            guard error.isWantOfRoom, bytes > least else {
                // Part of it may have been allocated.
                if let old { try? file.truncate(to: old.bytes) } else { directory.remove(name) }
                throw error
            }
            try make(place, bytes: least, least: least)
        }
    }

    /// Which of the files may become a segment when there is no room for another one.
    enum Choice {
        case none
        case shortest
        case longest
    }

    /// Gives away a file of at least so many bytes, to become a segment.
    func take(_ choice: Choice, atLeast bytes: Int) -> (file: StoreFile, bytes: Int)? {
        let fitting = files.indices.filter { files[$0]?.bytes ?? -1 >= bytes }
            .sorted { files[$0]?.bytes ?? 0 < files[$1]?.bytes ?? 0 }
        let place: Int? =
            switch choice {
            case .none: nil
            case .shortest: fitting.first
            case .longest: fitting.last
            }
        guard let place else { return nil }
        isComplete = false
        defer { files[place] = nil }
        return files[place]
    }

    /// After a good end nothing is kept.
    func remove() {
        files = [nil, nil]
        isComplete = false
        Self.removeLeftovers(in: directory)
    }
}
