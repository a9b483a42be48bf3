package import JRCore
package import JRWire

/// One change of what is stored, to be made and looked at by itself.
package enum StorageChange: Sendable, Equatable {
    /// The job as it now is, whether or not it was known.
    case put(JobRecord)
    case remove(JobID)

    package var id: JobID {
        switch self {
        case .put(let record): record.id
        case .remove(let id): id
        }
    }
}

extension StorageChanges {
    package init(_ changes: [StorageChange]) {
        self.init()
        for change in changes {
            switch change {
            case .put(let record): put(record)
            case .remove(let id): remove(id)
            }
        }
    }

    /// Each by itself, its record read from the bytes that a storage gets.
    package func each() throws(UnpackError) -> [StorageChange] {
        var changes: [StorageChange] = []
        for position in indices {
            var bytes: [UInt8]?
            withRecord(at: position) { record in
                if let record { bytes = record.withUnsafeBufferPointer { Array($0) } }
            }
            if let bytes {
                changes.append(.put(try JobRecord(decoding: bytes[...])))
            } else {
                changes.append(.remove(id(at: position)))
            }
        }
        return changes
    }
}
