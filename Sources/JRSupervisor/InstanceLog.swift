import JRBase
import JRReactor
import JRSupervision

/// The log file of one instance. When it cannot keep up, its own child is slowed down, nobody else, and for a second at
/// most; then what waits is dropped and counted.
final class InstanceLog {
    /// Bytes that may wait before the child's pipes are left unread.
    private static let highWater = 1 << 20
    private static let longestStall = Interval.seconds(1 as Int64)

    let path: String
    private let name: String
    let format: Policy.Logs.Format
    private let loop: Loop
    private let outlet: Outlet
    private var stall: Handle?
    private var lostLines = 0
    private var isFailing = false

    /// Told to leave the child's pipes unread, and to read them again.
    var setPaused: ((Bool) -> Void)?
    /// Told when lines are lost and when writing works again.
    var report: ((String) -> Void)?

    init(_ instance: Plan.Instance, _ loop: Loop) {
        name = instance.name
        format = instance.entry.policy.logs.format
        path = "\(instance.logDirectory)/\(instance.name).log"
        self.loop = loop
        let settings = instance.entry.policy.logs
        let file = RotatingFile(path: path, maxSize: settings.maxSize, keep: settings.keep)
        outlet = Outlet(loop) { file.write($0) }
        outlet.written = { [weak self] lost in self?.written(lost) }
    }

    /// The bytes to be appended to by a ``LineSink``, which gives them back at once.
    func takePending() -> [UInt8] { outlet.takePending() }

    func putPending(_ bytes: consuming [UInt8]) {
        outlet.putPending(bytes)
        if outlet.waitingBytes > InstanceLog.highWater, stall == nil { beginStall() }
    }

    /// A line of the supervisor about this instance.
    func note(_ text: String, incarnation: Int, time: [UInt8]) {
        outlet.append { bytes in LogText.appendNote(text, name, incarnation, format, time: time, to: &bytes) }
    }

    var isWritten: Bool { outlet.waitingBytes == 0 }

    func flush(then body: @escaping (Loop) -> Void) { outlet.flush(then: body) }

    private func beginStall() {
        setPaused?(true)
        stall = loop.schedule(after: InstanceLog.longestStall) { [weak self] _ in self?.giveUp() }
    }

    private func endStall() {
        guard let stall else { return }
        loop.cancel(stall)
        self.stall = nil
        setPaused?(false)
    }

    private func giveUp() {
        stall = nil
        let dropped = outlet.takePending()
        lostLines += dropped.count(where: { $0 == UInt8(ascii: "\n") })
        setPaused?(false)
        if !isFailing {
            isFailing = true
            report?("the log file \(path) does not take what is written: lines are dropped until it does")
        }
    }

    private func written(_ lost: Int) {
        lostLines += lost
        if lost == 0 {
            if isFailing {
                isFailing = false
                report?("the log file \(path) is written again; \(Words.count(lostLines, "line")) lost")
                lostLines = 0
            }
        } else if !isFailing {
            isFailing = true
            report?("the log file \(path) cannot be written: lines are dropped until it can")
        }
        if outlet.waitingBytes <= InstanceLog.highWater / 2 { endStall() }
    }
}
