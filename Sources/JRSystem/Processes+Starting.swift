import CJRLinux
import Glibc
import JRBase

/// Starting children.
extension Processes {
    /// How long a program that is still open for writing somewhere is tried again.
    private static let busyTime = Interval.seconds(Int64(1))
    /// How long the answer of `jr-exec` is waited for.
    private static let longestExec = Interval.seconds(Int64(5))

    /// A child that was begun: one that is started through `jr-exec` may not have become its program yet.
    ///
    /// Whoever has it ends it by ``finish(_:)``; what the request names stays open until then.
    public struct Beginning: ~Copyable {
        let pid: Int32
        let request: SpawnRequest
        /// The first arguments of `jr-exec`, one of which its answer may name.
        let words: [String]
        /// Told the error on the way to its program, and closed by its success; nil for a child that is the program
        /// already.
        let answer: Descriptor?
        let deadline: Instant

        /// Whether the child leads a process group of its own.
        public var leadsGroup: Bool { request.newProcessGroup }
    }

    /// Starts a child and returns its pid, which stays the child's until it is reaped.
    ///
    /// An executable that another process still holds open for writing (`ETXTBSY`: it was just built) is tried again
    /// for up to a second, in which this call blocks.
    ///
    /// - Throws: what is wrong with the program or its directory, known at once: `ENOENT`, `EACCES`, `ENOEXEC`, ...
    public static func spawn(_ request: SpawnRequest) throws(SystemError) -> Int32 {
        try finish(try begin(request))
    }

    /// The first half of ``spawn(_:)``, after which others can be begun: those that go through `jr-exec` become their
    /// programs at the same time, and not one after the other.
    public static func begin(_ request: SpawnRequest) throws(SystemError) -> Beginning {
        try patiently { () throws(SystemError) in try beginOnce(request) }
    }

    /// The other half: waits until the child is its program, and returns its pid.
    public static func finish(_ beginning: consuming Beginning) throws(SystemError) -> Int32 {
        let request = beginning.request
        do throws(SystemError) {
            return try finishOnce(beginning)
        } catch {
            guard error.code == ETXTBSY else { throw error }
        }
        return try patiently { () throws(SystemError) in
            let again = try beginOnce(request)
            return try finishOnce(again)
        }
    }

    private static func patiently<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let deadline = SystemClock.instant() + busyTime
        var pause: UInt32 = 5_000
        while true {
            do throws(SystemError) {
                return try body()
            } catch {
                guard error.code == ETXTBSY, SystemClock.instant() < deadline else { throw error }
            }
            usleep(pause)
            pause = min(pause * 2, 100_000)
        }
    }

    // MARK: Inner workings

    private static func reason(_ result: Int32, _ request: SpawnRequest) -> SystemError {
        // posix_spawn does not say whether it was the program or the directory that is missing.
        if let directory = request.workingDirectory {
            do {
                let status = try Files.status(directory)
                if status.kind != .directory { return SystemError(call: "chdir", code: ENOTDIR, subject: directory) }
            } catch {
                return SystemError(call: "chdir", code: error.code, subject: directory)
            }
        }
        return failure(result, "posix_spawn", request.executable)
    }

    private static func group(of request: SpawnRequest) -> jr_group {
        guard request.newProcessGroup else { return JR_GROUP_PARENTS }
        return request.isInForeground ? JR_GROUP_FOREGROUND : JR_GROUP_OWN
    }

    private static func spawnOnce(_ request: SpawnRequest) throws(SystemError) -> Int32 {
        let arguments = CStrings(request.arguments)
        let environment = CStrings(request.environment)
        let result = jr_spawn(
            request.executable, arguments.pointers, environment.pointers, request.workingDirectory,
            request.descriptors.map(\.child), request.descriptors.map(\.parent), request.descriptors.count,
            group(of: request))
        guard result >= 0 else { throw reason(result, request) }
        return result
    }

    /// Starts the program, or `jr-exec`, which becomes it.
    private static func beginOnce(_ request: SpawnRequest) throws(SystemError) -> Beginning {
        let deadline = SystemClock.instant() + longestExec
        guard let trampoline = request.trampoline else {
            return Beginning(pid: try spawnOnce(request), request: request, words: [], answer: nil, deadline: deadline)
        }
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let answer = Descriptor(owning: ends.read)
        let answering = Descriptor(owning: ends.write)
        let number = request.descriptors.reduce(2) { max($0, $1.child) } + 1
        var first = request
        first.executable = trampoline.path
        let words = [trampoline.path, "\(SystemProgram.pid)", "\(number)"] + trampoline.words
        first.arguments = words + ["--", request.executable] + request.arguments
        first.descriptors.append((number, answering.raw))
        let pid = try spawnOnce(first)
        return Beginning(pid: pid, request: request, words: words, answer: consume answer, deadline: deadline)
    }

    /// Waits until `jr-exec` has become the program: an error on the way is thrown here.
    private static func finishOnce(_ beginning: borrowing Beginning) throws(SystemError) -> Int32 {
        let pid = beginning.pid
        let open: Int32? =
            switch beginning.answer {
            case .some(let answer): answer.raw
            case .none: nil
            }
        guard let answer = open else { return pid }
        // One that somebody stops on the way, or whose file does not come, must not hold up this program for ever: it
        // counts as started, and what becomes of it is seen by its end.
        let left = max(0, (beginning.deadline - SystemClock.instant()).millisecondsRoundedUp)
        guard (try? IO.waitReadable(answer, timeout: Int32(clamping: left))) == true else { return pid }
        var told: (code: Int32, place: Int32) = (0, 0)
        let count = withUnsafeMutableBytes(of: &told) { IO.read(answer, into: $0) }
        guard case .moved(2 * MemoryLayout<Int32>.size) = count else { return pid }
        _ = try wait(pid: pid)
        let (request, words) = (beginning.request, beginning.words)
        guard let trampoline = request.trampoline, told.place > 0, told.place < words.count else {
            throw reason(-told.code, request)
        }
        throw trampoline.error(of: words[Int(told.place)], told.code)
    }
}

/// Copies of texts as C has them: pointers to bytes that end with a zero, and a null after the last.
struct CStrings: ~Copyable {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ texts: [String]) {
        pointers = texts.map { strdup($0) } + [nil]
    }

    deinit {
        for pointer in pointers { free(pointer) }
    }
}
