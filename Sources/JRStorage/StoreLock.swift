import JRJournal
import JRSystem

/// The lock on a store's directory: one process has it open at a time, and the others are told which.
final class StoreLock {
    private var file: StoreFile?

    init(_ directory: StoreDirectory) throws(StorageError) {
        let file = try directory.attempt { () throws(SystemError) in try directory.open(JournalFormat.lockName) }
        let isOurs = try directory.attempt { () throws(SystemError) in try file.tryLock() }
        guard isOurs else {
            let text = try directory.attempt { () throws(SystemError) in
                try directory.read(JournalFormat.lockName, limit: 20) ?? []
            }
            let digits = String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            throw .locked(by: Int32(digits), directory: directory.path)
        }
        do {
            try directory.attempt { () throws(SystemError) in
                try file.truncate(to: 0)
                try file.write(Array("\(SystemProgram.pid)\n".utf8), at: 0)
            }
        } catch {
            file.unlock()
            throw error
        }
        self.file = file
    }

    deinit { release() }

    func release() {
        file?.unlock()
        file = nil
    }
}
