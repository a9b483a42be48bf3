import JRSystem

/// What a verb says: results on standard output, everything else on standard error.
enum Console {
    static func result(_ text: String) {
        _ = Standard.write(Standard.output, text + "\n")
    }

    static func note(_ text: String) {
        _ = Standard.write(Standard.error, "jr: \(text)\n")
    }

    /// Ends the program at once: see ``Session/finish(_:)`` for after outcomes have come.
    static func exit(_ code: Int32) -> Never {
        SystemProgram.exit(code)
    }
}
