import JRWire

/// What has come over a link by now, message by message: whoever takes them opens its engine once for all of them.
struct Arrivals: ~Copyable {
    /// Why no more is taken.
    enum End {
        /// The peer has said why it closes.
        case failed(String)
        /// The peer does not keep to the protocol.
        case refused(RefusalCode, String)
    }

    var decoder: FrameDecoder
    private(set) var end: End?
    /// Messages that were whole.
    private(set) var count = 0

    init(_ decoder: consuming FrameDecoder) {
        self.decoder = decoder
    }

    /// The next whole message; nil if there is none yet, or will be none any more.
    mutating func next() -> Message? {
        guard end == nil else { return nil }
        do {
            guard let message = try decoder.nextMessage() else { return nil }
            count += 1
            guard case .failure(_, let text) = message else { return message }
            end = .failed(text)
        } catch let error as MessageError {
            refuse(error)
        } catch {
            end = .refused(.protocolError, "\(error)")
        }
        return nil
    }

    /// The message that was taken last has no place there.
    mutating func refuse(_ error: MessageError) {
        let code: RefusalCode = if case .version = error { .versionMismatch } else { .protocolError }
        end = .refused(code, "\(error)")
    }
}
