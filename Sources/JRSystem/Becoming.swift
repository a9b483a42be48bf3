import CJRLinux
import Glibc

/// Becoming another program, with all that this one has open.
extension Processes {
    /// Runs another program in this process, whose pid, children and held signals it takes over. Only for the thread
    /// that started children which ask to die with it: all others end here.
    ///
    /// - Parameters:
    ///   - path: The file to run.
    ///   - arguments: `argv`.
    ///   - environment: `NAME=VALUE` entries.
    ///   - descriptors: What it finds open beside 0, 1 and 2.
    /// - Returns: why it could not be done; then all is as before.
    public static func become(
        _ path: String, arguments: [String], environment: [String], keeping descriptors: [Int32]
    ) -> SystemError {
        let arguments = CStrings(arguments)
        let environment = CStrings(environment)
        for raw in descriptors { try? IO.setInherited(raw, true) }
        let result = jr_execute(path, arguments.pointers, environment.pointers)
        for raw in descriptors { try? IO.setInherited(raw, false) }
        return failure(result, "execve", path)
    }
}

extension IO {
    /// Whether a descriptor stays open when this process becomes another program.
    public static func setInherited(_ raw: Int32, _ on: Bool) throws(SystemError) {
        _ = try check(jr_set_inherited(raw, on ? 1 : 0), "fcntl")
    }
}

extension Files {
    /// A file in memory, which nobody else finds and which goes with its last descriptor.
    ///
    /// - Parameter name: For people who look into `/proc`.
    public static func memoryFile(_ name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(jr_memory_file(name), "memfd_create", name))
    }
}
