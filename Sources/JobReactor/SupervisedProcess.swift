import JRBase
public import JRReactor
public import JRSystem

/// What a program of the cluster and its supervisor tell each other, over descriptors named in the environment.
///
/// Without those variables everything here does nothing, so that the same program runs by hand. Under systemd, or
/// whoever else gives `NOTIFY_SOCKET`, the program says there as well that it is ready, and that it ends.
public enum SupervisedProcess {
    /// Looks whether the descriptors that the environment names can be what it says they are: variables that were kept
    /// from another program name none, or one that is something else. A program calls this before it opens anything.
    ///
    /// - Parameter environment: where the descriptors' numbers are.
    /// - Throws: with exit code 78 what is wrong, and with which variable.
    public static func check(
        environment: [String: String] = SystemProgram.environment
    ) throws(JobReactorError) {
        for variable in ["JR_READY_FD", "JR_LIFE_FD"] {
            guard let text = environment[variable], let why = problem(text, isRead: variable == "JR_LIFE_FD") else {
                continue
            }
            throw JobReactorError(
                .configuration, what: "\(variable)=\(text.prefix(20)) is not what a supervisor gives", why: why,
                mend: "Unset it (unset \(variable)) to start the program by hand, or start it with jr-supervisor",
                exitCode: 78)
        }
    }

    private static func problem(_ text: String, isRead: Bool) -> String? {
        guard !text.isEmpty else { return nil }
        guard let raw = Int32(text), raw > 2 else { return "it has to be the number of a descriptor, from 3 on" }
        guard let kind = try? Files.status(of: raw).kind, let direction = try? IO.direction(raw) else {
            return "no descriptor \(raw) is open"
        }
        guard direction != (isRead ? .write : .read) else {
            return "descriptor \(raw) cannot be \(isRead ? "read from" : "written to")"
        }
        // What is written may go into a file as well, but only these can be waited for.
        guard !isRead || kind == .pipe || kind == .socket else {
            return "descriptor \(raw) is no pipe and no socket, so that its end cannot be waited for"
        }
        return kind == .directory ? "descriptor \(raw) is a directory" : nil
    }

    /// Writes `READY=1` and facts such as `port=5000` on the descriptor of `JR_READY_FD`, once.
    ///
    /// - Parameters:
    ///   - facts: what else the line says.
    ///   - words: what the program acts on, of the life line. Without any, each word there means that it is to leave,
    ///     and the descriptor is closed; with some, ``tell(_:environment:)`` goes on over it.
    ///   - environment: where the descriptor's number is.
    public static func tellReady(
        _ facts: [String] = [], understands words: [String] = [],
        environment: [String: String] = SystemProgram.environment
    ) {
        notify("READY=1", environment)
        guard let raw = descriptor("JR_READY_FD", environment) else { return }
        let known = words.isEmpty ? [] : ["words=\(words.joined(separator: ","))"]
        _ = Standard.write(raw, (["READY=1"] + facts + known).joined(separator: " ") + "\n")
        if words.isEmpty {
            _ = Descriptor(owning: raw)
        } else {
            // From here on nobody waits for these lines, and a supervisor that does not read them must not hold us up.
            try? IO.setNonBlocking(raw)
        }
    }

    /// Writes a line to the supervisor, such as `RECOVERING=1`, before ``tellReady(_:understands:environment:)`` or
    /// after one with words.
    public static func tell(_ line: String, environment: [String: String] = SystemProgram.environment) {
        guard let raw = descriptor("JR_READY_FD", environment) else { return }
        // As a whole or not at all: a pipe takes a line of this size at once, or has no room for it.
        _ = Array((line + "\n").utf8).withUnsafeBytes { IO.write(raw, $0) }
    }

    /// Calls `body` when the process is to end: on SIGTERM or SIGINT, or when the supervisor closes the other end of
    /// the descriptor of `JR_LIFE_FD`: after the word `leave` when it tells the process to, without one when it dies.
    /// It may be called more than once.
    ///
    /// - Parameters:
    ///   - loop: whose thread everything is called on.
    ///   - environment: where the descriptor's number is.
    ///   - heard: gets the other words, each a line; without it any word means leave.
    ///   - body: gets why the process is to end, in a few words.
    public static func onEnd(
        _ loop: Loop, environment: [String: String] = SystemProgram.environment,
        heard: ((String) -> Void)? = nil, _ body: @escaping (Loop, _ reason: String) -> Void
    ) throws(SystemError) {
        try loop.onSignals([Signals.terminate, Signals.interrupt]) { loop, signal in
            notify("STOPPING=1", environment)
            body(loop, "SIG\(Signals.name(signal))")
        }
        guard let raw = descriptor("JR_LIFE_FD", environment) else { return }
        try IO.setNonBlocking(raw)
        let line = LifeLine(raw, heard: heard, ended: body)
        line.watch = try loop.watchReadable(raw) { loop in line.read(on: loop) }
    }

    /// Whoever does not listen there does not want to know.
    private static func notify(_ text: String, _ environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return }
        try? Sockets.notify(path, text)
    }

    private static func descriptor(_ variable: String, _ environment: [String: String]) -> Int32? {
        environment[variable].flatMap { Int32($0) }.flatMap { $0 > 2 ? $0 : nil }
    }

    private final class LifeLine {
        /// No word is that long.
        private static let longest = 4_096

        private let raw: Int32
        private let heard: ((String) -> Void)?
        private let ended: (Loop, String) -> Void
        private var held: [UInt8] = []
        var watch: Handle?

        init(_ raw: Int32, heard: ((String) -> Void)?, ended: @escaping (Loop, String) -> Void) {
            self.raw = raw
            self.heard = heard
            self.ended = ended
        }

        func read(on loop: Loop) {
            var buffer = [UInt8](repeating: 0, count: 256)
            while watch != nil {
                switch buffer.withUnsafeMutableBytes({ IO.read(raw, into: $0) }) {
                case .wouldBlock: return
                case .moved(0), .failed: end("the supervisor is gone", loop)
                case .moved(let count): take(buffer[..<count], loop)
                }
            }
        }

        private func take(_ bytes: ArraySlice<UInt8>, _ loop: Loop) {
            guard let heard else { return end("the supervisor says to leave", loop) }
            held.append(contentsOf: bytes)
            while let end = held.firstIndex(of: UInt8(ascii: "\n")) {
                let word = String(decoding: held[..<end], as: UTF8.self)
                held.removeFirst(end + 1)
                if word == "leave" { return self.end("the supervisor says to leave", loop) }
                heard(word)
            }
            if held.count > Self.longest { held = [] }
        }

        private func end(_ reason: String, _ loop: Loop) {
            if let watch { loop.unwatch(watch) }
            watch = nil
            ended(loop, reason)
        }
    }
}
