public import JRBase
public import JRJSON
import JRSupervision
import JRSystem

/// The client's side of the control socket. Blocks.
public final class ControlClient {
    private static let longestAnswer = 64 << 20
    /// How long a supervisor may take for something it does at once.
    private static let patience: Int32 = 10_000

    private let socket: Descriptor
    /// Open as long as the supervisor lives.
    private var process: Descriptor?
    private let pid: Int32
    private var held: [UInt8] = []

    /// - Throws: Exit code 4 when no supervisor runs there.
    public init(_ runtime: RuntimeDirectory) throws(SupervisorError) {
        do throws(SystemError) {
            let (raw, owner) = try ControlClient.connect(runtime)
            socket = Descriptor(owning: raw)
            pid = owner
            process = owner > 0 ? try? Processes.open(pid: owner) : nil
        } catch {
            if error.code == SystemError.accessDenied {
                throw SupervisorError(exitCode: SupervisorError.permission, "\(runtime.path) is not yours: \(error)")
            }
            throw SupervisorError(
                exitCode: RuntimeDirectory.notRunning,
                "no supervisor runs in \(runtime.path): start one with `jr-supervisor up`")
        }
    }

    /// A connected socket, which the caller closes, and the pid of the supervisor at its other end.
    private static func connect(_ runtime: RuntimeDirectory) throws(SystemError) -> (socket: Int32, pid: Int32) {
        let control = try ControlAddress(runtime)
        let (raw, isConnected) = try Sockets.connect(to: control.address)
        let socket = Descriptor(owning: raw)
        if !isConnected { _ = try IO.waitWritable(socket.raw, timeout: patience) }
        let failure = Sockets.pendingError(socket.raw)
        if failure != 0 { throw SystemError(call: "connect", code: failure) }
        let pid = Sockets.peerCredentials(socket.raw)?.pid ?? 0
        return (socket.take(), pid)
    }

    /// Sends a request and waits for its answer, however long it takes; `progress` gets what is said meanwhile, and
    /// `answered` the answer that says no.
    ///
    /// - Throws: What the supervisor refuses, with its exit code.
    public func ask(
        _ request: JSON, isQuick: Bool = false, progress: (String) -> Void = { _ in },
        answered: (JSON) -> Void = { _ in }
    ) throws(SupervisorError) -> JSON {
        do throws(SystemError) {
            try Files.writeAll(socket.raw, Array((request.text + "\n").utf8))
        } catch {
            throw gone("\(error)")
        }
        while true {
            guard let line = try nextLine(isQuick: isQuick) else { throw gone("it closed the connection") }
            guard let answer = try? JSON(parsing: line) else { throw gone("it answered something that is no JSON") }
            if let text = answer["progress"]?.string {
                progress(text)
            } else if answer["ok"]?.bool == true {
                return answer
            } else {
                answered(answer)
                throw refused(answer)
            }
        }
    }

    /// Sends a request and hands over the answers, object by object, until the last one or until `each` says false.
    ///
    /// - Throws: What the supervisor refuses, with its exit code.
    public func stream(_ request: JSON, _ each: (JSON) -> Bool) throws(SupervisorError) {
        var isWanted = true
        do throws(SystemError) {
            try Files.writeAll(socket.raw, Array((request.text + "\n").utf8))
        } catch {
            throw gone("\(error)")
        }
        while isWanted {
            guard let line = try nextLine(isQuick: false) else { throw gone("it closed the connection") }
            guard let answer = try? JSON(parsing: line) else { throw gone("it answered something that is no JSON") }
            switch answer["ok"]?.bool {
            case nil: isWanted = each(answer)
            case true?: return
            case false?: throw refused(answer)
            }
        }
    }

    private func refused(_ answer: JSON) -> SupervisorError {
        let code = answer["exit"]?.int.flatMap { Int32(exactly: $0) } ?? SupervisorError.unavailable
        return SupervisorError(exitCode: code, answer["message"]?.string ?? "refused without a reason")
    }

    /// Waits until the supervisor's process is gone; false when it is still there after `timeout`.
    public func waitForEnd(timeout: Interval) -> Bool {
        guard let raw = process?.raw else { return true }
        return (try? IO.waitReadable(raw, timeout: Int32(clamping: timeout.millisecondsRoundedUp))) ?? true
    }

    private func gone(_ why: String) -> SupervisorError {
        SupervisorError(exitCode: SupervisorError.unavailable, "the supervisor (pid \(pid)) did not answer: \(why)")
    }

    private func nextLine(isQuick: Bool) throws(SupervisorError) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            if let end = held.firstIndex(of: UInt8(ascii: "\n")) {
                defer { held.removeFirst(end + 1) }
                return Array(held[..<end])
            }
            guard held.count < ControlClient.longestAnswer else { throw gone("its answer is too long") }
            switch chunk.withUnsafeMutableBytes({ IO.read(socket.raw, into: $0) }) {
            case .moved(0): return nil
            case .moved(let count): held.append(contentsOf: chunk[..<count])
            case .failed(let code): throw gone("\(SystemError(call: "read", code: code))")
            case .wouldBlock:
                let isReadable =
                    (try? IO.waitReadable(socket.raw, timeout: isQuick ? ControlClient.patience : -1)) ?? true
                if !isReadable { throw gone("not within \(ControlClient.patience / 1_000)s; is it stopped?") }
            }
        }
    }
}
