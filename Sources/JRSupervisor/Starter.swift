import JRBase
import JRJSON
import JRSystem
import Synchronization

/// The way back from a supervisor in the background to the program that started it: a pipe, over which it says once
/// what became of the start.
public final class Starter: Sendable {
    /// Names the pipe's descriptor in the environment of the program in the background.
    public static let variable = "JR_DETACH_FD"
    public static let descriptor: Int32 = 3

    private let pipe: Mutex<Descriptor?>

    private init(_ descriptor: consuming Descriptor) {
        pipe = Mutex(descriptor)
    }

    /// The one who waits for this program's start; nil for a program that was started in the foreground. Asked first,
    /// it takes this program out of the starter's session.
    public static let ofThisProgram: Starter? = {
        guard SystemProgram.environment[variable] == String(descriptor) else { return nil }
        // Refused only to a leader of a session, which has what is wanted already.
        try? ProcessSettings.beginSession()
        // The number that was handed over would stay open in children; its duplicate does not.
        guard let own = try? IO.duplicate(descriptor, lowest: 10) else { return nil }
        _ = Descriptor(owning: descriptor)
        return Starter(own)
    }()

    /// Tells the one who waits, once. After a failure the pipe stays open until this program has taken everything down.
    public func tell(_ start: Supervisor.Start, exitCode: Int32) {
        pipe.withLock { pipe in
            guard let raw = pipe?.raw else { return }
            let object: JSON =
                switch start {
                case .ready(let message): ["ok": true, "message": .string(message)]
                case .failed(let message, let logs):
                    [
                        "ok": false, "exit": .int(Int64(exitCode)), "message": .string(message),
                        "logs": .array(logs.map(JSON.string)),
                    ]
                }
            // Nobody may be waiting any more, and that is all right.
            try? Files.writeAll(raw, Array((object.text + "\n").utf8))
            if case .ready = start { pipe = nil }
        }
    }
}
