import JRBase
import JRJSON
import JRSupervision

extension ObjectReader {
    /// Lays what is said here over `base`: the same keys in `defaults` and in each entry.
    mutating func policy(over base: Policy) -> Policy {
        var policy = base
        if let restart = word("restart", Policy.Restart.self) { policy.restart = restart }
        if value("ready")?.string == "notify" {
            complain(
                "\(name("ready")) is how long a start may take; a program that says so over NOTIFY_SOCKET has"
                    + " \"notify\": true", atKey: "ready")
            _ = take("ready")
        } else if let ready = duration("ready", "10ms", "1h") {
            policy.ready = ready
        }
        object("backoff") { reader in
            if let first = reader.duration("first", "0ms", "1h") { policy.backoff.first = first }
            if let then = reader.duration("then", "10ms", "1h") { policy.backoff.then = then }
            if let max = reader.duration("max", "10ms", "24h") { policy.backoff.max = max }
            if let reset = reader.duration("resetAfter", "0ms", "24h") { policy.backoff.resetAfter = reset }
            if policy.backoff.max < policy.backoff.then {
                let then = Durations.format(policy.backoff.then)
                reader.complain(
                    "\(reader.path).max must be at least \(reader.path).then, which is \(then)", atKey: "max")
            }
        }
        object("crashLoop") { reader in
            if let count = reader.int("count", 2...1_000) { policy.crashLoop.count = count }
            if let within = reader.duration("within", "1s", "24h") { policy.crashLoop.within = within }
        }
        object("stop") { reader in
            if let drain = reader.duration("drain", "0ms", "24h") { policy.stop.drain = drain }
            if let kill = reader.duration("kill", "0ms", "1h") { policy.stop.kill = kill }
            if let signal = reader.stopSignal() { policy.stop.signal = signal }
        }
        object("limits") { reader in
            if let files = reader.int("openFiles", 16...1_048_576) { policy.limits.openFiles = files }
            if let core = reader.sizeOrUnlimited("core") { policy.limits.core = core }
            if let bytes = reader.size("addressSpace", "16MiB", "1024TiB") { policy.limits.addressSpace = bytes }
            if let processes = reader.int("processes", 1...4_194_304) { policy.limits.processes = processes }
            if let time = reader.duration("cpuTime", "1s", "8760h") {
                policy.limits.cpuTime = Int(time.millisecondsRoundedUp + 999) / 1_000
            }
        }
        if let umask = umask() { policy.umask = umask }
        if let tty = bool("tty") { policy.tty = tty }
        if let controlGroup = bool("controlGroup") { policy.controlGroup = controlGroup }
        object("logs") { reader in
            if let directory = reader.string("directory") { policy.logs.directory = directory }
            if let size = reader.size("maxSize", "4KiB", "16GiB") { policy.logs.maxSize = size }
            if let keep = reader.int("keep", 0...1_000) { policy.logs.keep = keep }
            if let format = reader.word("format", Policy.Logs.Format.self) { policy.logs.format = format }
        }
        return policy
    }

    private mutating func umask() -> Int? {
        guard let value = take("umask") else { return nil }
        if let text = value.string, (3...4).contains(text.utf8.count), let bits = Int(text, radix: 8),
            (0...0o777).contains(bits), !text.hasPrefix("+"), !text.hasPrefix("-")
        {
            return bits
        }
        refuse("umask", value, mustBe: "a text of three or four octal digits up to \"0777\", such as \"0027\"")
        return nil
    }

    private mutating func sizeOrUnlimited(_ key: String) -> Int? {
        guard let value = take(key) else { return nil }
        if value.string == "unlimited" { return Policy.Limits.unlimited }
        if let bytes = value.string.flatMap({ try? Sizes.parse($0) }) { return bytes }
        refuse(key, value, mustBe: "a size such as \"0B\" or \"512MiB\", or \"unlimited\"")
        return nil
    }

    private mutating func stopSignal() -> Signal? {
        guard let value = take("signal") else { return nil }
        if let signal = value.string.flatMap({ Signal($0) }), Signal.endings.contains(signal) { return signal }
        let hint = value.string.flatMap { Names.nearest(to: $0, among: Signal.endings.map(\.shortName)) }
        let suggestion = hint.map { " (did you mean \"\($0)\"?)" } ?? ""
        let names = Signal.endings.map(\.shortName).joined(separator: ", ")
        complain("\(name("signal")) must be one of \(names), found \(value.shown)\(suggestion)", at: value)
        return nil
    }
}
