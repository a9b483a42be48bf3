import JRBase
import JRCommandLine
import JRJSON
import JRReactor
import JRSystem
import JRWire
import JobReactor

/// `jr enqueue NAME --many FILE`: a job for each line of JSON.
///
/// A thread reads, because a file cannot be waited for by the reactor; the reactor's thread enqueues and prints. The
/// reader stops while ``window`` jobs are under way, so memory stays flat however long the input is.
final class EnqueueMany: Sendable {
    static let window = 20_000
    static let lineBytes = Limits.argumentBytes

    struct Counts: Sendable {
        var lines = 0
        var underWay = 0
        var finished = 0
        var failed = 0
        var malformed = 0
        var refused = 0
        var isAtEnd = false
        var isOver = false
        var saidWaiting: String?
        /// In the distributor's memory; left when a node has them.
        var accepted: Set<JobID> = []
    }

    let name: String
    let options: JobOptions
    let waits: Bool
    let session: Session
    private let counts = Monitor(Counts())
    private let started = SystemClock.instant()
    private let showsProgress: Bool

    init(name: String, options: JobOptions, waits: Bool, session: Session) {
        self.name = name
        self.options = options
        self.waits = waits
        self.session = session
        showsProgress = Standard.isTerminal(Standard.error)
    }

    func run(_ path: String) -> Never {
        let input: Int32
        do throws(SystemError) {
            input = path == "-" ? 0 : try Files.open(path, .read).take()
        } catch {
            Console.note("--many: \(error)")
            Console.exit(66)
        }
        session.run { [self] in
            if showsProgress { session.reactor.execute { loop in self.tick(loop) } }
            do throws(SystemError) {
                try Threads.start(name: "jr-reader") { self.read(input, path) }
            } catch {
                Console.note("\(error)")
                Console.exit(71)
            }
        }
    }

    // MARK: The reading thread

    private func read(_ input: Int32, _ path: String) {
        var line: [UInt8] = []
        var isTooLong = false
        var number = 0
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let read = buffer.withUnsafeMutableBytes { IO.read(input, into: $0) }
            guard case .moved(let count) = read, count > 0 else {
                if case .failed(let error) = read { note("\(path): \(error): what was read so far runs") }
                break
            }
            for byte in buffer[..<count] {
                if byte != UInt8(ascii: "\n") {
                    if line.count < Self.lineBytes { line.append(byte) } else { isTooLong = true }
                    continue
                }
                number += 1
                take(line, number, isTooLong: isTooLong)
                line.removeAll(keepingCapacity: true)
                isTooLong = false
            }
        }
        if !line.isEmpty { take(line, number + 1, isTooLong: isTooLong) }
        counts.update { $0.isAtEnd = true }
        session.reactor.execute { _ in self.finishIfDone() }
    }

    private func take(_ line: [UInt8], _ number: Int, isTooLong: Bool) {
        if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }) {
            return
        }
        if isTooLong {
            return refuse("line \(number) is longer than \(Self.lineBytes) bytes; skipped, the others run")
        }
        do throws(JSONError) {
            let arguments = try JobArguments(json: line)
            // Wakes as soon as a job is finished: nothing is asked for again and again.
            _ = counts.wait { counts -> Bool? in
                guard counts.underWay < Self.window else { return nil }
                counts.lines += 1
                counts.underWay += 1
                return true
            }
            let encoded = JobArguments(encoded: arguments.encoded)
            session.reactor.execute { _ in self.enqueue(encoded, number) }
        } catch {
            refuse(
                "line \(number), column \(error.position.column): \(error.message); wanted: \(error.expected). "
                    + "Skipped, the others run"
            )
        }
    }

    private func refuse(_ text: String) {
        counts.update { $0.malformed += 1 }
        note(text)
    }

    // MARK: The reactor's thread

    private func enqueue(_ arguments: JobArguments, _ number: Int) {
        let id = JobID.fresh(at: session.client.wallTime)
        do throws(JobReactorError) {
            try session.client.enqueue(name, arguments, options, id: id, feedback: waits ? .both : []) { event in
                self.heard(event, id, number)
            }
        } catch {
            note("line \(number): \(error)")
            settle { $0.refused += 1 }
        }
    }

    private func heard(_ event: JobEvent, _ id: JobID, _ number: Int) {
        switch event {
        case .accepted(let reason):
            sayWaiting(reason)
            if !waits { settle { $0.accepted.insert(id) } }
        case .stored:
            guard !waits else { return }
            let wasAccepted = counts.update { counts in
                guard counts.accepted.remove(id) != nil else { return false }
                counts.finished += 1
                return true
            }
            if !wasAccepted { settle { $0.finished += 1 } }
        case .refused(let error):
            note("line \(number): \(error)")
            settle { $0.refused += 1 }
        case .ended(let result):
            guard waits else { return }
            var line = result.arguments
            if result.ending != .complete, line["error"] == nil { line["error"] = .string(result.error ?? "cancelled") }
            clearProgress()
            Console.result(line.json.text)
            settle { counts in
                counts.finished += 1
                if result.ending != .complete { counts.failed += 1 }
            }
        }
    }

    /// Once for each reason, however many jobs wait for it.
    private func sayWaiting(_ reason: String) {
        let isNew = counts.update { counts in
            defer { counts.saidWaiting = reason }
            return counts.saidWaiting != reason
        }
        if isNew, !reason.hasPrefix("every node") { note("waiting: \(reason)") }
    }

    private func settle(_ change: (inout Counts) -> Void) {
        counts.update { counts in
            counts.underWay -= 1
            change(&counts)
        }
        finishIfDone()
    }

    private func finishIfDone() {
        let now = counts.update { counts in
            defer { counts.isOver = counts.isAtEnd && counts.underWay == 0 }
            return counts
        }
        guard now.isAtEnd, now.underWay == 0, !now.isOver else { return }
        clearProgress()
        var parts = ["\(now.finished) \(waits ? "ended" : "stored")"]
        if !now.accepted.isEmpty {
            parts.append("\(now.accepted.count) in the distributor's memory until a node takes them")
        }
        if now.failed > 0 { parts.append("\(now.failed) of them failed") }
        if now.refused > 0 { parts.append("\(now.refused) refused") }
        if now.malformed > 0 { parts.append("\(now.malformed) lines malformed") }
        Console.note(parts.joined(separator: ", "))
        session.finish(now.malformed + now.refused > 0 ? 65 : now.failed > 0 ? 1 : 0)
    }

    // MARK: Progress

    private func tick(_ loop: Loop) {
        let now = counts.update { $0 }
        let bar = ProgressBar(
            done: now.finished, total: now.isAtEnd ? now.lines : nil, failed: now.failed,
            elapsed: SystemClock.instant() - started)
        _ = Standard.write(
            Standard.error, "\r" + bar.line(width: Standard.terminalWidth(Standard.error) ?? 80) + "\u{1B}[K")
        loop.schedule(after: .milliseconds(100)) { loop in self.tick(loop) }
    }

    private func clearProgress() {
        if showsProgress { _ = Standard.write(Standard.error, "\r\u{1B}[K") }
    }

    private func note(_ text: String) {
        clearProgress()
        Console.note(text)
    }
}
