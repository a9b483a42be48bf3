public import JRJSON
public import JRSupervision

/// Something wrong in a manifest or Procfile, told so that it can be mended.
public struct ManifestProblem: Error, Sendable, Equatable {
    public var position: Position
    /// How many characters of the source are marked.
    public var length: Int
    public var message: String

    public init(_ message: String, at position: Position, length: Int = 1) {
        self.message = message
        self.position = position
        self.length = length
    }

    /// `cluster.json:14:7: error: …` with the line of the source and a mark below it, without a final line break.
    public func text(file: String, source: [UInt8]) -> String {
        "\(file):\(position): error: \(message)\n" + position.excerpt(of: source, length: length)
    }

    /// All of them in the order of the file, and how many there are.
    public static func report(_ problems: [ManifestProblem], file: String, source: [UInt8]) -> String {
        let texts = problems.map { $0.text(file: file, source: source) }
        return texts.joined(separator: "\n") + "\n\(Words.count(problems.count, "error")); nothing was started"
    }
}

/// What reading gave: the manifest as far as it could be understood, and everything that is wrong with it.
public struct ManifestReading: Sendable {
    public var manifest: Manifest
    public var problems: [ManifestProblem]

    public init(manifest: Manifest, problems: [ManifestProblem]) {
        self.manifest = manifest
        self.problems = problems
    }
}
