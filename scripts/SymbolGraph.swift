// Makes one symbol graph of what users of the library meet: the public symbols of JobReactor and JobReactorTesting, and
// of the modules below them the types that stand in their declarations. Fails when one has no docstring.
//
//     SymbolGraph FOLDER-OF-GRAPHS RESULT
import Foundation

typealias Object = [String: Any]

/// A public symbol as the compiler describes it.
struct Symbol {
    let object: Object
    let id: String
    let path: [String]
    /// Types in its declaration.
    let mentioned: [String]

    init?(_ object: Object) {
        guard let id = (object["identifier"] as? Object)?["precise"] as? String,
            let path = object["pathComponents"] as? [String]
        else { return nil }
        self.object = object
        self.id = id
        self.path = path
        let declaration = object["declarationFragments"] as? [Object] ?? []
        mentioned = declaration.compactMap { $0["preciseIdentifier"] as? String }
    }

    var isType: Bool {
        let kind = (object["kind"] as? Object)?["identifier"] as? String ?? ""
        return ["swift.struct", "swift.enum", "swift.class", "swift.protocol"].contains(kind)
    }

    /// Where it is declared; nil for what the compiler made.
    var place: String? {
        guard let location = object["location"] as? Object, let uri = location["uri"] as? String,
            let line = (location["position"] as? Object)?["line"] as? Int, let cut = uri.range(of: "/Sources/")
        else { return nil }
        return "Sources/\(uri[cut.upperBound...]):\(line + 1)"
    }

    /// What its protocol says already needs no words of its own.
    private static let understood: Set<String> = [
        "==(_:_:)", "<(_:_:)", "+(_:_:)", "-(_:_:)", "*(_:_:)", "hash(into:)", "encode(to:)", "init(from:)",
        "description", "rawValue", "init(rawValue:)", "init()",
    ]

    var needsWords: Bool {
        let name = path.last ?? ""
        return object["docComment"] == nil && !Self.understood.contains(name) && !name.hasSuffix("Literal:)")
    }
}

let words = CommandLine.arguments
guard words.count == 3 else { exit(64) }
let (folder, result) = (URL(filePath: words[1]), URL(filePath: words[2]))

var mine: [Symbol] = []
var below: [Symbol] = []
var relationships: [Object] = []
var graph: Object = [:]
for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: name))) as? Object ?? [:]
    let symbols = (json["symbols"] as? [Object] ?? []).compactMap(Symbol.init).filter { $0.place != nil }
    relationships += json["relationships"] as? [Object] ?? []
    // MODULE.symbols.json, and MODULE@OTHER.symbols.json for its extensions of another one's types.
    if name.hasPrefix("JobReactor") { mine += symbols } else { below += symbols }
    if name == "JobReactor.symbols.json" { graph = json }
}

var kept = mine
let mentioned = Set(kept.flatMap(\.mentioned))
let types = Set(below.filter { $0.isType && mentioned.contains($0.id) }.map { $0.path[0] })
kept += below.filter { types.contains($0.path[0]) }

let ids = Set(kept.map(\.id))
graph["symbols"] = kept.map(\.object)
graph["relationships"] = relationships.filter { ids.contains($0["source"] as? String ?? "") }
try JSONSerialization.data(withJSONObject: graph).write(to: result)

let silent = kept.filter(\.needsWords)
for symbol in silent {
    print("\(symbol.place ?? ""): \(symbol.path.joined(separator: ".")) is public and has no docstring")
}
print("\(kept.count) public symbols, \(silent.count) without a docstring")
exit(silent.isEmpty ? 0 : 1)
