// A job file: what stands at its top level defines jobs when a node starts.
//
//     jr enqueue wordcount path=/etc/services --wait
//     {"bytes":12813,"lines":361,"path":"/etc/services","words":1798,"words_per_line":4.98}
//
// The numbers are those of `wc` under LANG=C.UTF-8. Its rule: bytes are read as UTF-8; white space ends a word, and
// only a printable character begins one. What is neither (control characters, bytes that are not UTF-8, characters that
// are not assigned) does not begin or end anything, so `a\0b` is one word, and a file of zeros has none.
import Glibc
import JobReactor

job("wordcount") { args in
    guard let path = args["path"]?.string else {
        // No further attempt can help. Any other error would be tried again later.
        throw FailForGood("the argument 'path' is missing")
    }
    let count = try WordCount(path)
    args["lines"] = .int(count.lines)
    args["words"] = .int(count.words)
    args["bytes"] = .int(count.bytes)
}

// A callback runs after the job, with the arguments as the job left them.
jobCallback("wordcount", "average") { args in
    guard let words = args["words"]?.double, let lines = args["lines"]?.double, lines > 0 else { return }
    args["words_per_line"] = .double((words / lines * 100).rounded() / 100)
}

// An errback runs after each attempt that failed, with the arguments as they were before it, and with `error`.
jobErrback("wordcount", "advice") { args in
    args["advice"] = "the path is looked up on the node's machine; a relative one in its current directory"
}

struct WordCount {
    var lines: Int64 = 0
    var words: Int64 = 0
    var bytes: Int64 = 0

    init(_ path: String) throws {
        let printable = try PrintableCharacters()
        var input = try FileBytes(path)
        var parser = Unicode.UTF8.ForwardParser()
        var isInWord = false
        reading: while true {
            switch parser.parseScalar(from: &input) {
            case .valid(let encoded):
                let character = Unicode.UTF8.decode(encoded)
                if character == "\n" { lines += 1 }
                if Self.isSpace(character) {
                    isInWord = false
                } else if !isInWord, printable.contains(character) {
                    isInWord = true
                    words += 1
                }
            case .error:
                continue
            case .emptyInput:
                break reading
            }
        }
        bytes = input.count
        if let error = input.error { throw CannotRead(path, error) }
    }

    private static func isSpace(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case " ", "\t", "\n", "\u{B}", "\u{C}", "\r": true
        case "\u{1680}", "\u{2000}"..."\u{2006}", "\u{2008}"..."\u{200A}", "\u{205F}", "\u{3000}": true
        // No-break spaces: no white space to the C library, but to wc.
        case "\u{A0}", "\u{2007}", "\u{202F}", "\u{2060}": true
        default: false
        }
    }
}

/// What this machine's C library calls printable. Swift's own tables are often newer than those that `wc` uses.
final class PrintableCharacters {
    private typealias Lookup = @convention(c) (_ character: UInt32, _ locale: locale_t) -> Int32
    private let utf8: locale_t
    private let lookup: Lookup

    init() throws {
        guard let utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil), let symbol = dlsym(nil, "iswprint_l") else {
            throw FailForGood("the C library of this machine does not know the locale C.UTF-8")
        }
        self.utf8 = utf8
        // The type is the one in <wctype.h>, a header that Swift's Glibc module leaves out.
        lookup = unsafeBitCast(symbol, to: Lookup.self)
    }

    deinit { freelocale(utf8) }

    func contains(_ character: Unicode.Scalar) -> Bool { lookup(character.value, utf8) != 0 }
}

/// The bytes of a file, one after the other, with one buffer of them in memory.
final class FileBytes: IteratorProtocol {
    private(set) var count: Int64 = 0
    private(set) var error: Int32?
    private let file: Int32
    private var buffer: [UInt8] = []
    private var position = 0

    init(_ path: String) throws {
        file = open(path, O_RDONLY | O_CLOEXEC)
        if file < 0 { throw CannotRead(path, errno) }
    }

    deinit { close(file) }

    func next() -> UInt8? {
        if position == buffer.count {
            buffer = [UInt8](unsafeUninitializedCapacity: 65_536) { room, filled in
                let result = read(file, room.baseAddress, room.count)
                // The parser cannot throw: an error ends the bytes here and is told after them.
                if result < 0 { error = errno }
                filled = max(0, result)
            }
            position = 0
            count += Int64(buffer.count)
            if buffer.isEmpty { return nil }
        }
        defer { position += 1 }
        return buffer[position]
    }
}

struct CannotRead: Error, CustomStringConvertible {
    let description: String

    init(_ what: String, _ code: Int32) {
        description = "cannot read '\(what)': \(String(cString: strerror(code)))"
    }
}
