import JRJSON
public import JRSupervision

extension ControlClient {
    /// Asks for the events after the one of this number, and for all that come until the supervisor ends or `each` says
    /// false.
    public func events(
        after sequence: Int, follows: Bool, _ each: (EventRecord) -> Bool
    ) throws(SupervisorError) {
        let request: JSON = ["verb": "events", "after": .int(Int64(sequence)), "follow": .bool(follows)]
        try stream(request) { object in
            guard let json = object["event"], let event = EventRecord(json) else { return true }
            return each(event)
        }
    }
}
