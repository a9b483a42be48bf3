import Glibc
import JRBase
import JRManifest
import JRReactor
import JRSupervision
import JRSystem
import Synchronization
import TestSupport
import Testing

@testable import JRSupervisor

/// All tests with real processes, one after the other: many at once would slow each other past any limit of time.
@Suite("The supervisor's shell", .serialized, .mayBlock)
enum ShellTests {}

/// A runtime directory with a supervisor in this process, whose events are read line by line from its console.
final class Stage {
    let directory: String
    private let manifest: String
    private let programs: String?
    private var reactor: Reactor?
    private var console: LineReader?
    private let consoleWriteEnd: Int32
    private let exitCode = Monitor<Int32?>(nil)
    private let start = Monitor<Supervisor.Start?>(nil)
    private let running = Monitor<LoopBound<Supervisor>?>(nil)
    private(set) var seen: [String] = []

    /// - Parameters:
    ///   - files: Scripts by name, made executable.
    ///   - blocksConsole: Fills the console before anything starts, so that no line gets through.
    ///   - programs: Where the supervisor thinks its programs are; nil is where they are.
    init(
        _ manifest: String, files: [String: String] = [:], blocksConsole: Bool = false, programs: String? = nil
    ) throws {
        directory = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-supervisor-test"))
        self.manifest = manifest
        self.programs = programs
        for (name, text) in files {
            try Files.write("\(directory)/\(name)", Array(("#!/bin/sh\n" + text).utf8), mode: 0o700)
        }
        let ends = try Pipe(nonBlocking: false).takeEnds()
        console = LineReader(ends.read)
        consoleWriteEnd = ends.write
        if blocksConsole {
            try IO.setNonBlocking(ends.write)
            let filling = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
            while case .moved = filling.withUnsafeBytes({ IO.write(ends.write, $0) }) {}
            try IO.setNonBlocking(ends.write, false)
        }
    }

    deinit {
        if reactor != nil, exitCode.update({ $0 }) == nil {
            interrupt()
            interrupt()
            interrupt()
            _ = waitForEnd()
        }
        reactor?.stop()
        reactor?.waitUntilStopped()
        // Nobody reads any more, so that a thread that waits to write does not wait for ever.
        console = nil
        if nobodyWrites() { close(consoleWriteEnd) }
        try? Files.removeTree(directory)
    }

    /// Waits until it is so. Threads of the loop's pool outlive it while they write to the console, and what they had
    /// left would go to whoever has the descriptor's number next: a socket of another test.
    private func nobodyWrites() -> Bool {
        guard let reactor else { return true }
        let deadline = SystemClock.instant() + Stage.patience
        let name = "\(reactor.name)-pool\n"
        let isThere = { (thread: String) -> Bool in
            let found = try? Files.read("/proc/self/task/\(thread)/comm", limit: 64)
            return found.map { String(decoding: $0, as: UTF8.self) == name } ?? false
        }
        while let threads = try? Files.list("/proc/self/task"), threads.contains(where: isThere) {
            guard SystemClock.instant() < deadline else { return false }
            sched_yield()
        }
        return true
    }

    /// No two stages of this process have threads of the same name.
    private static let count = Atomic(0)

    var runtime: RuntimeDirectory { RuntimeDirectory(path: directory + "/.jr") }

    var plan: Plan {
        let reading = ManifestReader.read(Array(manifest.utf8))
        #expect(reading.problems.map(\.message) == [])
        // Where the programs are built as well: foreign ones start as they do under the real supervisor.
        let built = (try? Files.currentExecutable()).map { Files.parent(of: $0) }
        return Plan(
            reading.manifest,
            Plan.Surroundings(
                manifestDirectory: directory, runtimeDirectory: runtime.path, programDirectory: programs ?? built ?? "",
                environment: SystemProgram.environment))
    }

    /// Starts the supervisor on a loop of its own.
    func up(_ options: Supervisor.Options = .init(), style: Console.Style = .json) throws {
        try runtime.make()
        let lock = try RuntimeLock(runtime)
        let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
        let reactor = try Reactor(name: "stage\(number)")
        self.reactor = reactor
        let (plan, runtime, write) = (plan, runtime, consoleWriteEnd)
        let (exitCode, start, running) = (exitCode, start, running)
        try reactor.start { loop in
            let console = Console(loop, descriptor: write, style: style, showsChildren: true)
            let supervisor = Supervisor(
                plan: plan, runtime: runtime, lock: lock, console: console, options: options, loop: loop)
            supervisor.started = { result in start.update { $0 = result } }
            supervisor.ended = { [supervisor] loop, code in
                _ = supervisor
                exitCode.update { $0 = code }
            }
            let bound = LoopBound(supervisor, loop)
            running.update { $0 = bound }
            do {
                try supervisor.start()
            } catch {
                start.update { $0 = .failed("\(error)", logs: []) }
                exitCode.update { $0 = 99 }
            }
        }
    }

    /// What Ctrl-C does.
    func interrupt() {
        guard let bound = running.wait(timeout: Stage.patience, until: { $0 }) else { return }
        bound.reactor.execute { loop in bound.open(loop).interrupt(signal: Signals.interrupt) }
    }

    // MARK: Waiting

    static let patience = Interval.seconds(20 as Int64)

    /// Reads the console until a line has all of these parts, and gives it; what comes before is in ``seen``.
    @discardableResult
    func line(_ parts: String...) throws -> String {
        let deadline = SystemClock.instant() + Stage.patience
        while let line = console?.next(by: deadline) {
            seen.append(line)
            if parts.allSatisfy({ line.contains($0) }) { return line }
        }
        throw Missing(parts: parts, seen: seen)
    }

    /// Waits until an instance is in a state.
    @discardableResult
    func state(_ instance: String, _ state: InstanceState, _ more: String = "") throws -> String {
        try line("\"instance\":\"\(instance)\"", "\"to\":\"\(state.rawValue)\"", more)
    }

    func waitForStart() -> Supervisor.Start? { start.wait(timeout: Stage.patience) { $0 } }
    func waitForEnd() -> Int32? { exitCode.wait(timeout: Stage.patience) { $0 } }

    /// Sends a request over the control socket and reads until the answer that has `ok`.
    func ask(_ request: String) throws -> String {
        let client = try openControl()
        return try ask(request, client)
    }

    /// A connected client of the control socket.
    func openControl() throws -> Descriptor {
        Descriptor(owning: try Sockets.connect(to: .unix(path: runtime.controlSocket)).socket)
    }

    func ask(_ request: String, _ client: borrowing Descriptor) throws -> String {
        try Files.writeAll(client.raw, Array((request + "\n").utf8))
        let reader = LineReader(try client.duplicate().take())
        let deadline = SystemClock.instant() + Stage.patience
        while let line = reader.next(by: deadline) {
            if line.contains("\"ok\":") { return line }
        }
        throw Missing(parts: ["an answer to \(request)"], seen: [])
    }

    struct Missing: Error, CustomStringConvertible {
        var parts: [String]
        var seen: [String]
        var description: String { "no line with \(parts) in:\n" + seen.joined(separator: "\n") }
    }

    /// The number behind `"pid":` in an event.
    static func pid(in line: String) throws -> Int32 {
        let rest = try #require(line.range(of: "\"pid\":")).upperBound
        return try #require(Int32(line[rest...].prefix { $0.isNumber }))
    }
}

extension String {
    /// The first place of a text; tests do without Foundation.
    func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// Lines out of a descriptor, each waited for until a deadline.
final class LineReader {
    private let raw: Int32
    private var held: [UInt8] = []

    init(_ raw: Int32) {
        self.raw = raw
    }

    deinit { close(raw) }

    func next(by deadline: Instant) -> String? {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = held.firstIndex(of: UInt8(ascii: "\n")) {
                defer { held.removeFirst(end + 1) }
                return String(decoding: held[..<end], as: UTF8.self)
            }
            let rest = (deadline - SystemClock.instant()).millisecondsRoundedUp
            guard rest > 0, (try? IO.waitReadable(raw, timeout: Int32(clamping: rest))) == true else { return nil }
            guard case .moved(let count) = chunk.withUnsafeMutableBytes({ IO.read(raw, into: $0) }), count > 0 else {
                return nil
            }
            held.append(contentsOf: chunk[..<count])
        }
    }
}

/// Whether a process is there and not only waits to be reaped.
func isAlive(_ pid: Int32) -> Bool {
    guard let facts = Processes.facts(of: pid) else { return false }
    return facts.state != "Z"
}
