import JRBase
import JRJSON
import JRReactor
public import JRSupervision
import JRSystem

/// What this process hands over to the program that it becomes, or had from the one that it was.
public struct Inheritance: Sendable {
    /// Names the descriptor in the environment; `try:` before it is a question only.
    static let variable = "JR_HANDOVER"
    private static let trialMark = "try:"
    private static let longest = 256 << 20
    /// The exit code of a program that cannot go on with what it was handed.
    public static let failed: Int32 = 70

    public let handover: Handover
    /// Whether this program is only to say that it understands it.
    public let isTrial: Bool

    /// Nil for a program that begins anew.
    ///
    /// - Throws: Exit code 70 for what cannot be read.
    public static func ofThisProgram() throws(SupervisorError) -> Inheritance? {
        guard let value = SystemProgram.environment[variable] else { return nil }
        let isTrial = value.hasPrefix(trialMark)
        let why: String
        do {
            guard let raw = Int32(isTrial ? String(value.dropFirst(trialMark.count)) : value), raw > 2 else {
                throw Handover.Unreadable(reason: "\(variable)=\(value) names no descriptor")
            }
            let size = Int(try Files.status(of: raw).size)
            guard size <= longest else { throw Handover.Unreadable(reason: "it has \(size) bytes") }
            let handover = try Handover(JSON(parsing: try Files.read(raw, at: 0, count: size)))
            if !isTrial {
                for raw in handover.descriptors { try IO.setInherited(raw, false) }
                _ = Descriptor(owning: raw)
            }
            return Inheritance(handover: handover, isTrial: isTrial)
        } catch let error as Handover.Unreadable {
            why = error.reason
        } catch {
            why = "\(error)"
        }
        throw SupervisorError(exitCode: failed, "what an earlier program hands over cannot be taken: \(why)")
    }

    /// What a program answers that understands it.
    ///
    /// - Parameter name: The program's, with its version.
    public func answer(_ name: String) -> String {
        JSON.object(["goesOn": .string(name), "instances": .int(Int64(handover.instances.count))]).text + "\n"
    }

    /// The lock that is handed over; once.
    public func lock() -> RuntimeLock { RuntimeLock(adopting: Descriptor(owning: handover.lock)) }

    /// Ends all children of this process, which nobody is left to look after.
    public static func endChildren() { Leftover.endChildren() }

    /// The environment of a program that goes on.
    static func environment(_ value: String) -> [String] {
        var environment = SystemProgram.environment
        // Who waited for the start was answered long ago.
        environment[Starter.variable] = nil
        environment[variable] = value
        return environment.map { "\($0.key)=\($0.value)" }
    }

    static func file(of handover: Handover) throws(SystemError) -> Descriptor {
        let file = try Files.memoryFile("jr-handover")
        try Files.writeAll(file.raw, Array(handover.json.text(.compact).utf8))
        return file
    }

    static func trialEnvironment(_ raw: Int32) -> [String] {
        // It is not the service.
        environment("\(trialMark)\(raw)").filter { line in
            !ServiceManager.variables.contains { line.hasPrefix($0 + "=") }
        }
    }
}

/// The new program, run beside this one to see whether it can go on from here.
final class Trial {
    private static let patience = Interval.seconds(10 as Int64)
    private static let mostShown = 2_000

    private let handover: Descriptor
    private let said: Descriptor

    init(_ handover: Handover) throws(SystemError) {
        self.handover = try Inheritance.file(of: handover)
        said = try Files.memoryFile("jr-handover-answer")
    }

    /// - Parameters:
    ///   - ended: Told why it cannot, or nil.
    ///   - started: Given the child at once.
    func begin(
        _ successor: Successor, on loop: Loop, ended: @escaping (String?) -> Void, started: (ChildProcess) -> Void
    ) throws(SystemError) {
        let number: Int32 = 3
        var isLate = false
        var timer: Handle?
        let child = try loop.spawn(
            SpawnRequest(
                executable: successor.executable, arguments: successor.arguments,
                environment: Inheritance.trialEnvironment(number),
                descriptors: [(1, said.raw), (2, said.raw), (number, handover.raw)], newProcessGroup: true)
        ) { [self] loop, status in
            if let timer { loop.cancel(timer) }
            let late = isLate ? "it did not answer within \(Durations.format(Trial.patience))" : nil
            ended((late ?? refusal(status)).map { "\(successor.executable) cannot go on from here: \($0)" })
        }
        started(child)
        timer = loop.schedule(after: Trial.patience) { _ in
            isLate = true
            child.signalGroup(Signals.kill)
        }
    }

    private func refusal(_ status: ExitStatus) -> String? {
        let bytes = (try? Files.read(said.raw, at: 0, count: Trial.mostShown)) ?? []
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let answer = lines.last.flatMap { try? JSON(parsing: Array($0)) }
        if status.isSuccess, answer?["goesOn"]?.string != nil { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        let words = text.split(separator: "\n").joined(separator: "; ")
        return words.isEmpty ? "\(status)" : "\(status): \(words)"
    }
}
