public import JRSystem

extension ControlGroup {
    /// The directory of one that can be made here; nil where none can.
    public static let usableInTests: ControlGroup? = {
        guard let own = own() else { return nil }
        let group = ControlGroup(path: "\(own)/jobreactor-tests-\(SystemProgram.pid)")
        guard (try? group.make()) != nil else { return nil }
        try? group.remove()
        return group
    }()
}
