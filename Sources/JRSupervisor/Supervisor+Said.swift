import JRBase
import JRReactor
import JRSupervision

/// What the supervisor says of its instances: to the console, the logs, those who wait, and the events.
extension Supervisor {
    func announce(_ change: Change, _ position: Int) {
        let name = plan.instances[position].name
        let text = text(of: change, position)
        let isShown = change.to != .waiting && change.to != .starting && change.to != .recovering
        if isConsoleJSON { console.change(position, change) }
        if isShown { show(change, position, text) }
        let whole = "\(text) [\(change.from.rawValue) -> \(change.to.rawValue)]"
        slots[position].log.note(whole, incarnation: change.incarnation, time: timestamp())
        log("\(name) \(whole)")
        events.append(name, change)
        for operation in desk.open where operation.positions.contains(position) && isShown {
            operation.asker.progress("\(name) \(text)")
        }
        if change.to == .ready, change.from != .draining { slots[position].proved() }
        if change.from != change.to { slots[position].changedAt = loop.now.instant }
        // A new start says anew where it listens only if it was free to choose.
        if change.to == .ready { writeURL() }
        statusChanged()
    }

    var isConsoleJSON: Bool { console.isJSON }

    private func text(of change: Change, _ position: Int) -> String {
        switch change.to {
        case .ready where change.from == .draining: return "ready: \(change.cause)"
        case .ready:
            let machine = cluster.members[position].machine
            let port = slots[position].port.map { ", port \($0)" } ?? ""
            let time = machine.startedAt.map { ", in \(Durations.format(loop.now.instant - $0))" } ?? ""
            let pid = change.pid.map { ", pid \($0)" } ?? ""
            let recovered = slots[position].recovered.map { $0.hasPrefix("0/0") ? "" : ", recovered \($0)" } ?? ""
            return "ready\(pid)\(port), incarnation \(change.incarnation)\(time)\(recovered)"
        case .backingOff: return "died: \(change.cause)"
        case .crashLooping: return "crash loop: \(change.cause)"
        case .waiting, .starting, .recovering, .degraded, .blocked, .draining, .stopping, .stopped, .failed, .finished:
            return "\(change.to.rawValue): \(change.cause)"
        }
    }

    func note(_ text: String) {
        console.note(nil, text)
        log(text)
        events.append(nil, text)
    }

    func note(_ position: Int, _ text: String) {
        console.note(position, text)
        log("\(plan.instances[position].name) \(text)")
        events.append(plan.instances[position].name, text)
    }

    func log(_ text: String) {
        let time = timestamp()
        ownLog.append { LogText.appendNote(text, "", 0, .text, time: time, to: &$0) }
    }

    func timestamp() -> [UInt8] {
        let wall = loop.now.wall
        if wall.milliseconds != stamp.milliseconds { stamp = (wall.milliseconds, Array(Dates.format(wall).utf8)) }
        return stamp.text
    }
}
