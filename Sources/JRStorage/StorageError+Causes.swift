import JRJournal
import JRSystem
import JRWire

extension SystemError {
    /// The disk, the user's share of it, or the longest allowed file is full.
    var isWantOfRoom: Bool { name == "ENOSPC" || name == "EDQUOT" || name == "EFBIG" }

    /// No further file could be opened: nothing has happened, and it may succeed later.
    var isWantOfDescriptors: Bool { name == "EMFILE" || name == "ENFILE" }
}

/// Each cause in words, in one place.
extension StorageError {
    static func system(_ error: SystemError, directory: String) -> StorageError {
        if error.isWantOfRoom || error.isWantOfDescriptors { return full(error, directory: directory) }
        switch error.name {
        case "EACCES", "EPERM", "EROFS":
            return StorageError(
                .permission, what: "the storage directory '\(directory)' cannot be used", why: "\(error)",
                mend: "Give it to this user (chown, chmod 700), or name another directory.")
        default:
            return failed(error, directory: directory)
        }
    }

    static func full(_ error: SystemError, directory: String) -> StorageError {
        if error.isWantOfDescriptors {
            return StorageError(
                .full, what: "the storage in '\(directory)' cannot begin a new file", why: "\(error)",
                mend: "Raise the limit of open files (ulimit -n), or give the node fewer connections; it goes on by"
                    + " itself as soon as one can be opened.")
        }
        return StorageError(
            .full, what: "the storage in '\(directory)' has no room", why: "\(error)",
            mend: "Free space on its file system; it goes on by itself as soon as there is some.")
    }

    static func failed(_ error: SystemError, directory: String) -> StorageError {
        StorageError(
            .failed, what: "the storage in '\(directory)' failed", why: "\(error)",
            mend: "Look at the disk (dmesg), then start the program again: it reads what was really stored.")
    }

    static func corrupt(_ refusal: JournalRefusal, directory: String) -> StorageError {
        let place = "byte \(refusal.offset), after sequence \(refusal.sequence)"
        return StorageError(
            .corrupt,
            what: "the journal '\(directory)/\(refusal.file)' is refused at \(place), with \(refusal.recordsKnown) jobs"
                + " read before it", why: refusal.why, mend: "\(refusal.mend(directory)) Nothing was changed.")
    }

    /// An old segment that was found damaged while the store is open: what is in memory is whole, and can be saved.
    static func cannotGiveBack(_ refusal: JournalRefusal, directory: String) -> StorageError {
        StorageError(
            .corrupt,
            what: "the journal '\(directory)/\(refusal.file)' is damaged at byte \(refusal.offset), after sequence"
                + " \(refusal.sequence)",
            why: refusal.why,
            mend: "Jobs are stored and run as before, but this file and all after it stay, and the next start will"
                + " refuse them. Let the jobs end before you stop the node; 'jr journal verify \(directory)' says what"
                + " is damaged, and 'jr journal salvage' saves the rest.")
    }

    /// An old segment could not be read or a new one not be begun, for now.
    static func notGivenBack(_ error: StorageError, directory: String) -> StorageError {
        StorageError(
            error.code, what: "the journal in '\(directory)' could not give back space it does not need",
            why: error.why,
            mend: "Jobs are stored and run as before, and it is tried again; until then it grows.")
    }

    static func unreadable(_ id: JobID, file: String, directory: String) -> StorageError {
        StorageError(
            .corrupt, what: "the job \(id) in '\(directory)/\(file)' cannot be read",
            why: "its bytes are as they were written, but not of a form this program knows",
            mend: "Start the version of the program that wrote it, or a newer one. Nothing was changed.")
    }

    static func locked(by pid: Int32?, directory: String) -> StorageError {
        StorageError(
            .locked, what: "the storage directory '\(directory)' is in use",
            why: pid.map { "process \($0) has it open" } ?? "another process has it open",
            mend: "Stop that process, or give this one a directory of its own.", pid: pid)
    }

    static func notADirectory(_ path: String) -> StorageError {
        StorageError(
            .permission, what: "the storage directory '\(path)' cannot be used", why: "it is not a directory",
            mend: "Name a directory, or a path where one can be made.")
    }

    static func foreignOwner(_ path: String, owner: UInt32) -> StorageError {
        StorageError(
            .permission, what: "the storage directory '\(path)' cannot be used",
            why: "it belongs to user \(owner) and this program runs as user \(SystemProgram.userID)",
            mend: "Run as that user, or: chown -R \(SystemProgram.userID) '\(path)'")
    }

    static func tooOpen(_ path: String, mode: UInt32) -> StorageError {
        StorageError(
            .permission, what: "the storage directory '\(path)' cannot be used",
            why: "others than its owner may enter it (mode \(String(mode & 0o777, radix: 8)))",
            mend: "chmod 700 '\(path)'")
    }

    static func tooLarge(_ limit: JournalLimit, job: JobID, directory: String) -> StorageError {
        let why =
            switch limit {
            case .recordTooLong(let bytes): "its record has \(bytes) bytes; the limit is \(JournalFormat.recordBytes)"
            case .commitTooLong: "the changes before it fill a commit of \(JournalFormat.commitBytes) bytes"
            }
        return StorageError(
            .tooLarge, what: "the job \(job) cannot be stored in '\(directory)'", why: why,
            mend: "Pass a reference to the data (a path, a key) instead of the data.")
    }
}
