import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// Whoever runs this supervisor as a service and has given it a `NOTIFY_SOCKET`, such as systemd.
final class ServiceManager {
    /// Names the socket in the environment.
    static let variable = "NOTIFY_SOCKET"
    /// Variables that are meant for this process and for nobody whom it starts.
    static let variables = [variable, "WATCHDOG_USEC", "WATCHDOG_PID"]
    private static let alive = "WATCHDOG=1"
    private static let retry = Interval.milliseconds(100)

    private let address: String
    var report = ServiceReport()
    /// Armed for a status that is told a little later.
    var timer: Handle?
    private var unsent: [String] = []
    private var isRetrying = false

    /// - Parameter address: As the variable has it; nil for what is none.
    init?(_ address: String?) {
        guard let address, address.hasPrefix("/") || address.hasPrefix("@") else { return nil }
        self.address = address
    }

    /// Once is enough, however often there was no room for it.
    func sayAlive(_ loop: Loop) {
        if !unsent.contains(Self.alive) { send(Self.alive, loop) }
    }

    /// Sends it, or tries again for as long as there is no room: nobody there is waited for.
    func send(_ text: String, _ loop: Loop) {
        unsent.append(text)
        if !isRetrying { flush(loop) }
    }

    private func flush(_ loop: Loop) {
        isRetrying = false
        while let text = unsent.first {
            do throws(SystemError) {
                try Sockets.notify(address, text, waits: false)
            } catch {
                if error.name == "EAGAIN" {
                    isRetrying = true
                    loop.schedule(after: Self.retry) { [weak self] in self?.flush($0) }
                    return
                }
                // Whoever does not listen there does not want to know.
            }
            unsent.removeFirst()
        }
    }
}

extension Supervisor {
    /// Says now that this loop goes round, and again before half of the time for it is over: one that does not is
    /// started anew by whoever runs this.
    func sayAlive() {
        guard let manager, let pause = options.watchdogPause else { return }
        manager.sayAlive(loop)
        loop.schedule(after: pause) { [weak self] _ in self?.sayAlive() }
    }

    /// Looks whether whoever runs this as a service is to be told something.
    func tellManager() {
        guard let manager else { return }
        let phase = phase
        switch manager.report.moment(phase, at: loop.now.instant) {
        case .now: tell(manager, phase)
        case .later(let time):
            guard manager.timer == nil else { return }
            manager.timer = loop.schedule(at: time) { [weak self] _ in
                self?.manager?.timer = nil
                self?.tellManager()
            }
        }
    }

    private var phase: ServiceReport.Phase {
        if isEnding || cluster.goingDown != nil { return .stopping }
        if !wasReady { return .starting }
        return reloading == nil ? .ready : .reloading
    }

    private func tell(_ manager: ServiceManager, _ phase: ServiceReport.Phase) {
        let instances = plan.live.map { position in
            let machine = cluster.members[position].machine
            return (plan.instances[position].name, machine.state, machine.cause)
        }
        let status = ServiceReport.status(phase, cluster: plan.manifest.name, instances)
        let text = manager.report.text(
            phase, status: status, at: loop.now.instant, microseconds: SystemClock.monotonicMicroseconds)
        if let text { manager.send(text, loop) }
    }
}
