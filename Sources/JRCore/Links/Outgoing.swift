public import JRWire

/// What an engine wants said, taken out in order: moved and not copied, and all that goes to one link in a row by
/// whoever serves that link, so that it is looked for once.
public struct Outgoing: ~Copyable {
    /// What is next.
    public enum Step: Sendable, Equatable {
        /// Messages for this link, which ``takeEach(for:_:)`` gives.
        case send(LinkID)
        /// Say why, and close once that is sent.
        case refuse(LinkID, code: RefusalCode, text: String)
    }

    private var actions: [LinkAction]
    private var place = 0
    /// Somebody was told of the message that is next. Whoever has not come for it by the next step does not want it.
    private var isOffered = false

    /// Takes these actions.
    ///
    /// - Parameter actions: all of a turn.
    public init(_ actions: consuming [LinkAction]) {
        self.actions = actions
    }

    /// The next step; a message that nobody has taken is dropped.
    public mutating func next() -> Step? {
        if isOffered { place += 1 }
        isOffered = false
        guard place < actions.count else { return nil }
        if let link = receiver {
            isOffered = true
            return .send(link)
        }
        guard case .refuse(let link, let code, let text) = taken() else { return nil }
        return .refuse(link, code: code, text: text)
    }

    /// Gives `body` the next messages, as long as they are for this link; an optional message would cost copies.
    ///
    /// - Parameters:
    ///   - link: that of the last step.
    ///   - body: gets them in order.
    public mutating func takeEach(for link: LinkID, _ body: (consuming Message) -> Void) {
        isOffered = false
        while receiver == link {
            if case .send(_, let message) = taken() { body(message) }
        }
    }

    /// To whom the next action sends a message; nil where there is none, or it is another one.
    private var receiver: LinkID? {
        let span = actions.span
        guard place < span.count, case .send(let link, _) = span[place] else { return nil }
        return link
    }

    private mutating func taken() -> LinkAction {
        defer { place += 1 }
        let place = place
        var action = LinkAction.send(LinkID(0), .heartbeat)
        var span = actions.mutableSpan
        swap(&action, &span[place])
        return action
    }

    /// The array without anything in it, for the memory that it has.
    public consuming func emptied() -> [LinkAction] {
        actions.removeAll(keepingCapacity: true)
        return actions
    }
}
