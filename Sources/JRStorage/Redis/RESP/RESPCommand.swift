/// A command as the server wants it: an array of bulk strings.
struct RESPCommand: Sendable {
    /// For messages: `EVAL`, `HELLO`. Never an argument, which may be a password.
    let name: String
    let bytes: [UInt8]
    /// What an `EVAL` runs, for messages too.
    var script: RedisScript?

    init(_ name: String, _ arguments: String...) {
        self.init(name, arguments)
    }

    init(_ name: String, _ arguments: [String]) {
        self.init(name, arguments: arguments.count) { writer in
            for argument in arguments { writer.bulk(argument.utf8) }
        }
    }

    /// A command of several words, as `CONFIG GET`, or with arguments that `body` writes, exactly as many as it says.
    init(_ name: String, arguments count: Int, reserving capacity: Int = 64, _ body: (inout RESPWriter) -> Void) {
        self.name = name
        let words = name.split(separator: " ")
        var writer = RESPWriter(reserving: capacity)
        writer.array(count: words.count + count)
        for word in words { writer.bulk(word.utf8) }
        body(&writer)
        bytes = writer.bytes
    }
}

/// Writes the elements of a command.
struct RESPWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func array(count: Int) { head(UInt8(ascii: "*"), count) }

    mutating func bulk(_ value: some Collection<UInt8>) {
        head(UInt8(ascii: "$"), value.count)
        bytes.append(contentsOf: value)
        endLine()
    }

    mutating func bulk(_ value: Span<UInt8>) {
        value.withUnsafeBufferPointer { bulk($0) }
    }

    mutating func bulk(_ number: Int) { bulk(String(number).utf8) }

    /// What another one has written.
    mutating func append(_ other: RESPWriter) { bytes.append(contentsOf: other.bytes) }

    private mutating func head(_ type: UInt8, _ count: Int) {
        bytes.append(type)
        bytes.append(contentsOf: String(count).utf8)
        endLine()
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
