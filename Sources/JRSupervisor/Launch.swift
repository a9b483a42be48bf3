import JRSupervision
import JRSystem

/// What a process was started from, kept so that it can be started again when the files have changed since.
struct Launch {
    /// As the plan said then.
    var instance: Plan.Instance
    /// The folder that belongs to it.
    let folder: String
    /// The executable that was kept; nil for a command of the system, which is started from where it is.
    var executable: String?

    /// Where its node keeps the jobs that it loaded.
    var jobs: String { folder + "/jobs" }

    init(_ instance: Plan.Instance, incarnation: Int, _ runtime: RuntimeDirectory) {
        self.instance = instance
        folder = "\(runtime.kept)/\(instance.name)/\(incarnation)"
    }

    /// Keeps the file that is about to be executed. Without room for it there is no way back, and that is all.
    mutating func keep(_ path: String) {
        // Another user could not execute it: the runtime directory is closed to all.
        guard instance.entry.user == nil, (instance.arguments.first ?? "").contains("/") else { return }
        let kept = folder + "/executable"
        do throws(SystemError) {
            try Files.makeDirectories(folder)
            try Files.keep(path, as: kept, mode: 0o700)
            executable = kept
        } catch {
            executable = nil
        }
    }

    /// Whether it can be started once more.
    var isWhole: Bool { executable != nil || !(instance.arguments.first ?? "").contains("/") }
}

extension Slot {
    /// The present process is ready: it is what a roll goes back to.
    func proved() {
        proven = launch
        guard let folder = launch?.folder else { return }
        // Of the others nobody will ask any more.
        let kept = [folder, fallback?.folder]
        let above = Files.parent(of: folder)
        for name in (try? Files.list(above)) ?? [] where !kept.contains("\(above)/\(name)") {
            try? Files.removeTree("\(above)/\(name)")
        }
    }
}
