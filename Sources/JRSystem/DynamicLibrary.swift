import Glibc

/// A shared library that was loaded into this process; it stays for the life of the process.
public struct DynamicLibrary {
    /// The loader's own words, which name the file.
    public struct Failure: Error, Sendable, Equatable {
        public let text: String
    }

    private let handle: UnsafeMutableRawPointer

    /// Loads a library with all it needs (`dlopen`), and runs its initialisers on the calling thread.
    public init(path: String) throws(Failure) {
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            // The text is this thread's own, and stays until its next call of the loader.
            throw Failure(text: dlerror().map { String(cString: $0) } ?? "the loader gave no reason")
        }
        self.handle = handle
    }

    /// Where a symbol is; nil if the library has none of this name.
    public func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }
}
