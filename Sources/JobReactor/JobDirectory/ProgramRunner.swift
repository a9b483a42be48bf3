import JRBase
import JRJSON
import JRReactor
import JRSystem
import JRWire

/// Runs program jobs: executables of any language that read their arguments as a JSON object from standard input and
/// may write a JSON object of changes to standard output.
///
/// | exit | means |
/// |---|---|
/// | 0 | success |
/// | 75 | another attempt, please |
/// | 100 | failed for good |
/// | other, or a signal | failed |
///
/// Standard error is the program's log; its last 2 KiB are part of a failure. The program leads a process group of its
/// own, and is run in the job directory. Belongs to the loop's thread.
final class ProgramRunner {
    /// Bytes of standard output; a program that writes more is stopped.
    static let outputLimit = Limits.argumentBytes
    /// After the program's own end: how long what it left behind may still hold its pipes.
    static let drainTime = Interval.milliseconds(100)
    /// Between asking a program to end and ending it.
    static let killDelay = Interval.seconds(Int64(5))
    /// The same when the node itself is about to leave, and could not end them later.
    static let lastGrace = Interval.seconds(Int64(1))

    private let path: String
    private let workingDirectory: String?
    private let timeout: Interval?
    private let environment: [String]
    private let log: (String) -> Void

    /// - Parameters:
    ///   - environment: what this process has; only ``ProgramEnvironment/passed(_:)`` of it reaches the program.
    ///   - log: gets each line of standard error.
    init(
        path: String, workingDirectory: String? = nil, timeout: Interval? = nil,
        environment: [String: String] = SystemProgram.environment, log: @escaping (String) -> Void = { _ in }
    ) {
        self.path = path
        self.workingDirectory = workingDirectory
        self.timeout = timeout
        self.environment = ProgramEnvironment.passed(environment)
        self.log = log
    }

    /// Starts one attempt. `done` is called once, later, with the arguments as the program changed them.
    func run(
        arguments: JobArguments, id: JobID, name: String, attempt: Int, on loop: Loop,
        _ done: @escaping (Loop, Result<JobArguments, ProgramFailure>) -> Void
    ) -> RunningProgram {
        let program = RunningProgram(arguments, timeout: timeout, log, done)
        let facts = ["JR_JOB_ID=\(id)", "JR_JOB_NAME=\(name)", "JR_ATTEMPT=\(attempt)"]
        do {
            try program.start(
                SpawnRequest(
                    executable: path, arguments: [path], environment: environment + facts,
                    workingDirectory: workingDirectory ?? Files.parent(of: path), newProcessGroup: true),
                on: loop)
        } catch {
            program.couldNotStart(path, error, on: loop)
        }
        return program
    }
}

/// What a program gets of the node's environment: what any program needs, and what the user names.
///
/// Not all of it, since a node's settings may hold what a job has no business with, such as the key of the cluster.
enum ProgramEnvironment {
    /// Holds further names, separated by commas; `PREFIX*` is all that start so, `*` all but the node's own `JR_`
    /// settings.
    static let passVariable = "JR_PASS_ENV"

    private static let common: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR",
        // By these the supervisor and the node's next incarnation find what a killed node left running.
        "JR_RUNTIME", "JR_NAME",
    ]

    static func passed(_ environment: [String: String]) -> [String] {
        let named = (environment[passVariable] ?? "").split(separator: ",").map(String.init)
        return environment.filter { name, _ in
            if common.contains(name) || name.hasPrefix("LC_") || named.contains(name) { return true }
            return !name.hasPrefix("JR_") && named.contains { $0.hasSuffix("*") && name.hasPrefix($0.dropLast()) }
        }.map { "\($0.key)=\($0.value)" }.sorted()
    }
}

/// One attempt of a program job.
///
/// It is over when the program has ended and its output is complete, which a process that it left behind cannot put off
/// for long.
final class RunningProgram: ConnectionHandler {
    private let before: JobArguments
    private let timeout: Interval?
    private let log: (String) -> Void
    private var done: ((Loop, Result<JobArguments, ProgramFailure>) -> Void)?

    private var child: ChildProcess?
    private var status: ExitStatus?
    private var input: Connection?
    private var output: Connection?
    private var errors: Connection?
    private var outputBytes: [UInt8] = []
    private var errorOutput = ErrorOutput()
    /// Why it was stopped, whatever its exit says then.
    private var verdict: ProgramFailure?
    private var timers: [Handle] = []
    private weak var loop: Loop?

    fileprivate init(
        _ arguments: JobArguments, timeout: Interval?, _ log: @escaping (String) -> Void,
        _ done: @escaping (Loop, Result<JobArguments, ProgramFailure>) -> Void
    ) {
        before = arguments
        self.timeout = timeout
        self.log = log
        self.done = done
    }

    /// Asks the program and what it started to end (SIGTERM), and ends them after five seconds (SIGKILL). `done` is
    /// called as always, with a failure.
    func cancel() {
        guard let loop else { return }
        stop(ProgramFailure("the program was cancelled"), on: loop)
    }

    /// For a node that leaves: ends programs and what they started without telling how it went. They are asked
    /// (SIGTERM), and whatever is left of them when all have obeyed, or after a second, is ended (SIGKILL). Then, and
    /// at once if there is no program, `over` is called.
    static func abandon(_ programs: [RunningProgram], on loop: Loop, _ over: @escaping (Loop) -> Void) {
        var left = programs.count
        var timer: Handle?
        func end(_ loop: Loop) {
            if let timer { loop.cancel(timer) }
            for program in programs {
                program.done = nil
                program.child?.signalGroup(Signals.kill)
            }
            over(loop)
        }
        if left == 0 { return over(loop) }
        for program in programs {
            program.cancel()
            program.done = { loop, _ in
                left -= 1
                if left == 0 { end(loop) }
            }
        }
        timer = loop.schedule(after: ProgramRunner.lastGrace) { end($0) }
    }

    // MARK: Start

    fileprivate func start(_ plain: SpawnRequest, on loop: Loop) throws(SystemError) {
        self.loop = loop
        let (inputRead, inputWrite) = try Pipe(nonBlocking: false).takeEnds()
        let childInput = Descriptor(owning: inputRead)
        let ourInput = Descriptor(owning: inputWrite)
        let (outputRead, outputWrite) = try Pipe(nonBlocking: false).takeEnds()
        let ourOutput = Descriptor(owning: outputRead)
        let childOutput = Descriptor(owning: outputWrite)
        let (errorRead, errorWrite) = try Pipe(nonBlocking: false).takeEnds()
        let ourErrors = Descriptor(owning: errorRead)
        let childErrors = Descriptor(owning: errorWrite)
        var request = plain
        request.descriptors = [(0, childInput.raw), (1, childOutput.raw), (2, childErrors.raw)]
        child = try loop.spawn(request) { [self] loop, status in ended(status, on: loop) }
        output = adopt(ourOutput, "standard output", loop)
        errors = adopt(ourErrors, "standard error", loop)
        input = adopt(ourInput, "standard input", loop)
        input?.write(Array((before.json.text + "\n").utf8))
        input?.closeWrite()
        if let timeout {
            let text = "the program did not end within \(timeout.seconds) s and was stopped"
            timers.append(
                loop.schedule(after: timeout) { [weak self] loop in self?.stop(ProgramFailure(text), on: loop) })
        }
    }

    fileprivate func couldNotStart(_ path: String, _ error: SystemError, on loop: Loop) {
        verdict = ProgramFailure(
            "the program \(path) cannot be started: \(error.text) (\(error.name)). "
                + "See that it is there, may be executed, and that the interpreter in its first line exists")
        loop.soon { [self] loop in finish(on: loop) }
    }

    private func adopt(_ descriptor: consuming Descriptor, _ name: String, _ loop: Loop) -> Connection {
        let connection = loop.adopt(descriptor, peer: name)
        connection.handler = self
        return connection
    }

    // MARK: While it runs

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        let bytes = bytes.withUnsafeBytes { Array($0) }
        if connection === errors {
            errorOutput.append(bytes, log)
        } else if connection === output, verdict == nil {
            outputBytes.append(contentsOf: bytes)
            if outputBytes.count > ProgramRunner.outputLimit {
                outputBytes = []
                let limit = "\(ProgramRunner.outputLimit >> 20) MiB"
                stop(
                    ProgramFailure("the program wrote more than \(limit) to standard output and was stopped"), on: loop)
            }
        }
    }

    /// A program that does not read its input, or ends first, is none the worse for it.
    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        if connection === output { output = nil }
        if connection === errors { errors = nil }
        if connection === input { input = nil }
        finishIfComplete(on: loop)
    }

    private func ended(_ status: ExitStatus, on loop: Loop) {
        self.status = status
        finishIfComplete(on: loop)
        if done != nil {
            timers.append(loop.schedule(after: ProgramRunner.drainTime) { [weak self] loop in self?.finish(on: loop) })
        }
    }

    private func stop(_ failure: ProgramFailure, on loop: Loop) {
        guard done != nil, verdict == nil, let child else { return }
        verdict = failure
        child.signalGroup(Signals.terminate)
        // Not among the timers: what ignored SIGTERM is ended also when the program itself has obeyed.
        loop.schedule(after: ProgramRunner.killDelay) { _ in child.signalGroup(Signals.kill) }
    }

    // MARK: End

    private func finishIfComplete(on loop: Loop) {
        if status != nil, output == nil, errors == nil { finish(on: loop) }
    }

    private func finish(on loop: Loop) {
        guard let done else { return }
        self.done = nil
        for timer in timers { loop.cancel(timer) }
        for connection in [input, output, errors] { connection?.close() }
        errorOutput.end(log)
        done(loop, result())
    }

    private func result() -> Result<JobArguments, ProgramFailure> {
        if let verdict { return .failure(verdict) }
        if let status, let failure = ProgramFailure(status, standardError: errorOutput.tail) {
            return .failure(failure)
        }
        guard outputBytes.contains(where: { !Self.isSpace($0) }) else { return .success(before) }
        do {
            var arguments = before
            arguments.merge(try JobArguments(json: outputBytes))
            return .success(arguments)
        } catch {
            return .failure(
                ProgramFailure(
                    "the program succeeded, but its standard output is no JSON object: \(error). "
                        + "Write log lines to standard error, and to standard output one object or nothing"))
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): true
        default: false
        }
    }
}
