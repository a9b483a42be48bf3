import JRBase
import JRSystem

/// What a process has used so far, as the kernel counts it.
struct BenchUsage {
    var userMicroseconds: Int64 = 0
    var systemMicroseconds: Int64 = 0
    /// Calls of `read`, `write` and their relatives; sockets' `send` and `recv` and all others are not among them.
    var readWriteCalls: Int64 = 0
    var residentBytes: Int64 = 0

    /// The kernel's clock ticks (USER_HZ) are 10 ms on every machine that Linux runs on today.
    private static let tick: Int64 = 10_000
    /// The pages of `/proc/PID/statm`.
    private static let page: Int64 = 4_096

    init() {}

    init(of pid: Int32) {
        let stat = Self.text(pid, "stat")
        // The name, in parentheses, may hold anything; after it, utime and stime are the 12th and 13th field.
        let fields = stat.suffix(from: stat.lastIndex(of: ")") ?? stat.startIndex).split(separator: " ")
        if fields.count > 13 {
            userMicroseconds = (Int64(fields[12]) ?? 0) * Self.tick
            systemMicroseconds = (Int64(fields[13]) ?? 0) * Self.tick
        }
        for line in Self.text(pid, "io").split(separator: "\n") {
            if line.hasPrefix("syscr: ") || line.hasPrefix("syscw: ") {
                readWriteCalls += Int64(line.dropFirst("syscr: ".count)) ?? 0
            }
        }
        let pages = Self.text(pid, "statm").split(separator: " ").dropFirst().first.flatMap { Int64($0) }
        residentBytes = (pages ?? 0) * Self.page
    }

    private static func text(_ pid: Int32, _ name: String) -> String {
        String(decoding: (try? Files.read("/proc/\(pid)/\(name)", limit: 1 << 16)) ?? [], as: UTF8.self)
    }

    static func - (left: BenchUsage, right: BenchUsage) -> BenchUsage {
        var difference = BenchUsage()
        difference.userMicroseconds = left.userMicroseconds - right.userMicroseconds
        difference.systemMicroseconds = left.systemMicroseconds - right.systemMicroseconds
        difference.readWriteCalls = left.readWriteCalls - right.readWriteCalls
        difference.residentBytes = left.residentBytes - right.residentBytes
        return difference
    }
}

/// A process of a benchmark; it ends when this one does.
final class BenchProcess {
    let label: String
    let pid: Int32
    private let output: Descriptor
    private var input: Descriptor?

    /// Starts it; ``line()`` then waits until it is ready.
    init(_ label: String, _ words: [String]) throws {
        let toChild = try Pipe(nonBlocking: false).takeEnds()
        let fromChild = try Pipe(nonBlocking: false).takeEnds()
        let childInput = Descriptor(owning: toChild.read)
        let childOutput = Descriptor(owning: fromChild.write)
        self.label = label
        input = Descriptor(owning: toChild.write)
        output = Descriptor(owning: fromChild.read)
        pid = try Processes.spawn(
            SpawnRequest(
                executable: try Files.currentExecutable(), arguments: ["jr", BenchNode.word] + words,
                descriptors: [(0, childInput.raw), (1, childOutput.raw), (2, Standard.error)], newProcessGroup: true))
    }

    /// A program of the system's, which ends with this one. It is looked up in `PATH`.
    init(program: String, _ words: [String]) throws {
        let folders = (SystemProgram.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        guard let folder = folders.first(where: { Files.exists("\($0)/\(program)") }) else {
            throw BenchProblem(69, "there is no \(program) in PATH: install it, or name a server with --redis-url")
        }
        // Programs do not end when their input does; a shell sees to it.
        let script = "exec 3<&0; \"$0\" \"$@\" <&- 3<&- >&- & read -r line <&3; kill -9 $!; wait"
        let toChild = try Pipe(nonBlocking: false).takeEnds()
        let fromChild = try Pipe(nonBlocking: false).takeEnds()
        let childInput = Descriptor(owning: toChild.read)
        let childOutput = Descriptor(owning: fromChild.write)
        label = program
        input = Descriptor(owning: toChild.write)
        output = Descriptor(owning: fromChild.read)
        pid = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", script, "\(folder)/\(program)"] + words,
                environment: ["PATH=/usr/bin:/bin"],
                descriptors: [(0, childInput.raw), (1, childOutput.raw), (2, Standard.error)], newProcessGroup: true))
    }

    /// The next line it says.
    func line() throws -> String {
        var line: [UInt8] = []
        var byte: [UInt8] = [0]
        while case .moved(1) = byte.withUnsafeMutableBytes({ IO.read(output.raw, into: $0) }) {
            if byte[0] == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte[0])
        }
        throw BenchProblem(70, "\(label) ended before it was ready; what it said is above")
    }

    var usage: BenchUsage { BenchUsage(of: pid) }

    /// How often it has synced a file so far, by its own count; for a process that is this program.
    func syncs() throws -> Int64 {
        guard let raw = input?.raw else { return 0 }
        try Files.writeAll(raw, [UInt8(ascii: "?")])
        // Whatever else it has said meanwhile comes before.
        while true {
            if let count = Int64(try line()) { return count }
        }
    }

    /// Ends it in good order, by the end of its input, so that a profiler can write what it saw.
    func end() {
        input = nil
        _ = try? Processes.wait(pid: pid)
    }

    /// Ends it at once, as a crash does, with what it has started.
    func kill() {
        try? Processes.signal(group: pid, Signals.kill)
        _ = try? Processes.wait(pid: pid)
    }
}
