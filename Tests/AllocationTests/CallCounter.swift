import JRSystem

/// Counts what this thread asks of the system, where the library below was loaded in front of the system's.
///
/// Not seen: what the C library asks for by itself (memory, threads, locks that are taken), and the clocks, which ask
/// for nothing.
struct CallCounter: Sendable {
    static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stddef.h>

        struct epoll_event; struct timespec; struct itimerspec; struct sockaddr; struct msghdr; struct iovec;
        struct stat; struct pollfd;

        #define CALLS(CALL) \\
            CALL(read, read, long, (int a, void *b, size_t c), a, b, c) \\
            CALL(readv, readv, long, (int a, const struct iovec *b, int c), a, b, c) \\
            CALL(recv, recv, long, (int a, void *b, size_t c, int d), a, b, c, d) \\
            CALL(recvmsg, recvmsg, long, (int a, struct msghdr *b, int c), a, b, c) \\
            CALL(pread, pread, long, (int a, void *b, size_t c, long d), a, b, c, d) \\
            CALL(pread, pread64, long, (int a, void *b, size_t c, long d), a, b, c, d) \\
            CALL(write, write, long, (int a, const void *b, size_t c), a, b, c) \\
            CALL(writev, writev, long, (int a, const struct iovec *b, int c), a, b, c) \\
            CALL(send, send, long, (int a, const void *b, size_t c, int d), a, b, c, d) \\
            CALL(sendmsg, sendmsg, long, (int a, const struct msghdr *b, int c), a, b, c) \\
            CALL(sendto, sendto, long, (int a, const void *b, size_t c, int d, const struct sockaddr *e, int f), \\
                a, b, c, d, e, f) \\
            CALL(pwrite, pwrite, long, (int a, const void *b, size_t c, long d), a, b, c, d) \\
            CALL(pwrite, pwrite64, long, (int a, const void *b, size_t c, long d), a, b, c, d) \\
            CALL(pwritev, pwritev, long, (int a, const struct iovec *b, int c, long d), a, b, c, d) \\
            CALL(pwritev, pwritev64, long, (int a, const struct iovec *b, int c, long d), a, b, c, d) \\
            CALL(fsync, fsync, int, (int a), a) \\
            CALL(fdatasync, fdatasync, int, (int a), a) \\
            CALL(sync_file_range, sync_file_range, int, (int a, long b, long c, unsigned d), a, b, c, d) \\
            CALL(ftruncate, ftruncate, int, (int a, long b), a, b) \\
            CALL(ftruncate, ftruncate64, int, (int a, long b), a, b) \\
            CALL(fallocate, fallocate, int, (int a, int b, long c, long d), a, b, c, d) \\
            CALL(fallocate, fallocate64, int, (int a, int b, long c, long d), a, b, c, d) \\
            CALL(open, open, int, (const char *a, int b, unsigned c), a, b, c) \\
            CALL(open, open64, int, (const char *a, int b, unsigned c), a, b, c) \\
            CALL(close, close, int, (int a), a) \\
            CALL(lseek, lseek, long, (int a, long b, int c), a, b, c) \\
            CALL(lseek, lseek64, long, (int a, long b, int c), a, b, c) \\
            CALL(fstat, fstat, int, (int a, struct stat *b), a, b) \\
            CALL(fstat, fstat64, int, (int a, struct stat *b), a, b) \\
            CALL(fstatat, fstatat, int, (int a, const char *b, struct stat *c, int d), a, b, c, d) \\
            CALL(fstatat, fstatat64, int, (int a, const char *b, struct stat *c, int d), a, b, c, d) \\
            CALL(rename, rename, int, (const char *a, const char *b), a, b) \\
            CALL(unlink, unlink, int, (const char *a), a) \\
            CALL(mmap, mmap, void *, (void *a, size_t b, int c, int d, int e, long f), a, b, c, d, e, f) \\
            CALL(munmap, munmap, int, (void *a, size_t b), a, b) \\
            CALL(fcntl, fcntl, int, (int a, int b, long c), a, b, c) \\
            CALL(ioctl, ioctl, int, (int a, unsigned long b, void *c), a, b, c) \\
            CALL(flock, flock, int, (int a, int b), a, b) \\
            CALL(epoll_wait, epoll_wait, int, (int a, struct epoll_event *b, int c, int d), a, b, c, d) \\
            CALL(epoll_wait, epoll_pwait2, int, \\
                (int a, struct epoll_event *b, int c, const struct timespec *d, const void *e), a, b, c, d, e) \\
            CALL(epoll_ctl, epoll_ctl, int, (int a, int b, int c, struct epoll_event *d), a, b, c, d) \\
            CALL(poll, poll, int, (struct pollfd *a, unsigned long b, int c), a, b, c) \\
            CALL(timerfd_settime, timerfd_settime, int, \\
                (int a, int b, const struct itimerspec *c, struct itimerspec *d), a, b, c, d) \\
            CALL(socket, socket, int, (int a, int b, int c), a, b, c) \\
            CALL(connect, connect, int, (int a, const struct sockaddr *b, unsigned c), a, b, c) \\
            CALL(accept4, accept4, int, (int a, struct sockaddr *b, unsigned *c, int d), a, b, c, d) \\
            CALL(shutdown, shutdown, int, (int a, int b), a, b) \\
            CALL(getsockopt, getsockopt, int, (int a, int b, int c, void *d, unsigned *e), a, b, c, d, e) \\
            CALL(setsockopt, setsockopt, int, (int a, int b, int c, const void *d, unsigned e), a, b, c, d, e) \\
            CALL(getsockname, getsockname, int, (int a, struct sockaddr *b, unsigned *c), a, b, c) \\
            CALL(getpeername, getpeername, int, (int a, struct sockaddr *b, unsigned *c), a, b, c) \\
            CALL(getrandom, getrandom, long, (void *a, size_t b, unsigned c), a, b, c) \\
            CALL(getpid, getpid, int, (void)) \\
            CALL(syscall, syscall, long, (long a, long b, long c, long d, long e, long f, long g), a, b, c, d, e, f, g)

        #define NUMBER(name, function, ...) NUMBER_##function,
        #define NAME(name, function, ...) #name,
        enum { CALLS(NUMBER) KINDS };
        static const char *names[] = {CALLS(NAME)};
        static __thread unsigned long counts[KINDS] __attribute__((tls_model("initial-exec")));

        const char *name_of_call(unsigned long kind) { return kind < KINDS ? names[kind] : NULL; }
        unsigned long calls_of_this_thread(unsigned long kind) { return counts[kind]; }

        #define COUNT(name, function, result, parameters, ...) \\
            result function parameters { \\
                static result (*real) parameters; \\
                if (!real) *(void **)&real = dlsym(RTLD_NEXT, #function); \\
                counts[NUMBER_##function]++; \\
                return real(__VA_ARGS__); \\
            }
        CALLS(COUNT)

        """

    private let name: @convention(c) @Sendable (UInt) -> UnsafePointer<CChar>?
    private let read: @convention(c) @Sendable (UInt) -> UInt

    init(library: String) throws {
        let library = try DynamicLibrary(path: library)
        guard let name = library.symbol("name_of_call"), let read = library.symbol("calls_of_this_thread") else {
            throw Missing()
        }
        // SAFETY: they are the functions of these types in the source above.
        self.name = unsafeBitCast(name, to: (@convention(c) @Sendable (UInt) -> UnsafePointer<CChar>?).self)
        self.read = unsafeBitCast(read, to: (@convention(c) @Sendable (UInt) -> UInt).self)
    }

    /// All calls of this thread so far, by name.
    var now: [String: Int] {
        var (found, kind) = ([String: Int](), UInt(0))
        while let name = name(kind) {
            found[String(cString: name), default: 0] += Int(read(kind))
            kind += 1
        }
        return found
    }

    struct Missing: Error {}
}
