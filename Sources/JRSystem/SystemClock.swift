import CJRLinux
import Glibc
public import JRBase
import Synchronization

/// The clocks of the machine.
public enum SystemClock {
    /// Both clocks: `CLOCK_BOOTTIME`, which goes on while the machine sleeps, and the date.
    public static func now() -> Now {
        Now(instant: instant(), wall: wall())
    }

    public static func instant() -> Instant { Instant(nanoseconds: jr_boot_nanoseconds()) }

    /// `CLOCK_MONOTONIC`, which stands still while the machine sleeps, in microseconds: for those who ask for it.
    public static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    public static func wall() -> WallTime { WallTime(milliseconds: jr_wall_milliseconds()) }
}

/// Randomness of the kernel, for seeds, keys and ids.
public enum SystemRandom {
    public static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        return bytes
    }

    public static func seed() -> UInt64 {
        var seed: UInt64 = 0
        withUnsafeMutableBytes(of: &seed) { fill($0) }
        return seed
    }

    /// A number of which a process needs many: from a stock that is asked of the kernel in one call for many.
    ///
    /// Each is handed out once. A process that is forked without an exec would hand out the same ones again; nothing
    /// here forks so.
    public static func number() -> UInt64 {
        stock.withLock { stock in
            if let number = stock.popLast() { return number }
            stock.append(contentsOf: repeatElement(0, count: stockSize))
            stock.withUnsafeMutableBytes { fill($0) }
            return stock.removeLast()
        }
    }

    private static let stockSize = 256
    private static let stock = Mutex<[UInt64]>([])

    private static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        var done = 0
        while done < buffer.count {
            let count = jr_getrandom(base + done, buffer.count - done)
            // getrandom can only be interrupted; anything else means a kernel without it, where no key would be safe.
            precondition(count >= 0 || count == -Int(EINTR), "getrandom failed with errno \(-count)")
            done += max(0, count)
        }
    }
}
