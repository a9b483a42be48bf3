import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// The pipe on which a child says that it is ready.
final class ReadyPipe {
    private let descriptor: Descriptor
    private let loop: Loop
    private var watch: Handle?
    private var held: [UInt8]
    private let said: (ReadyLine) -> Void

    /// - Parameter held: Read before by a predecessor of this program.
    init(
        _ descriptor: consuming Descriptor, _ loop: Loop, held: [UInt8] = [], said: @escaping (ReadyLine) -> Void
    ) throws(SystemError) {
        self.held = held
        try IO.setNonBlocking(descriptor.raw)
        self.descriptor = descriptor
        self.loop = loop
        self.said = said
        watch = try loop.watchReadable(self.descriptor.raw) { [weak self] _ in self?.read() }
    }

    /// All that another program needs to go on reading; nil when nothing more is expected.
    var handed: Handover.Ready? { watch == nil ? nil : Handover.Ready(descriptor: descriptor.raw, held: held) }

    /// Reads what is there: called before a child's exit is told, so that what it said last still counts.
    func read() {
        guard watch != nil else { return }
        var buffer = [UInt8](repeating: 0, count: ReadyLine.longest)
        while true {
            switch buffer.withUnsafeMutableBytes({ IO.read(descriptor.raw, into: $0) }) {
            case .moved(0), .failed: return close()
            case .wouldBlock: return
            case .moved(let count): take(buffer[..<count])
            }
            if watch == nil { return }
        }
    }

    func close() {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        held.append(contentsOf: bytes)
        while let end = held.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: held[..<end], as: UTF8.self)
            held.removeFirst(end + 1)
            if let line = ReadyLine(line) { said(line) }
        }
        // No line of ours is that long: whoever writes it has something else in mind.
        if held.count > ReadyLine.longest { close() }
    }
}
