import JRBase
import JRJSON
public import JRReactor
import JRSupervision
import JRSystem

/// What is shown while a supervisor runs in the foreground: lines of children and of the supervisor, each with its
/// prefix.
///
/// A console that does not take what it is given stops nobody: what does not fit is left out, counted, and said.
public final class Console {
    public enum Style: Sendable, Equatable {
        /// Nothing at all: a supervisor in the background.
        case none
        case text(colors: Bool)
        /// A JSON object a line.
        case json
    }

    /// Bytes that may wait for the console. A file is never blocked for long, and is to have every line.
    private static let usualCapacity = 1 << 20
    private static let fileCapacity = 32 << 20
    private static let supervisorName = "supervisor"

    private let loop: Loop
    private let style: Style
    private let showsChildren: Bool
    private let outlet: Outlet
    private let capacity: Int
    private var width = supervisorName.count
    /// Left out since it was last said, by instance.
    private var dropped: [Int: (lines: Int, bytes: Int)] = [:]
    private var names: [String] = []
    private var prefixes: [(out: [UInt8], err: [UInt8], own: [UInt8])] = []
    private var ownPrefix: [UInt8] = []
    private var timeOfDay: (second: Int64, text: [UInt8]) = (-1, [])

    /// - Parameters:
    ///   - descriptor: Stays the caller's. It is written to blocking, by threads of the loop's pool.
    ///   - showsChildren: Whether the lines of children are shown, not only those of the supervisor.
    public init(_ loop: Loop, descriptor: Int32, style: Style, showsChildren: Bool) {
        self.loop = loop
        self.style = style
        self.showsChildren = showsChildren && style != .none
        let isFile = (try? Files.status(of: descriptor))?.kind == .file
        capacity = isFile ? Console.fileCapacity : Console.usualCapacity
        outlet = Outlet(loop) { bytes in
            (try? Files.writeAll(descriptor, bytes)) == nil ? bytes.count { $0 == UInt8(ascii: "\n") } : 0
        }
        outlet.written = { [weak self] _ in self?.tellDropped() }
    }

    var isJSON: Bool { style == .json }

    /// Whose lines there will be, in the order of the plan.
    func prepare(_ names: [String]) {
        self.names = names
        width = names.map(\.count).reduce(Console.supervisorName.count, max)
        let hasColors = style == .text(colors: true)
        let prefix = { (index: Int, name: String, mark: UInt8) in
            LogText.prefix(name: name, width: self.width, color: hasColors ? index : nil, mark: mark)
        }
        prefixes = names.enumerated().map { index, name in
            (
                prefix(index, name, LogText.outMark), prefix(index, name, LogText.errMark),
                prefix(index, name, LogText.supervisorMark)
            )
        }
        ownPrefix = LogText.prefix(
            name: Console.supervisorName, width: width, color: nil, mark: LogText.supervisorMark)
    }

    // MARK: Lines

    /// Lines of one child on their way here.
    struct Batch {
        fileprivate var bytes: [UInt8]
        fileprivate let style: Style
        /// How long `bytes` may become; what comes after that is counted and left out.
        fileprivate let room: Int
        fileprivate let clock: [UInt8]
        fileprivate let prefix: [UInt8]
        fileprivate var droppedLines = 0
        fileprivate var droppedBytes = 0

        mutating func append(_ piece: Span<UInt8>, _ ending: LineEnding, _ origin: LogOrigin, time: [UInt8]) {
            guard bytes.count < room else {
                droppedLines += 1
                droppedBytes += piece.count + 1
                return
            }
            switch style {
            case .none:
                break
            case .text:
                bytes.append(contentsOf: clock)
                LogText.appendConsoleLine(piece, ending, prefix: prefix, to: &bytes)
            case .json:
                LogText.appendJSONLine(piece, ending, origin, time: time, to: &bytes)
            }
        }
    }

    /// Begins a batch of a child's lines; ``end(_:_:)`` comes before anything else is said here.
    func begin(_ index: Int, _ stream: LogStream) -> Batch {
        guard showsChildren else {
            return Batch(bytes: [], style: .none, room: .max, clock: [], prefix: [])
        }
        let inFlight = outlet.bytesInFlight
        return Batch(
            bytes: outlet.takePending(), style: style, room: capacity - inFlight, clock: clock(),
            prefix: stream == .out ? prefixes[index].out : prefixes[index].err)
    }

    func end(_ batch: consuming Batch, _ index: Int) {
        guard showsChildren else { return }
        if batch.droppedLines > 0 {
            let before = dropped[index] ?? (0, 0)
            dropped[index] = (before.lines + batch.droppedLines, before.bytes + batch.droppedBytes)
        }
        outlet.putPending(batch.bytes)
    }

    /// A change of an instance's state, for programs.
    func change(_ index: Int, _ change: Change) {
        emit([
            "time": .string(Dates.format(loop.now.wall)), "event": "state", "instance": .string(names[index]),
            "from": .string(change.from.rawValue), "to": .string(change.to.rawValue),
            "incarnation": .int(Int64(change.incarnation)), "pid": change.pid.map { .int(Int64($0)) } ?? .null,
            "cause": .string(change.cause),
        ])
    }

    /// The same for people.
    func line(_ index: Int, _ text: String) {
        line(text, prefix: prefixes[index].own)
    }

    /// Something that is about an instance, or about the cluster as a whole.
    func note(_ index: Int? = nil, _ text: String) {
        if style == .json {
            emit([
                "time": .string(Dates.format(loop.now.wall)), "event": "note",
                "instance": index.map { .string(names[$0]) } ?? .null, "text": .string(text),
            ])
        } else {
            line(text, prefix: index.map { prefixes[$0].own } ?? ownPrefix)
        }
    }

    /// Calls `body` when everything is written, or after `patience` if the console does not take it.
    func flush(patience: Interval, then body: @escaping (Loop) -> Void) {
        var isDone = false
        let once = { (loop: Loop) in
            if !isDone { body(loop) }
            isDone = true
        }
        let timer = loop.schedule(after: patience, once)
        outlet.flush { loop in
            loop.cancel(timer)
            once(loop)
        }
    }

    private func emit(_ object: JSON) {
        guard outlet.waitingBytes < 2 * capacity else { return }
        outlet.append { bytes in
            object.write(into: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    private func line(_ text: String, prefix: [UInt8]) {
        // The supervisor's own lines are few and may pass the limit for those of children.
        guard style != .none, outlet.waitingBytes < 2 * capacity else { return }
        let clock = clock()
        var text = text
        outlet.append { bytes in
            bytes.append(contentsOf: clock)
            bytes.append(contentsOf: prefix)
            // SAFETY: the pointer is used only within the closure, in which the text lives.
            text.withUTF8 { LogText.appendVisible($0.span, to: &bytes) }
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    private func tellDropped() {
        guard !dropped.isEmpty, outlet.waitingBytes < capacity / 2 else { return }
        let counts = dropped.sorted { $0.key < $1.key }
        dropped = [:]
        for (index, count) in counts {
            let size = Sizes.format(count.bytes)
            note(index, "\(Words.count(count.lines, "line")) (\(size)) not shown here; the log file has them")
        }
    }

    /// `08:15:04 ` in local time.
    private func clock() -> [UInt8] {
        let wall = loop.now.wall
        let second = wall.milliseconds / 1_000
        if second != timeOfDay.second {
            let local = wall + SystemClock.localOffset(at: wall)
            timeOfDay = (second, Array(Dates.formatTimeOfDay(local).utf8.prefix(8)) + [UInt8(ascii: " ")])
        }
        return timeOfDay.text
    }
}
