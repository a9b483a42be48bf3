import JRBase
import JRReactor
import JRSystem
import JobReactor
import TestSupport
import Testing

/// A library that is loaded in front of the system's, in which calls for files are interrupted and writes are short.
private enum TroubledCalls {
    static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/types.h>
        #include <unistd.h>

        enum { INTERRUPTED_WRITES, SHORT_WRITES, INTERRUPTED_SYNCS, INTERRUPTED_OTHERS, KINDS };
        static uint64_t *counts;

        __attribute__((constructor)) static void begin(void) {
            int fd = open(getenv("TROUBLED_CALLS"), O_RDWR);
            if (fd >= 0) counts = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        }

        static int strikes(int kind, unsigned every) {
            static _Atomic unsigned calls[KINDS];
            if (!counts || counts == MAP_FAILED || calls[kind]++ % every) return 0;
            __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
            return 1;
        }

        #define INTERRUPTIBLE(kind, result, name, parameters, ...) \\
            result name parameters { \\
                static result (*real) parameters; \\
                if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); \\
                if (strikes(kind, 2)) { errno = EINTR; return -1; } \\
                return real(__VA_ARGS__); \\
            }
        #define WRITE(name, offset_type) \\
            ssize_t name(int fd, const void *bytes, size_t count, offset_type offset) { \\
                static ssize_t (*real)(int, const void *, size_t, offset_type); \\
                if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); \\
                if (strikes(INTERRUPTED_WRITES, 3)) { errno = EINTR; return -1; } \\
                if (count > 1 && strikes(SHORT_WRITES, 2)) count /= 3, count += !count; \\
                return real(fd, bytes, count, offset); \\
            }
        WRITE(pwrite, off_t)
        WRITE(pwrite64, off64_t)
        INTERRUPTIBLE(INTERRUPTED_SYNCS, int, fsync, (int fd), fd)
        INTERRUPTIBLE(INTERRUPTED_SYNCS, int, fdatasync, (int fd), fd)
        INTERRUPTIBLE(INTERRUPTED_OTHERS, int, ftruncate, (int fd, off_t length), fd, length)
        INTERRUPTIBLE(INTERRUPTED_OTHERS, int, ftruncate64, (int fd, off64_t length), fd, length)
        INTERRUPTIBLE(INTERRUPTED_OTHERS, int, fallocate, (int fd, int mode, off_t from, off_t n), fd, mode, from, n)
        INTERRUPTIBLE(INTERRUPTED_OTHERS, int, fallocate64, (int fd, int mode, off64_t from, off64_t n), fd, mode, from, n)

        """

    /// Compiles it, and makes the file in which it counts; nil where there is no compiler of C.
    static func make(in directory: String) throws -> [String: String]? {
        let (library, counts) = (directory + "/troubled.so", directory + "/troubled.counts")
        try Files.write(counts, [UInt8](repeating: 0, count: 4_096))
        guard try PreloadedLibrary.compile(source, to: library) else { return nil }
        return ["LD_PRELOAD": library, "TROUBLED_CALLS": counts]
    }

    /// How often each kind struck.
    static func counts(in directory: String) throws -> [UInt64] {
        let bytes = try Files.read(directory + "/troubled.counts", limit: 4_096)
        return bytes.withUnsafeBytes { raw in
            (0..<4).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
        }
    }
}

@Suite("System calls that are interrupted or do less than they were asked for", .mayBlock)
struct SystemCallTests {
    @Test("B40: with every other sync interrupted and every other write short, a node stores all the same")
    func troubledNode() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-calls-")
        defer { try? Files.removeTree(directory) }
        guard let environment = try TroubledCalls.make(in: directory) else {
            try Test.cancel("there is no compiler of C")
        }
        try Files.makeDirectory(directory + "/reactor_jobs")
        try Files.write(
            directory + "/reactor_jobs/size", Array("#!/bin/sh\nexec wc -c > /dev/null\n".utf8), mode: 0o755)
        let reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let url = "unix:\(directory)/socket"
        let front = try Running(["jr-distributor", "--listen", url], in: directory)
        defer { front.kill() }
        let words = [
            "jr-node", "--name", "worker", "--distributors", url, "--storage", "journal:\(directory)/store",
        ]
        let jobs = try JobClient(url, on: reactor)
        // Two segments are filled and a third one begun.
        let text = String(repeating: "x", count: 100_000)
        let troubled = try Running(words, in: directory, environment: environment)
        defer { troubled.kill() }
        for _ in 0..<120 { _ = try jobs.enqueue("size", ["text": .string(text)]) }
        _ = try await jobs.enqueue("size", ["text": .string(text)]).value
        let later = JobOptions(after: .seconds(3_600))
        let stored = Monitor(0)
        for number in 0..<20 {
            try jobs.enqueue("size", ["n": .int(Int64(number))], later, feedback: []) { event in
                if case .stored = event { stored.update { $0 += 1 } }
            }
        }
        try #require(stored.wait(timeout: .seconds(Int64(60))) { $0 == 20 ? true : nil } == true)
        for (kind, count) in try TroubledCalls.counts(in: directory).enumerated() { #expect(count > 3, "kind \(kind)") }
        troubled.kill()
        // What it left is sound.
        let sound = try Running(words, in: directory)
        defer { sound.kill() }
        _ = try await jobs.enqueue("size", ["text": .string(text)]).value
        #expect(try await jobs.jobs().filter { $0.name == "size" && $0.status == .new }.count == 20)
        jobs.stop()
    }
}
