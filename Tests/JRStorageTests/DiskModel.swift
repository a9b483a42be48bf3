import JRBase
import JRSystem
import Synchronization

@testable import JRStorage

/// What happened in the life of a store, in order: what was done to its directory, and what was answered.
final class DiskRecorder: Sendable {
    enum Event: Sendable {
        case change(StoreChange)
        /// A commit after which this is live.
        case begun([String])
        case answered
        /// For now, and without a trace.
        case refused
    }

    private let log = Mutex<[Event]>([])

    var observer: StoreObserver { { self.note(.change($0)) } }
    var events: [Event] { log.withLock { $0 } }

    func note(_ event: Event) { log.withLock { $0.append(event) } }
}

/// A disk behind a page cache, worked out from recorded changes: what was not synced may be there after a power cut or
/// not. Names are durable only when their directory was synced, bytes and lengths when their file was.
struct DiskModel {
    /// Files by name; directories that are there.
    struct Image {
        var files: [String: [UInt8]] = [:]
        var directories: Set<String> = []
    }

    /// What survives of what was not synced.
    enum Survival: Int, CaseIterable {
        case nothing
        case everything
        /// The first so many changes, in the order they were made.
        case prefix
        /// Of each page of 4 KiB one of the states that it went through, and any names.
        case pages
        /// Everything, but of the last write only some sectors of 512 bytes.
        case torn
    }

    private enum Unsynced {
        case data(Int, DataChange)
        case name(NameChange)
    }

    private enum DataChange {
        case write(at: Int, [UInt8])
        case resize(Int)

        func apply(to bytes: inout [UInt8]) {
            switch self {
            case .write(let offset, let written):
                let end = offset + written.count
                // By whole arrays: in a debug build that is the one way which copies memory instead of elements.
                if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
                bytes = Array(bytes[..<offset]) + written + Array(bytes[end...])
            case .resize(let length) where length < bytes.count:
                bytes = Array(bytes[..<length])
            case .resize(let length):
                bytes += [UInt8](repeating: 0, count: length - bytes.count)
            }
        }

        /// The change cut into pieces that lie in one block each.
        func pieces(of size: Int) -> [DataChange] {
            guard case .write(let offset, let bytes) = self else { return [self] }
            var pieces: [DataChange] = []
            var done = 0
            while done < bytes.count {
                let end = min(bytes.count, (offset + done) / size * size + size - offset)
                pieces.append(.write(at: offset + done, Array(bytes[done..<end])))
                done = end
            }
            return pieces
        }
    }

    private enum NameChange {
        case add(String, Int)
        /// Of this very file: what else had the old name before, or has it now, never gets the new one.
        case rename(String, to: String, Int)
        case remove(String)
        case directory(String)

        /// The directory whose sync makes it durable.
        var place: String {
            switch self {
            case .add(let name, _), .remove(let name), .directory(let name), .rename(_, to: let name, _):
                name.contains("/") ? String(name.prefix { $0 != "/" }) : ""
            }
        }

        func apply(to names: inout [String: Int], _ directories: inout Set<String>) {
            switch self {
            case .add(let name, let file): names[name] = file
            case .rename(let from, let to, let file):
                if names[from] == file { names[from] = nil }
                names[to] = file
            case .remove(let name): names[name] = nil
            case .directory(let name): directories.insert(name)
            }
        }
    }

    /// The durable bytes of each file there ever was; names say which of them are still to be found.
    private var files: [[UInt8]] = []
    private var names: [String: Int] = [:]
    private var directories: Set<String> = []
    /// What the running system sees.
    private var current: [String: Int] = [:]
    private var unsynced: [Unsynced] = []

    /// A disk that holds this, durably.
    init(_ image: Image = Image()) {
        for (name, bytes) in image.files {
            names[name] = files.count
            files.append(bytes)
        }
        directories = image.directories
        current = names
    }

    mutating func apply(_ change: StoreChange) {
        switch change {
        case .opened(let name):
            if current[name] == nil { add(name) }
        case .created(let name):
            if let file = current[name] { unsynced.append(.data(file, .resize(0))) } else { add(name) }
        case .resized(let name, let length):
            if let file = current[name] { unsynced.append(.data(file, .resize(length))) }
        case .wrote(let name, let offset, let bytes):
            if let file = current[name] { unsynced.append(.data(file, .write(at: offset, bytes))) }
        case .synced(let name):
            if let file = current[name] { sync(file) }
        case .syncedDirectory(let place):
            unsynced.removeAll { change in
                guard case .name(let change) = change, change.place == place else { return false }
                change.apply(to: &names, &directories)
                return true
            }
        case .renamed(let from, let to):
            guard let file = current.removeValue(forKey: from) else { return }
            current[to] = file
            unsynced.append(.name(.rename(from, to: to, file)))
        case .removed(let name):
            current[name] = nil
            unsynced.append(.name(.remove(name)))
        case .madeDirectory(let name):
            unsynced.append(.name(.directory(name)))
        }
    }

    private mutating func add(_ name: String) {
        current[name] = files.count
        unsynced.append(.name(.add(name, files.count)))
        files.append([])
    }

    private mutating func sync(_ file: Int) {
        unsynced.removeAll { change in
            guard case .data(file, let change) = change else { return false }
            change.apply(to: &files[file])
            return true
        }
    }

    // MARK: The power cut

    /// What a disk may hold if the power is cut now.
    func cut(_ survival: Survival, _ random: inout SeededRandom) -> Image {
        switch survival {
        case .nothing: image(of: [])
        case .everything: image(of: unsynced)
        case .prefix: image(of: Array(unsynced.prefix(random.below(unsynced.count + 1))))
        case .pages: image(of: pages(&random))
        case .torn: image(of: torn(&random))
        }
    }

    private struct Page: Hashable {
        var file: Int
        /// -1 stands for the file's length.
        var number: Int
    }

    private func pages(_ random: inout SeededRandom) -> [Unsynced] {
        // Half of the time names come in their order, as on a file system with a journal.
        let namesInOrder = random.chance(1, in: 2) ? random.below(unsynced.count + 1) : nil
        var histories: [Page: [DataChange]] = [:]
        var order: [Page] = []
        var survivors: [Unsynced] = []
        for (index, change) in unsynced.enumerated() {
            switch change {
            case .name:
                if namesInOrder.map({ index < $0 }) ?? random.chance(1, in: 2) { survivors.append(change) }
            case .data(let file, let change):
                for piece in change.pieces(of: 4_096) {
                    var page = Page(file: file, number: -1)
                    if case .write(let offset, _) = piece { page.number = offset / 4_096 }
                    if histories[page] == nil { order.append(page) }
                    histories[page, default: []].append(piece)
                }
            }
        }
        for page in order {
            let history = histories[page] ?? []
            survivors += history.prefix(random.below(history.count + 1)).map { .data(page.file, $0) }
        }
        return survivors
    }

    private func torn(_ random: inout SeededRandom) -> [Unsynced] {
        let last = unsynced.lastIndex { if case .data(_, .write) = $0 { true } else { false } }
        guard let last, case .data(let file, let change) = unsynced[last] else { return unsynced }
        let sectors = change.pieces(of: 512).filter { _ in random.chance(1, in: 2) }
        return unsynced[..<last] + sectors.map { .data(file, $0) } + unsynced[(last + 1)...]
    }

    private func image(of survivors: [Unsynced]) -> Image {
        var (files, names, directories) = (files, names, directories)
        for change in survivors {
            switch change {
            case .data(let file, let change): change.apply(to: &files[file])
            case .name(let change): change.apply(to: &names, &directories)
            }
        }
        var image = Image(directories: directories)
        for (name, file) in names where !name.contains("/") || directories.contains(String(name.prefix { $0 != "/" })) {
            image.files[name] = files[file]
        }
        return image
    }
}

extension DiskModel.Image {
    /// Makes the directory.
    func write(to path: String) throws {
        try Files.makeDirectory(path)
        for name in directories { try Files.makeDirectory(path + "/" + name) }
        for (name, bytes) in files { try Files.write(path + "/" + name, bytes) }
    }
}
