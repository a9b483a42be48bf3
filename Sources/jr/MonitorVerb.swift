import JRBase
import JRCommandLine
import JRJSON
import JRReactor
import JRSystem
import JRWire
import JobReactor

/// `jr monitor`: the cluster as it changes. The distributor tells, and is asked no more often than `--every` says;
/// between two changes nothing is sent.
final class MonitorVerb {
    private let session: Session
    private let loop: Loop
    private let every: Interval
    private let asJSON: Bool
    private let isOnce: Bool
    /// Draws over the last picture, and listens to keys.
    private let isScreen: Bool
    private let style: Style
    private var monitor = ClusterMonitor()
    /// Why the distributor cannot be heard at the moment.
    private var trouble: String?
    private var redraw: Handle?

    /// What can be found wrong is said before anything is dialled.
    static func every(_ command: ParsedCommand) throws(UsageError) -> Interval {
        try command.value("every") { text throws(ValueError) in try Durations.parse(text) }
            ?? .milliseconds(Int64(500))
    }

    static func run(_ command: ParsedCommand, _ session: Session) throws(UsageError) -> Never {
        let every = try every(command)
        session.run {
            session.reactor.assumeOnLoop { loop in MonitorVerb(command, every, session, loop).start() }
        }
    }

    private init(_ command: ParsedCommand, _ every: Interval, _ session: Session, _ loop: Loop) {
        self.session = session
        self.loop = loop
        self.every = every
        asJSON = command.flag("json")
        isOnce = command.flag("once")
        let isTerminal = Standard.isTerminal(Standard.output)
        isScreen = isTerminal && !asJSON && !isOnce
        style = Style(isTerminal: isTerminal && !asJSON, environment: SystemProgram.environment)
    }

    private func start() {
        let whole = LoopBound(self, loop)
        if isScreen {
            do throws(SystemError) {
                try takeScreen(whole)
            } catch {
                Console.note("\(error)")
                leave(71)
            }
        }
        session.tellBreaks { reason in
            whole.reactor.assumeOnLoop { loop in whole.open(loop).broke(reason) }
        }
        ask([:], whole)
    }

    private func ask(_ parameters: [String: Value], _ whole: LoopBound<MonitorVerb>) {
        session.client.ask("watch", parameters) { result in
            whole.reactor.assumeOnLoop { loop in whole.open(loop).answered(result, whole) }
        }
    }

    private func answered(_ result: Result<Value, JobReactorError>, _ whole: LoopBound<MonitorVerb>) {
        switch result {
        case .failure(let error):
            leave(69, saying: "\(error)")
        case .success(let answer):
            let view = ClusterView(answer)
            trouble = nil
            monitor.receive(MonitorSample(view), at: loop.refreshNow())
            show(view)
            if isOnce { leave(0) }
            loop.schedule(after: every) { [weak self] _ in self?.ask(["mark": view.mark], whole) }
        }
    }

    private func broke(_ reason: String?) {
        trouble = reason.map { "the connection to \(session.address) broke (\($0)); waiting for it to return" }
        if isScreen { return draw() }
        Console.note(trouble ?? "connected to \(session.address) again")
    }

    // MARK: Out

    private func show(_ view: ClusterView) {
        let lines = monitor.takeLines()
        if asJSON { return say(json(view)) }
        if isScreen { return draw() }
        if isOnce { return say(picture(width: Standard.terminalWidth(), height: nil).joined(separator: "\n")) }
        for line in lines { say(line) }
    }

    private func json(_ view: ClusterView) -> String {
        let (recent, time) = monitor.recent(at: loop.now.instant)
        var fields = view.fields
        let rate = { (count: Int) in Value.double(Double(count) / time.seconds) }
        fields["at"] = .date(loop.now.wall)
        fields["rates"] = [
            "enqueued": rate(recent.enqueued), "done": rate(recent.done), "failed": rate(recent.failed),
            "retried": rate(recent.retried),
        ]
        return Value.map(fields).json.text
    }

    private func picture(width: Int?, height: Int?) -> [String] {
        monitor.frame(width: width ?? 80, height: height, style, at: loop.now, note: trouble)
    }

    private func draw() {
        loop.refreshNow()
        var lines = picture(width: Standard.terminalWidth(), height: Standard.terminalHeight().map { max(2, $0 - 1) })
        lines.append(style.apply(.dim, to: "q ends"))
        // Each line over the one that is there, and nothing wiped before, so that nothing flickers.
        write("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K\u{1B}[J")
        if let redraw { loop.cancel(redraw) }
        redraw = monitor.nextFrame(after: loop.now.instant).map { next in
            loop.schedule(at: next) { [weak self] _ in self?.draw() }
        }
    }

    private func say(_ text: String) { write(text + "\n") }

    /// Whoever read it may have had enough.
    private func write(_ text: String) {
        if !Standard.write(Standard.output, text) { leave(0) }
    }

    // MARK: The terminal

    private static let keyboard: Int32 = 0

    private func takeScreen(_ whole: LoopBound<MonitorVerb>) throws(SystemError) {
        try loop.onSignals([Signals.interrupt, Signals.terminate, Signals.hangup]) { loop, number in
            whole.open(loop).leave(128 + number)
        }
        try loop.onSignals([Signals.windowChanged, Signals.continue]) { loop, number in
            if number == Signals.continue { Standard.readsKeys(Self.keyboard, true) }
            whole.open(loop).draw()
        }
        if Standard.isTerminal(Self.keyboard) {
            Standard.readsKeys(Self.keyboard, true)
            _ = try loop.watchReadable(Self.keyboard) { loop in whole.open(loop).readKeys() }
        }
        // A screen of its own, without a cursor; what was on it before is there again afterwards.
        write("\u{1B}[?1049h\u{1B}[?25l")
    }

    private func readKeys() {
        let keys = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer -> [UInt8] in
            guard case .moved(let count) = IO.read(Self.keyboard, into: buffer) else { return [] }
            return Array(buffer[..<count])
        }
        if keys.isEmpty || keys.contains(where: { $0 == UInt8(ascii: "q") || $0 == UInt8(ascii: "Q") }) { leave(0) }
    }

    private func leave(_ code: Int32, saying text: String? = nil) -> Never {
        if isScreen {
            Standard.write(Standard.output, "\u{1B}[?25h\u{1B}[?1049l")
            Standard.readsKeys(Self.keyboard, false)
        }
        if let text { Console.note(text) }
        Console.exit(code)
    }
}

extension MonitorSample {
    fileprivate init(_ view: ClusterView) {
        self.init(distributor: view.distributor)
        applications = view.applications
        waiting = view.waiting + view.onTheWire
        oldest = view.oldest.map(Waiting.init)
        enqueued = view.enqueued
        nodes = view.nodes.map(Node.init)
    }
}

extension MonitorSample.Waiting {
    fileprivate init(_ job: ClusterView.Waiting) { self.init(name: job.name, since: job.since) }
}

extension MonitorSample.Node {
    fileprivate init(_ node: ClusterView.Node) {
        self.init(
            name: node.name, start: node.incarnation, state: node.state, since: node.since, storage: node.promise)
        ready = node.ready
        running = node.running
        scheduled = node.scheduled
        kept = node.kept
        totals = MonitorSample.Totals(done: node.completed, failed: node.failed, retried: node.retried)
        oldest = node.oldest.map(MonitorSample.Waiting.init)
        failures = node.failures.map { failure in
            MonitorSample.Failure(
                id: failure.id.description, name: failure.name, attempt: failure.attempt, isFinal: failure.isFinal,
                error: failure.error, at: failure.at)
        }
    }
}
