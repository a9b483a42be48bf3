import JRBase
import JRReactor
import JRSupervision

/// Where the lines of one stream of one incarnation go: the instance's file and the console.
///
/// What is read at once becomes one ``Batch``, so that a line costs no more than its bytes.
final class LineSink {
    private let log: InstanceLog
    private let console: Console
    private let position: Int
    let origin: LogOrigin
    private let format: Policy.Logs.Format
    private let sequences: SequenceNumbers
    private let time: () -> [UInt8]

    init(
        _ position: Int, _ origin: LogOrigin, log: InstanceLog, console: Console, sequences: SequenceNumbers,
        time: @escaping () -> [UInt8]
    ) {
        self.position = position
        self.origin = origin
        self.log = log
        self.console = console
        self.sequences = sequences
        self.time = time
        format = log.format
    }

    /// Lines while they are put together: bytes for both places, and what the console has no room for.
    struct Batch {
        fileprivate var file: [UInt8]
        fileprivate var console: Console.Batch
        fileprivate var origin: LogOrigin
        fileprivate let format: Policy.Logs.Format
        fileprivate let time: [UInt8]

        mutating func append(_ piece: Span<UInt8>, _ ending: LineEnding) {
            origin.sequence += 1
            switch format {
            case .text: LogText.appendTextLine(piece, ending, origin.stream, time: time, to: &file)
            case .json: LogText.appendJSONLine(piece, ending, origin, time: time, to: &file)
            }
            console.append(piece, ending, origin, time: time)
        }
    }

    /// Takes the lines that `body` appends.
    func write(_ body: (inout Batch) -> Void) {
        var origin = origin
        origin.sequence = sequences.last(origin.stream)
        var batch = Batch(
            file: log.takePending(), console: console.begin(position, origin.stream), origin: origin, format: format,
            time: time())
        body(&batch)
        sequences.set(batch.origin.sequence, origin.stream)
        log.putPending(batch.file)
        console.end(batch.console, position)
    }
}

/// How many lines each stream of an instance has had, over all its incarnations.
final class SequenceNumbers {
    private var out = 0
    private var err = 0

    func last(_ stream: LogStream) -> Int { stream == .out ? out : err }

    func set(_ number: Int, _ stream: LogStream) {
        if stream == .out { out = number } else { err = number }
    }
}
