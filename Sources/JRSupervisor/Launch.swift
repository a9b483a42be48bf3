import JRSupervision
import JRSystem

/// What a process was started from, kept so that it can be started again when the files have changed since.
struct Launch {
    /// As the plan said then.
    var instance: Plan.Instance
    /// Where its node keeps the jobs that it loaded; nil for what is no node.
    let jobs: String?
    /// The executable that was kept; nil for a command of the system, which is started from where it is.
    var executable: KeptExecutables.File?

    init(_ instance: Plan.Instance, incarnation: Int, _ runtime: RuntimeDirectory) {
        self.instance = instance
        if case .node = instance.entry.kind {
            jobs = "\(runtime.kept)/\(instance.name)/\(incarnation)/jobs"
        } else {
            jobs = nil
        }
    }

    /// Keeps the file that is about to be executed. Without room for it there is no way back, and that is all.
    mutating func keep(_ path: String, _ files: KeptExecutables) {
        // Another user could not execute it: the runtime directory is closed to all.
        let isKept = instance.entry.user == nil && (instance.arguments.first ?? "").contains("/")
        executable = isKept ? try? files.keep(path) : nil
    }

    /// Whether it can be started once more.
    var isWhole: Bool { executable != nil || !(instance.arguments.first ?? "").contains("/") }
}

extension Slot {
    /// The present process is ready: it is what a roll goes back to.
    func proved() {
        proven = launch
        guard let folder = (launch?.jobs).map(Files.parent(of:)) else { return }
        // Of the others nobody will ask any more.
        let kept = [folder, (fallback?.jobs).map(Files.parent(of:))]
        let above = Files.parent(of: folder)
        for name in (try? Files.list(above)) ?? [] where !kept.contains("\(above)/\(name)") {
            try? Files.removeTree("\(above)/\(name)")
        }
    }
}
