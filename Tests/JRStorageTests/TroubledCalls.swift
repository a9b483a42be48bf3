import JRSystem
import TestSupport

/// A library that is loaded in front of the system's: calls for files below one directory are counted, and one of them,
/// or many, are interrupted or move less than they were asked to.
enum TroubledCalls {
    /// What happens to a call.
    enum Kind: UInt64, CaseIterable, Sendable {
        case none
        /// `EINTR`, once.
        case interrupted
        /// `EINTR`, three times in a row.
        case interruptedThrice
        /// Of a read or write one byte is moved.
        case oneByte
        /// Of a read or write all but one byte is moved.
        case allButOneByte
        /// Every other call is interrupted.
        case everyOtherInterrupted
        /// Of every read or write at most three bytes are moved.
        case allShort

        /// Those that strike one call.
        static let single: [Kind] = [.interrupted, .interruptedThrice, .oneByte, .allButOneByte]
        var isOfTransfers: Bool { [.oneByte, .allButOneByte, .allShort].contains(self) }
    }

    /// Words of the memory that is shared with the library.
    private enum Word {
        static let at = 0
        static let kind = 1
        /// All calls, and reads and writes alone.
        static let calls = 2
        static let transfers = 3
        static let struck = 4
    }

    static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/file.h>
        #include <sys/mman.h>
        #include <unistd.h>

        enum { NONE, INTERRUPTED, THRICE, ONE_BYTE, BUT_ONE, EVERY_OTHER, ALL_SHORT };
        static struct { uint64_t at, kind, calls, transfers, struck; } *control;
        static const char *directory;
        static _Atomic char ours[4096];

        __attribute__((constructor)) static void begin(void) {
            const char *path = getenv("TROUBLED_CONTROL");
            directory = getenv("TROUBLED_DIRECTORY");
            int fd = path && directory ? open(path, O_RDWR) : -1;
            void *memory = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (memory != MAP_FAILED) control = memory;
        }

        #define COUNT(word) (__atomic_add_fetch(&control->word, 1, __ATOMIC_SEQ_CST))
        static int is_ours(int fd) { return control && fd >= 0 && fd < 4096 && ours[fd]; }

        /* Whether this call ends with EINTR. */
        static int interrupted(void) {
            uint64_t call = COUNT(calls), at = control->at;
            int strikes = control->kind == INTERRUPTED ? call == at
                : control->kind == THRICE ? call >= at && call < at + 3
                : control->kind == EVERY_OTHER && call % 2;
            if (!strikes) return 0;
            COUNT(struck);
            errno = EINTR;
            return 1;
        }

        /* How much of a transfer is done. */
        static size_t moved(size_t count) {
            uint64_t call = COUNT(transfers), kind = control->kind;
            int strikes = kind == ALL_SHORT || (call == control->at && (kind == ONE_BYTE || kind == BUT_ONE));
            if (!strikes || count < 2) return count;
            COUNT(struck);
            return kind == ONE_BYTE ? 1 : kind == BUT_ONE ? count - 1 : count < 3 ? count : 3;
        }

        #define REAL(result, name, ...) \\
            static result (*real)(__VA_ARGS__); \\
            if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)
        #define OPEN(name) \\
            int name(const char *path, int flags, ...) { \\
                REAL(int, name, const char *, int, ...); \\
                va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \\
                int is_of_store = control && !strncmp(path, directory, strlen(directory)); \\
                if (is_of_store && interrupted()) return -1; \\
                int fd = real(path, flags, mode); \\
                if (fd >= 0 && fd < 4096) ours[fd] = is_of_store; \\
                return fd; \\
            }
        #define CALL(name, parameters, types, ...) \\
            int name parameters { \\
                REAL(int, name, types); \\
                return is_ours(fd) && interrupted() ? -1 : real(__VA_ARGS__); \\
            }
        #define TYPES(...) __VA_ARGS__
        #define MOVE(name, pointer) \\
            ssize_t name(int fd, pointer bytes, size_t count) { \\
                REAL(ssize_t, name, int, pointer, size_t); \\
                if (is_ours(fd)) { if (interrupted()) return -1; count = moved(count); } \\
                return real(fd, bytes, count); \\
            }
        #define MOVE_AT(name, pointer, offset_type) \\
            ssize_t name(int fd, pointer bytes, size_t count, offset_type at) { \\
                REAL(ssize_t, name, int, pointer, size_t, offset_type); \\
                if (is_ours(fd)) { if (interrupted()) return -1; count = moved(count); } \\
                return real(fd, bytes, count, at); \\
            }
        OPEN(open)
        OPEN(open64)
        MOVE(read, void *)
        MOVE(write, const void *)
        MOVE_AT(pread, void *, off_t)
        MOVE_AT(pread64, void *, off64_t)
        MOVE_AT(pwrite, const void *, off_t)
        MOVE_AT(pwrite64, const void *, off64_t)
        CALL(fsync, (int fd), TYPES(int), fd)
        CALL(fdatasync, (int fd), TYPES(int), fd)
        CALL(flock, (int fd, int how), TYPES(int, int), fd, how)
        CALL(ftruncate, (int fd, off_t length), TYPES(int, off_t), fd, length)
        CALL(ftruncate64, (int fd, off64_t length), TYPES(int, off64_t), fd, length)
        CALL(fallocate, (int fd, int mode, off_t from, off_t n), TYPES(int, int, off_t, off_t), fd, mode, from, n)
        CALL(fallocate64, (int fd, int mode, off64_t from, off64_t n), TYPES(int, int, off64_t, off64_t), fd, mode, from, n)

        """

    /// Of this process, if it was started with the library.
    static func control() throws -> Control? {
        let environment = SystemProgram.environment
        guard let path = environment["TROUBLED_CONTROL"], let directory = environment["TROUBLED_DIRECTORY"] else {
            return nil
        }
        return Control(memory: try SharedMapping(try Files.open(path, .readWrite), bytes: 4_096), directory: directory)
    }

    struct Control {
        let memory: SharedMapping
        let directory: String

        /// Strikes from the next call on; `nth` counts calls of the kind that may be struck, from 1.
        func strike(_ kind: Kind, at nth: Int = 0) {
            memory[word: Word.kind] = Kind.none.rawValue
            for word in [Word.calls, Word.transfers, Word.struck] { memory[word: word] = 0 }
            memory[word: Word.at] = UInt64(nth)
            memory[word: Word.kind] = kind.rawValue
        }

        func calls(_ kind: Kind) -> Int {
            Int(memory[word: kind.isOfTransfers ? Word.transfers : Word.calls])
        }

        var struck: Int { Int(memory[word: Word.struck]) }
    }
}
