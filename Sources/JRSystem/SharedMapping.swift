import Glibc

/// The bytes of a file as memory, shared with the page cache: what is stored outlives the process without a system
/// call.
///
/// The file must be as long as the mapping and its blocks allocated; touching a page that the disk has no room for ends
/// the process with SIGBUS. Not for use by two threads at once.
public final class SharedMapping {
    private let memory: UnsafeMutableRawBufferPointer

    /// Maps the first `bytes` bytes of an open file, to read and write.
    public init(_ descriptor: borrowing Descriptor, bytes: Int) throws(SystemError) {
        let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.raw, 0)
        guard let address, address != MAP_FAILED else { throw SystemError(call: "mmap", code: errno) }
        memory = UnsafeMutableRawBufferPointer(start: address, count: bytes)
    }

    deinit {
        // Can only fail for addresses that are not mapped.
        munmap(memory.baseAddress, memory.count)
    }

    /// The 64-bit word with this number, in the byte order of the machine.
    public subscript(word index: Int) -> UInt64 {
        get {
            precondition(index >= 0 && index < memory.count / 8, "SharedMapping: no word \(index)")
            // SAFETY: the word lies in the mapping, which lives as long as this object.
            return memory.load(fromByteOffset: index * 8, as: UInt64.self)
        }
        set {
            precondition(index >= 0 && index < memory.count / 8, "SharedMapping: no word \(index)")
            // SAFETY: as above.
            memory.storeBytes(of: newValue, toByteOffset: index * 8, as: UInt64.self)
        }
    }
}
