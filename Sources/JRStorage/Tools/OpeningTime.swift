public import JRBase
import JRCore
import JRSystem

/// How long a node's start takes for its journal: `jr journal time`.
public struct OpeningTime: Sendable {
    public let jobs: Int
    public let records: Int
    public let bytes: Int
    public let time: Interval
    /// Processor time of the thread that opens, in user and system mode. Of many jobs a second one decodes half.
    public let processor: Interval

    /// Opens the store as a node does, with all that follows from it (a torn end is cut), and closes it again.
    public static func measure(_ path: String) throws(StorageToolError) -> OpeningTime {
        let view = try StoreView(path)
        let bytes = try view.snapshot().bytes
        let began = SystemClock.instant()
        let spent = processorTime
        var opening = StoreOpening(directory: StoreDirectory(path), sync: .always)
        opening.packsWaiting = true
        do {
            let opened = try opening.open()
            let time = SystemClock.instant() - began
            let processor = processorTime - spent
            opened.store.close()
            return OpeningTime(
                jobs: opened.contents.jobs.count + opened.contents.waiting.count,
                records: opened.contents.report.recordsRead, bytes: bytes, time: time, processor: processor)
        } catch {
            throw StorageToolError(error)
        }
    }

    /// Of this thread so far; zero where the system does not say.
    private static var processorTime: Interval {
        let text = (try? Files.read("/proc/thread-self/schedstat", limit: 256)) ?? []
        let first = String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
        return Interval(nanoseconds: Int64(first) ?? 0)
    }

    public var line: String {
        let rate = time > .zero ? Int(Double(bytes) / time.seconds / 1_000_000 + 0.5) : 0
        return "\(jobs) jobs, \(records) records, \(bytes) bytes: \(time.millisecondsRoundedUp) ms,"
            + " CPU \(processor.millisecondsRoundedUp) ms, \(rate) MB/s"
    }
}
