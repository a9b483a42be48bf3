import JRSystem
import Synchronization

/// A log file that is put aside by a rename when it has reached its size; never copied, never a gap.
final class RotatingFile: Sendable {
    private struct State: ~Copyable, Sendable {
        var file: Descriptor?
        var size = 0
    }

    let path: String
    private let maxSize: Int
    private let keep: Int
    // One batch at a time comes from the outlet; the lock makes that the compiler's knowledge and is never waited for.
    private let state = Mutex(State())

    init(path: String, maxSize: Int, keep: Int) {
        self.path = path
        self.maxSize = maxSize
        self.keep = keep
    }

    /// Blocks for as long as the disk takes. The answer is how many lines are lost, such as for lack of space.
    func write(_ bytes: [UInt8]) -> Int {
        state.withLock { state in
            var rest = bytes[...]
            do {
                try write(&rest, &state)
                return 0
            } catch {
                // Opened again next time: the directory may have been made anew, or space found.
                state.file = nil
                return max(1, rest.count { $0 == UInt8(ascii: "\n") })
            }
        }
    }

    private func write(_ rest: inout ArraySlice<UInt8>, _ state: inout State) throws(SystemError) {
        while !rest.isEmpty {
            try open(&state)
            guard let raw = state.file?.raw else { return }
            let part = rest.prefix(portion(of: rest, size: state.size))
            if !part.isEmpty {
                try Files.writeAll(raw, Array(part), subject: path)
                state.size += part.count
                rest = rest.dropFirst(part.count)
            }
            if !rest.isEmpty { try rotate(&state) }
        }
    }

    /// How much still goes into this file: whole lines, and at least one into an empty file.
    private func portion(of bytes: ArraySlice<UInt8>, size: Int) -> Int {
        let room = maxSize - size
        if bytes.count <= room { return bytes.count }
        let newline = UInt8(ascii: "\n")
        if room > 0, let last = bytes.prefix(room).lastIndex(of: newline) { return last - bytes.startIndex + 1 }
        guard size == 0 else { return 0 }
        return bytes.firstIndex(of: newline).map { $0 - bytes.startIndex + 1 } ?? bytes.count
    }

    private func open(_ state: inout State) throws(SystemError) {
        if state.file != nil { return }
        let file = try Files.open(path, [.write, .create, .append, .noFollow])
        let status = try Files.status(of: file.raw)
        guard status.kind == .file, status.userID == SystemProgram.userID else {
            throw SystemError(call: "open", code: SystemError.accessDenied, subject: path)
        }
        state.size = Int(status.size)
        state.file = consume file
    }

    private func rotate(_ state: inout State) throws(SystemError) {
        state.file = nil
        state.size = 0
        if keep == 0 {
            try Files.remove(path)
            return
        }
        for number in stride(from: keep - 1, through: 1, by: -1) {
            // A gap in the row is no failure: the file may never have been there.
            try? Files.rename("\(path).\(number)", to: "\(path).\(number + 1)")
        }
        try Files.rename(path, to: "\(path).1")
    }
}
