import JRBase
import JRWire

/// What many waiting jobs have in common, once each.
struct WaitingKinds: Sendable {
    struct Kind: Sendable, Hashable {
        var name: String
        var client: JobID
        var feedback: Feedback
        /// Without the time and the delay, which each job has for itself.
        var options: JobOptions

        init(_ request: JobRequest) {
            name = request.name
            client = request.client
            feedback = request.feedback
            if request.options.isPlain {
                options = .standard
                return
            }
            var rest = request.options
            rest.due = nil
            rest.delay = nil
            options = rest.isStandard ? .standard : rest
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(client)
            // Jobs of one application may differ in nothing else.
            if !options.isPlain { hasher.combine(options) }
        }
    }

    private var kinds: [(kind: Kind, jobs: Int)?] = []
    private var numbers: [Kind: UInt32] = [:]
    private var spare: [UInt32] = []
    private var latest: UInt32 = 0

    subscript(number: UInt32) -> Kind? { kinds[Int(number)]?.kind }

    /// One more job of this kind; gives its number.
    mutating func add(_ kind: Kind) -> UInt32 {
        if Int(latest) < kinds.count, let last = kinds[Int(latest)], last.kind == kind {
            kinds[Int(latest)]?.jobs += 1
            return latest
        }
        if let number = numbers[kind] {
            kinds[Int(number)]?.jobs += 1
            latest = number
        } else if let number = spare.popLast() {
            kinds[Int(number)] = (kind, 1)
            numbers[kind] = number
            latest = number
        } else {
            latest = UInt32(kinds.count)
            kinds.append((kind, 1))
            numbers[kind] = latest
        }
        return latest
    }

    mutating func add(number: UInt32) { kinds[Int(number)]?.jobs += 1 }

    mutating func remove(_ number: UInt32) {
        guard let (kind, jobs) = kinds[Int(number)] else { return }
        if jobs > 1 {
            kinds[Int(number)]?.jobs = jobs - 1
        } else {
            kinds[Int(number)] = nil
            numbers[kind] = nil
            spare.append(number)
        }
    }
}
