import JRBase

/// What every change of an instance is made of.
extension InstanceMachine {
    mutating func enter(_ next: InstanceState, _ why: String, _ actions: inout [InstanceAction]) {
        let change = Change(from: state, to: next, incarnation: incarnation, pid: pid, cause: why)
        state = next
        cause = why
        actions.append(.announce(change))
    }

    mutating func arm(after delay: Interval, at now: Instant, _ actions: inout [InstanceAction]) {
        timerSerial += 1
        deadline = now + delay
        actions.append(.armTimer(serial: timerSerial, at: now + delay))
    }

    mutating func disarm(_ actions: inout [InstanceAction]) {
        timerSerial += 1
        deadline = nil
        actions.append(.disarmTimer)
    }
}
