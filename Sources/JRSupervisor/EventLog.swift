import JRBase
import JRJSON
import JRReactor
public import JRSupervision
import JRSystem

/// The events of a cluster: numbered, in a bounded file, and handed to whoever follows them.
///
/// The file is written by a thread of the pool. The last ones are kept here as well, so that a follower that has read
/// the file misses none in between. Belongs to its loop's thread.
final class EventLog {
    private static let largestFile = 4 << 20
    private static let filesKept = 2
    /// How many events a follower may be behind.
    static let kept = 4_096

    private let loop: Loop
    private let outlet: Outlet
    private var recent = Ring<EventRecord>()
    private(set) var lastSequence: Int
    private var followers: [ControlClientConnection] = []
    /// Hears every event in this process.
    var observe: ((EventRecord) -> Void)?

    /// Goes on with the numbers of the file that is there; its last line may be torn, if its supervisor was killed.
    init(path: String, _ loop: Loop) {
        self.loop = loop
        lastSequence = EventFile.last(16, path: path).last?.sequence ?? 0
        let file = RotatingFile(path: path, maxSize: EventLog.largestFile, keep: EventLog.filesKept)
        outlet = Outlet(loop) { file.write($0) }
    }

    func append(_ instance: String?, _ change: Change) {
        append(EventRecord(time: loop.now.wall, instance: instance, change: change))
    }

    func append(_ instance: String?, _ text: String) {
        append(EventRecord(time: loop.now.wall, instance: instance, text: text))
    }

    private func append(_ event: EventRecord) {
        var event = event
        lastSequence += 1
        event.sequence = lastSequence
        let json = event.json
        outlet.append { bytes in
            json.write(into: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        recent.append(event)
        if recent.count > EventLog.kept { recent.popFirst() }
        followers.removeAll { !$0.isOpen }
        for follower in followers { follower.send(["event": json]) }
        observe?(event)
    }

    /// Sends a client what came after the event of this number; then all that comes, or the end of the answer.
    func tell(_ client: ControlClientConnection, after sequence: Int, follows: Bool) {
        for position in 0..<recent.count {
            guard let event = recent[position], event.sequence > sequence else { continue }
            client.send(["event": event.json])
        }
        if follows { followers.append(client) } else { client.succeed() }
    }

    /// There will be no more.
    func end() {
        for follower in followers where follower.isOpen { follower.succeed() }
        followers = []
    }

    var isWritten: Bool { outlet.waitingBytes == 0 }

    func flush(then body: @escaping (Loop) -> Void) { outlet.flush(then: body) }
}

/// Reads the file of an ``EventLog``, whether a supervisor runs or not.
public enum EventFile {
    /// The last `count` events, oldest first, rotated files included.
    public static func last(_ count: Int, path: String) -> [EventRecord] {
        LogFollower(instance: "", path: path).last(count).compactMap { EventRecord($0.json) }
    }
}
