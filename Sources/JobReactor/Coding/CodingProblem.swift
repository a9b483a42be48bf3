import JRBase

extension JobReactorError.Code {
    /// The arguments of a job, or a part of them, are not what the type that reads them needs.
    public static let invalidArguments = Self("invalid_arguments")
}

/// Why a value cannot be coded. It travels inside the standard library's errors, which the types in between expect.
enum CodingProblem: Error {
    case missing(wanted: String)
    case misfit(found: String, wanted: String)
    /// An array that ends before what a type reads of it.
    case tooFew(Int)
    case tooDeep
    /// An integer that an int (64 bits, signed) cannot hold.
    case outOfRange(String)
    /// A type that asked its encoder for two different containers.
    case mixedContainers

    /// What stands in the standard library's errors, for a type that looks at them.
    var text: String {
        switch self {
        case .missing(let wanted): "\(wanted) is missing"
        case .misfit(let found, let wanted): "\(found), not \(wanted)"
        case .tooFew(let count): "there are only \(count) elements"
        case .tooDeep: "nested deeper than \(Limits.nesting)"
        case .outOfRange(let number): "\(number) does not fit an int of 64 bits"
        case .mixedContainers: "asks its encoder for two containers of different kinds"
        }
    }
}

extension ArgumentPath {
    func decodingError(_ problem: CodingProblem, _ type: Any.Type) -> DecodingError {
        let context = DecodingError.Context(
            codingPath: keys, debugDescription: problem.text, underlyingError: problem)
        return switch problem {
        case .misfit(found: "null", _), .tooFew: .valueNotFound(type, context)
        case .misfit: .typeMismatch(type, context)
        case .missing, .tooDeep, .outOfRange, .mixedContainers: .dataCorrupted(context)
        }
    }

    func missing(_ key: any CodingKey, _ wanted: String) -> DecodingError {
        let problem = CodingProblem.missing(wanted: wanted)
        return .keyNotFound(
            key,
            DecodingError.Context(codingPath: keys, debugDescription: problem.text, underlyingError: problem))
    }

    func encodingError(_ problem: CodingProblem, _ value: Any) -> EncodingError {
        .invalidValue(
            value,
            EncodingError.Context(codingPath: keys, debugDescription: problem.text, underlyingError: problem))
    }
}

/// What is coded, as errors speak of it.
enum CodingSubject {
    case arguments
    case value

    /// `type` cannot be read from the value, because of `error`, which its decoding threw.
    func unfit(_ type: Any.Type, _ error: any Error) -> JobReactorError {
        let what = self == .arguments ? "the arguments do not fit \(type)" : "the value does not fit \(type)"
        guard let error = error as? DecodingError else {
            return JobReactorError(.invalidArguments, what: what, why: "\(error)")
        }
        let failure = CodingFailure(error)
        let (why, mend) = failure.texts(whole: self == .arguments ? "they are" : "it is", give: give)
        return JobReactorError(.invalidArguments, what: what, why: why, mend: mend)
    }

    /// A value of `type` cannot be encoded, because of `error`, which its encoding threw.
    func unencodable(_ type: Any.Type, _ error: any Error) -> JobReactorError {
        let what = "\(type) cannot be " + (self == .arguments ? "the arguments of a job" : "a value of arguments")
        guard case .invalidValue(_, let context)? = error as? EncodingError else {
            return JobReactorError(.invalidJob, what: what, why: "\(error)")
        }
        let failure = CodingFailure(
            keys: context.codingPath, problem: context.underlyingError as? CodingProblem,
            text: context.debugDescription)
        let (why, mend) = failure.texts(whole: "it is", give: give)
        return JobReactorError(.invalidJob, what: what, why: why, mend: mend)
    }

    private var give: String { self == .arguments ? "Enqueue it with" : "Give it" }
}

/// Where coding failed, and why.
private struct CodingFailure {
    var keys: [any CodingKey]
    /// Nil for an error that a type made itself, such as an enum without a case for a string.
    var problem: CodingProblem?
    var text: String

    init(keys: [any CodingKey], problem: CodingProblem?, text: String) {
        self.keys = keys
        self.problem = problem
        // The standard library's own texts are sentences; here they are the middle of one.
        self.text = text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            let problem = context.underlyingError as? CodingProblem ?? .missing(wanted: "a value")
            self.init(keys: context.codingPath + [key], problem: problem, text: context.debugDescription)
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            self.init(
                keys: context.codingPath, problem: context.underlyingError as? CodingProblem,
                text: context.debugDescription)
        @unknown default:
            self.init(keys: [], problem: nil, text: "\(error)")
        }
    }

    /// `recipients[2].address`.
    private var place: String {
        keys.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }

    func texts(whole: String, give: String) -> (why: String, mend: String) {
        let (its, at) = keys.isEmpty ? (whole, "") : ("'\(place)' is", " as '\(place)'")
        switch problem {
        case .missing(let wanted):
            return ("\(its) missing", "\(give) \(wanted)\(at), or make it optional")
        case .misfit(let found, let wanted):
            let optional = found == "null" ? ", or make it optional" : ""
            return ("\(its) \(found), not \(wanted)", "\(give) \(wanted)\(at)\(optional)")
        case .tooFew(let count):
            let elements = count == 1 ? "1 element" : "\(count) elements"
            return ("\(its) missing: its array has only \(elements)", "\(give) more elements")
        case .tooDeep:
            // The whole path would be as long as it is deep.
            let from = keys.first.map { "under '\($0.stringValue)' " } ?? ""
            return ("values \(from)nest deeper than \(Limits.nesting)", "\(give) flatter ones, or with bytes")
        case .outOfRange(let number):
            return ("\(its) \(number), and an int is at most \(Int64.max)", "\(give) a double or a string\(at)")
        case .mixedContainers:
            let mend = "Let its encode(to:) ask for one keyed, unkeyed or single-value container"
            return ("\(its) encoded as two kinds of container", mend)
        case nil:
            return (keys.isEmpty ? text : "\(its) wrong: \(text)", keys.isEmpty ? "" : "\(give) another value\(at)")
        }
    }
}
