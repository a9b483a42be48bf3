import Glibc

extension Files {
    /// Waits until this process alone holds the lock of an open file (`flock`, exclusive). It ends with the descriptor.
    public static func waitForLock(_ raw: Int32, subject: String? = nil) throws(SystemError) {
        _ = try check(untilNotInterrupted { flock(raw, LOCK_EX) == 0 ? 0 : -errno }, "flock", subject)
    }
}
