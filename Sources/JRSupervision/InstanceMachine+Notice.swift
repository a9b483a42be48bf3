import JRBase

/// A program that says more than that it is ready.
extension InstanceMachine {
    /// It ends by itself, and has as long for it as one that was told to.
    mutating func saidThatItStops(at now: Instant, _ actions: inout [InstanceAction]) {
        enter(.stopping, "it says that it stops", &actions)
        arm(after: policy.stop.kill, at: now, &actions)
    }
}
