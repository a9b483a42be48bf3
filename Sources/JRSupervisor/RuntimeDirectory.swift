import JRJSON
import JRSupervision
import JRSystem

/// The directory in which a supervisor keeps its socket, its state, its logs and the jobs of its nodes.
public struct RuntimeDirectory: Sendable, Equatable {
    public static let defaultName = ".jr"

    /// Absolute.
    public let path: String

    public init(path: String) {
        self.path = path
    }

    public var controlSocket: String { path + "/control.sock" }
    public var stateFile: String { path + "/state.json" }
    public var lockFile: String { path + "/lock" }
    /// Holds where a client reaches the first distributor: `jr://127.0.0.1:5000`.
    public var urlFile: String { path + "/url" }
    /// What runs now, kept for the way back: a folder an instance, in it one an incarnation.
    var kept: String { path + "/kept" }
    /// The sockets of programs that say when they are ready.
    var notices: String { path + "/notify" }
    public var logs: String { path + "/logs" }
    public var supervisorLog: String { logs + "/supervisor.log" }
    /// What happened to the instances, a JSON object a line.
    public var eventFile: String { path + "/events.jsonl" }

    /// Makes the directory, or takes the one that is there if it is ours, and closes it to others.
    public func make() throws(SupervisorError) {
        do {
            try Files.makeDirectories(path, mode: 0o700)
            let status = try Files.status(path)
            guard status.userID == SystemProgram.userID else {
                throw SupervisorError(
                    exitCode: SupervisorError.permission,
                    "the runtime directory \(path) belongs to user \(status.userID), not to user"
                        + " \(SystemProgram.userID) who runs this: name another \"runtimeDirectory\" in the manifest"
                )
            }
            if status.mode & 0o077 != 0 { try Files.setMode(path, 0o700) }
            try Files.makeDirectories(logs, mode: 0o700)
            try Files.makeDirectories(path + "/storage", mode: 0o700)
        } catch let error as SupervisorError {
            throw error
        } catch let error as SystemError {
            throw SupervisorError("the runtime directory cannot be made", error)
        } catch {
            throw SupervisorError(
                exitCode: SupervisorError.inputOutput, "the runtime directory cannot be made: \(error)")
        }
    }

    /// What the last supervisor here left; nil for a first start or a file that cannot be read.
    func readState() -> StateRecord? {
        guard let bytes = try? Files.read(stateFile, limit: 64 << 20), let json = try? JSON(parsing: bytes) else {
            return nil
        }
        return StateRecord(json)
    }

    /// Replaced as a whole, so that a reader never sees half of it. Not synced: it has to survive this process, and
    /// after the machine's own end there is no process left of which it could tell.
    func write(_ state: StateRecord) throws(SystemError) {
        let temporary = stateFile + ".tmp"
        try Files.write(temporary, Array((state.json.text(.compact) + "\n").utf8))
        try Files.rename(temporary, to: stateFile)
    }

    func writeURL(_ address: String) throws(SystemError) {
        let temporary = urlFile + ".tmp"
        try Files.write(temporary, Array("jr://\(address)\n".utf8))
        try Files.rename(temporary, to: urlFile)
    }
}

/// The right to be the only supervisor of a runtime directory. It ends with the process, however that ends.
public final class RuntimeLock: Sendable {
    private let descriptor: Descriptor
    /// Whether the supervisor before this one ended without saying so.
    public let followsCrash: Bool

    /// - Throws: exit code 75 with the pid of the supervisor that has it.
    public init(_ directory: RuntimeDirectory) throws(SupervisorError) {
        do {
            let file = try Files.open(directory.lockFile, [.readWrite, .create, .noFollow])
            let holder = String(decoding: try Files.read(file.raw, at: 0, count: 32), as: UTF8.self)
            let pid = Int32(holder.split(separator: "\n").first ?? "")
            guard try Files.tryLock(file.raw) else {
                let who = pid.map { " (pid \($0))" } ?? ""
                throw SupervisorError(
                    exitCode: SupervisorError.inUse,
                    "a supervisor\(who) runs here already: \(directory.path). Look at it with `jr-supervisor status`,"
                        + " end it with `jr-supervisor down`")
            }
            followsCrash = pid != nil
            try Files.truncate(file.raw, to: 0)
            try Files.writeAll(file.raw, Array("\(SystemProgram.pid)\n".utf8)[...], at: 0)
            descriptor = file
        } catch let error as SupervisorError {
            throw error
        } catch let error as SystemError {
            throw SupervisorError("the runtime directory cannot be locked", error)
        } catch {
            throw SupervisorError(
                exitCode: SupervisorError.inputOutput, "the runtime directory cannot be locked: \(error)")
        }
    }

    /// The lock that this process has had since before it became this program.
    init(adopting descriptor: consuming Descriptor) {
        followsCrash = false
        self.descriptor = descriptor
    }

    deinit { Files.unlock(descriptor.raw) }

    /// The number of its descriptor, to be handed over with the process.
    var rawDescriptor: Int32 { descriptor.raw }

    /// Says that nothing is left of this supervisor.
    public func endCleanly() {
        try? Files.truncate(descriptor.raw, to: 0)
    }

    /// The pid of the supervisor that has the lock now; nil when nobody has it.
    public static func holder(of directory: RuntimeDirectory) -> Int32? {
        guard let file = try? Files.open(directory.lockFile, [.read, .noFollow]) else { return nil }
        guard (try? Files.tryLock(file.raw)) == false else {
            Files.unlock(file.raw)
            return nil
        }
        guard let text = try? Files.read(file.raw, at: 0, count: 32)
        else { return nil }
        return Int32(String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? "")
    }
}

/// The address of a control socket, by a shorter way when its path is longer than a socket's name may be.
final class ControlAddress {
    let address: SocketAddress
    /// Keeps the shorter way open: the address works as long as this does.
    private let directory: Descriptor?

    init(_ runtime: RuntimeDirectory) throws(SystemError) {
        if runtime.controlSocket.utf8.count <= SocketAddress.longestPath {
            directory = nil
            address = .unix(path: runtime.controlSocket)
            return
        }
        let opened = try Files.open(runtime.path, [.read, .directory])
        address = .unix(path: "/proc/self/fd/\(opened.raw)/control.sock")
        directory = consume opened
    }
}
