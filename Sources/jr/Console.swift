import JRSystem

/// What a verb says: results on standard output, everything else on standard error.
enum Console {
    static func result(_ text: String) {
        _ = Standard.write(Standard.output, text + "\n")
    }

    static func note(_ text: String) {
        _ = Standard.write(Standard.error, "jr: \(text)\n")
    }

    /// Ends the program. Bytes already written are out; nothing else needs an orderly end.
    static func exit(_ code: Int32) -> Never {
        SystemProgram.exit(code)
    }
}
