import JRSystem

/// Counts what this thread takes of memory, where the library below was loaded in front of the system's.
struct AllocationCounter {
    static let source = """
        #include <stddef.h>
        #include <errno.h>

        extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
        extern void *__libc_memalign(size_t, size_t);
        static __thread unsigned long count __attribute__((tls_model("initial-exec")));

        unsigned long allocations_of_this_thread(void) { return count; }
        void *malloc(size_t size) { count++; return __libc_malloc(size); }
        void *calloc(size_t number, size_t size) { count++; return __libc_calloc(number, size); }
        void *realloc(void *old, size_t size) { count++; return __libc_realloc(old, size); }
        void *aligned_alloc(size_t alignment, size_t size) { count++; return __libc_memalign(alignment, size); }
        int posix_memalign(void **result, size_t alignment, size_t size) {
            count++;
            *result = __libc_memalign(alignment, size);
            return *result ? 0 : ENOMEM;
        }

        """

    private let read: @convention(c) () -> UInt

    init(library: String) throws {
        guard let symbol = try DynamicLibrary(path: library).symbol("allocations_of_this_thread") else {
            throw Missing()
        }
        // SAFETY: it is the function of this type in the source above.
        read = unsafeBitCast(symbol, to: (@convention(c) () -> UInt).self)
    }

    var now: Int { Int(read()) }

    struct Missing: Error {}
}
