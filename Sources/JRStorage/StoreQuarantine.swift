import JRJournal
import JRSystem

/// The directory `quarantine/` of a store: torn ends of journals, for people to look at. The oldest ones go when there
/// are more than 64 MiB of them.
struct StoreQuarantine {
    static let limit = 64 * 1024 * 1024
    private let directory: StoreDirectory
    private var path: String { directory.path(of: JournalFormat.quarantineName) }

    init(_ directory: StoreDirectory) {
        self.directory = directory
    }

    /// Gives the name of the file with the torn bytes, relative to the store's directory.
    func keep(_ tail: RecoveredTail) throws(SystemError) -> String {
        try directory.makeDirectory(JournalFormat.quarantineName)
        let name = "\(JournalFormat.quarantineName)/\(tail.name)"
        makeRoom(for: tail.tornBytes)
        let file = try directory.create(name)
        try file.write(Array(tail.torn), at: 0)
        try file.sync()
        try directory.syncDirectory(JournalFormat.quarantineName)
        return name
    }

    /// What is kept here is a courtesy: failing to make room is no reason not to start.
    private func makeRoom(for bytes: Int) {
        let names = (try? Files.list(path)) ?? []
        var total = bytes
        // Names begin with the segment's sequence number: the newest come last.
        for name in names.reversed() {
            total += Int((try? Files.status(path + "/" + name).size) ?? 0)
            if total > Self.limit { directory.remove("\(JournalFormat.quarantineName)/\(name)") }
        }
    }
}
