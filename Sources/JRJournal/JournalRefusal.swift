/// Why a store is not opened: opening it would quietly go on with less than was promised, or nobody knows.
public struct JournalRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        /// Bytes that were durable are not what was written.
        case damaged(String)
        /// A file that the others need is not there.
        case missing(String)
        /// The file belongs to another store.
        case foreign
        case newerVersion(major: UInt8, minor: UInt8)
    }

    public var reason: Reason
    /// The file's name in the store's directory.
    public var file: String
    /// Where in the file, in bytes.
    public var offset: Int
    /// The last sequence number before the trouble.
    public var sequence: UInt64
    /// How many live records had been read by then.
    public var recordsKnown: Int

    public init(_ reason: Reason, file: String, offset: Int = 0, sequence: UInt64 = 0, recordsKnown: Int = 0) {
        self.reason = reason
        self.file = file
        self.offset = offset
        self.sequence = sequence
        self.recordsKnown = recordsKnown
    }

    public var why: String {
        switch reason {
        case .damaged(let words): words
        case .missing(let words): words
        case .foreign: "it belongs to another store: its identity is not the one in META"
        case .newerVersion(let major, let minor):
            "format \(major).\(minor) wrote it, and this program reads \(JournalFormat.major)"
        }
    }

    /// What a person can do, in a store in this directory.
    public func mend(_ directory: String) -> String {
        switch reason {
        case .damaged, .missing:
            "Put the directory back from a copy; or 'jr journal salvage \(directory) --to NEWDIR' saves what is whole;"
                + " or move it away to start without its jobs."
        case .foreign:
            "Put back the file that belongs here, or move the directory away to start without its jobs."
        case .newerVersion:
            "Start the version of the program that wrote it, or a newer one."
        }
    }

    public var description: String {
        "\(file) at byte \(offset), after sequence \(sequence), with \(recordsKnown) live records before it: \(why)."
    }
}
