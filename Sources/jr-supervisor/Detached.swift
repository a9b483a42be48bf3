import JRBase
import JRCommandLine
import JRJSON
import JRSupervisor
import JRSystem
import Synchronization

/// `up --detach`: this program once more, in a session of its own, which tells over a pipe what became of the start.
final class Detached: Sendable {
    /// Names the pipe's descriptor in the environment of the program in the background.
    private static let variable = "JR_DETACH_FD"
    private static let childDescriptor: Int32 = 3

    private let pipe: Mutex<Descriptor?>

    private init(_ descriptor: consuming Descriptor) {
        pipe = Mutex(descriptor)
    }

    /// The one who waits for this program's start; nil for a program that was started in the foreground.
    static let starter: Detached? = {
        guard SystemProgram.environment[variable] == String(childDescriptor) else { return nil }
        try? ProcessSettings.beginSession()
        // A duplicate is closed on exec, as the number handed over is not.
        guard let own = try? IO.duplicate(childDescriptor, lowest: 10) else { return nil }
        _ = Descriptor(owning: childDescriptor)
        return Detached(own)
    }()

    /// Tells the one who waits, once. After a failure the pipe stays open until this program has taken everything down.
    func tell(_ start: Supervisor.Start, exitCode: Int32) {
        pipe.withLock { pipe in
            guard let raw = pipe?.raw else { return }
            let object: JSON =
                switch start {
                case .ready(let message): ["ok": true, "message": .string(message)]
                case .failed(let message): ["ok": false, "exit": .int(Int64(exitCode)), "message": .string(message)]
                }
            // Nobody may be waiting any more, and that is all right.
            try? Files.writeAll(raw, Array((object.text + "\n").utf8))
            if case .ready = start { pipe = nil }
        }
    }

    // MARK: The one who waits

    /// Starts this program in the background and waits until it is ready or has given up.
    static func start(_ runtime: RuntimeDirectory, json: Bool) throws(SupervisorError) -> Int32 {
        let answer: [UInt8]
        do throws(SystemError) {
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let readEnd = Descriptor(owning: ends.read)
            let writeEnd = Descriptor(owning: ends.write)
            let log = try Files.open(runtime.supervisorLog, [.write, .create, .append, .noFollow])
            var environment = SystemProgram.environment
            environment[variable] = String(childDescriptor)
            let request = SpawnRequest(
                executable: try Files.currentExecutable(), arguments: CommandLine.arguments,
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(2, log.raw), (childDescriptor, writeEnd.raw)])
            _ = try Processes.spawn(request)
            _ = consume writeEnd
            answer = try Files.readAll(readEnd.raw, limit: 1 << 20)
        } catch {
            throw SupervisorError(exitCode: ExitCode.ioError.rawValue, "the supervisor cannot be started: \(error)")
        }
        guard let line = answer.split(separator: UInt8(ascii: "\n")).first, let object = try? JSON(parsing: Array(line))
        else {
            throw SupervisorError(
                exitCode: ExitCode.software.rawValue,
                "the supervisor ended before it had started anything; \(runtime.supervisorLog) may say why")
        }
        if json { Standard.write(Standard.output, object.text + "\n") }
        let message = object["message"]?.string ?? ""
        if object["ok"]?.bool == true {
            if !json { Standard.write(Standard.output, message + "\n") }
            return ExitCode.ok.rawValue
        }
        let code = object["exit"]?.int.flatMap { Int32(exactly: $0) } ?? ExitCode.unavailable.rawValue
        if !json { Standard.write(Standard.error, "jr-supervisor: \(message)\n") }
        return code
    }
}
