import Glibc
import JRSystem
import Synchronization

/// A redis-server of a test's own, on a unix socket in a directory of its own, that ends with the test.
///
/// A shell stands between: it ends the server when this process, however it ends, closes its end of a pipe.
public final class RedisServer: Sendable {
    /// Its own, gone with it.
    public let directory: String
    private let settings: [String]
    private let executable: String
    private let process = Mutex<Running?>(nil)

    private struct Running {
        var shell: Int32
        var server: Int32
        /// Closing it ends the server.
        var end: Int32
    }

    /// Why there is no server.
    public struct Failure: Error, CustomStringConvertible {
        /// In words.
        public let description: String
    }

    /// Where it listens.
    public var socket: String { directory + "/redis.sock" }
    /// The same, as a storage's address.
    public var url: String { "redis+unix:\(socket)" }
    /// The server's own process.
    public var pid: Int32 { process.withLock { $0?.server ?? 0 } }

    /// Starts it and waits until it takes connections. Without other settings it keeps nothing on disk.
    ///
    /// - Parameters:
    ///   - settings: as on the server's command line.
    ///   - program: `redis-server`, or one that is like it.
    public init(_ settings: [String] = ["--appendonly", "no"], program: String = "redis-server") throws {
        guard let executable = Self.path(of: program) else {
            throw Failure(
                description: "there is no \(program) in PATH, and this test needs one: scripts/test.sh installs"
                    + " it as root, otherwise: apt-get install redis-server")
        }
        self.executable = executable
        directory = try Files.makeTemporaryDirectory(prefix: "jr-redis")
        self.settings = settings
        try start()
    }

    deinit {
        kill()
        try? Files.removeTree(directory)
    }

    /// Where a program is; nil where it is not installed.
    public static func path(of program: String) -> String? {
        let folders = (SystemProgram.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/\(program)" }.first { Files.exists($0) }
    }

    /// Starts it again after ``kill()``.
    public func start() throws {
        guard pid == 0 else { return }
        let input = try Self.pipe()
        let output = try Self.pipe()
        // A file of an earlier start would answer for this one.
        try? Files.remove(socket)
        let script = "\"$0\" \"$@\" & echo $!; read line; kill -9 $!; wait"
        let server = [
            executable, "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "", "--daemonize", "no",
            "--logfile", "",
        ]
        let shell = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", script] + server + settings, environment: ["PATH=/bin"],
                descriptors: [(child: 0, parent: input.read), (child: 1, parent: output.write)]))
        close(input.read)
        close(output.write)
        defer { close(output.read) }
        do {
            let server = try Self.read(output.read) { text in
                // The shell says the pid, and the server that it is ready: on a busy machine in either order.
                guard text.contains("eady to accept connections") else { return nil }
                return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                    .lazy.compactMap { Int32($0) }.first
            }
            process.withLock { $0 = Running(shell: shell, server: server, end: input.write) }
        } catch {
            // A child that is left as a zombie would keep every exit test from its end.
            close(input.write)
            _ = try? Processes.wait(pid: shell)
            throw error
        }
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "pipe failed: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Reads until `find` finds what is looked for in all that came.
    private static func read(_ raw: Int32, _ find: (String) -> Int32?) throws -> Int32 {
        var found: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(raw, &buffer, buffer.count)
            let text = String(decoding: found, as: UTF8.self)
            guard count > 0 else { throw Failure(description: "redis-server did not start:\n\(text)") }
            found += buffer[..<count]
            if let result = find(String(decoding: found, as: UTF8.self)) { return result }
        }
    }

    /// As with kill -9.
    public func kill() {
        guard let running = process.withLock({ $0.take() }) else { return }
        close(running.end)
        _ = try? Processes.wait(pid: running.shell)
    }

    /// Sends the server a signal.
    public func signal(_ number: Int32) {
        try? Processes.signal(pid: pid, number)
    }

    /// The first line of the answer to a command, as redis-cli shows it.
    @discardableResult
    public func command(_ words: String...) throws -> String { try command(words: words) }

    /// The same, of words in an array.
    @discardableResult
    public func command(words: [String]) throws -> String {
        String(try answer(to: words).prefix { $0 != "\n" })
    }

    /// The whole answer.
    public func all(_ words: String...) throws -> String { try answer(to: words) }

    private func answer(to words: [String]) throws -> String {
        let output = try Self.pipe()
        let cli = executable.dropLast("server".count) + "cli"
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: String(cli), arguments: ["redis-cli", "-s", socket] + words,
                descriptors: [(child: 1, parent: output.write)]))
        close(output.write)
        defer { close(output.read) }
        let bytes = try Files.readAll(output.read, limit: 1 << 20)
        _ = try Processes.wait(pid: pid)
        return String(decoding: bytes, as: UTF8.self)
    }
}
