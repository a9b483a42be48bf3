public import JRWire

/// What an engine wants said, taken out in order: moved and not copied, and all that goes to one link in a row by
/// whoever serves that link, so that it is looked for once.
public struct Outgoing: ~Copyable {
    /// What is next.
    public enum Step: Sendable, Equatable {
        /// Messages for this link, which ``message(for:)`` gives.
        case send(LinkID)
        /// Say why, and close once that is sent.
        case refuse(LinkID, code: RefusalCode, text: String)
    }

    private var actions: [LinkAction]
    private var place = 0
    /// Taken out of the array, and not yet by anybody else.
    private var held: LinkAction?
    /// Somebody was told of it. Whoever has not come for it by the next step does not want it.
    private var isOffered = false

    /// Takes these actions.
    ///
    /// - Parameter actions: all of a turn.
    public init(_ actions: consuming [LinkAction]) {
        self.actions = actions
    }

    /// The next step; a message that nobody has taken is dropped.
    public mutating func next() -> Step? {
        if isOffered { held = nil }
        isOffered = false
        guard let action = held.take() ?? taken() else { return nil }
        switch consume action {
        case .send(let link, let message):
            held = .send(link, message)
            isOffered = true
            return .send(link)
        case .refuse(let link, let code, let text): return .refuse(link, code: code, text: text)
        }
    }

    /// The next message, if it is for this link.
    ///
    /// - Parameter link: that of the last step.
    public mutating func message(for link: LinkID) -> Message? {
        isOffered = false
        guard let action = held.take() ?? taken() else { return nil }
        if case .send(link, let message) = action { return message }
        held = action
        return nil
    }

    private mutating func taken() -> LinkAction? {
        guard place < actions.count else { return nil }
        var action = LinkAction.send(LinkID(0), .heartbeat)
        swap(&action, &actions[place])
        place += 1
        return action
    }

    /// The array without anything in it, for the memory that it has.
    public consuming func emptied() -> [LinkAction] {
        actions.removeAll(keepingCapacity: true)
        return actions
    }
}
