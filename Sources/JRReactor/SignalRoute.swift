import JRBase
import JRSystem

/// Signals on their way into a loop: the handler of each writes its number into a pipe.
final class SignalRoute {
    private let pipe: Pipe
    private let numbers: [Int32]
    private let loop: Loop
    private var watch: Handle?

    init(_ numbers: [Int32], on loop: Loop, _ body: @escaping (Loop, Int32) -> Void) throws(SystemError) {
        pipe = try Pipe(nonBlocking: true)
        self.numbers = numbers
        self.loop = loop
        let readEnd = pipe.readEnd.raw
        watch = try loop.watchReadable(readEnd) { loop in
            withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
                guard case .moved(let count) = IO.read(readEnd, into: buffer) else { return }
                for index in 0..<count { body(loop, Int32(buffer[index])) }
            }
        }
        do {
            for number in numbers { try Signals.route(number, to: pipe.writeEnd.raw) }
        } catch {
            end()
            throw error
        }
    }

    /// Lets the signals wait for whatever this process becomes, those with them that have come and were not told yet.
    func hold() {
        for number in numbers { try? Signals.hold(number) }
        var buffer = [UInt8](repeating: 0, count: 256)
        while case .moved(let count) = buffer.withUnsafeMutableBytes({ IO.read(pipe.readEnd.raw, into: $0) }) {
            for byte in buffer[..<count] { try? Signals.raise(Int32(byte)) }
        }
    }

    func release() {
        for number in numbers { try? Signals.release(number) }
    }

    /// Gives the signals their default effect again.
    func end() {
        for number in numbers { Signals.endRoute(number, to: pipe.writeEnd.raw) }
        if let watch { loop.unwatch(watch) }
        watch = nil
    }
}
