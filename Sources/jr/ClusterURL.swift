import JRBase
import JRSystem

/// Where the cluster is: `--url`, else `JR_URL`, else the file `url` in `.jr` of this folder or one above it.
enum ClusterURL {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    static func find(option: String?, environment: [String: String]) throws(Problem) -> SocketAddress {
        if let option { return try parse(option, from: "--url") }
        if let variable = environment["JR_URL"] { return try parse(variable, from: "JR_URL") }
        var folder = (try? Files.currentDirectory()) ?? "/"
        while true {
            let path = folder == "/" ? "/.jr/url" : "\(folder)/.jr/url"
            if let bytes = try? Files.read(path, limit: 1_024) {
                let text = String(decoding: bytes, as: UTF8.self)
                return try parse(String(text.prefix { !$0.isNewline }), from: path)
            }
            if folder == "/" { break }
            folder = Files.parent(of: folder)
        }
        throw Problem(
            description: "no cluster found: neither --url nor JR_URL is given, and no folder from here up has a .jr. "
                + "Start one with 'jr-supervisor up', or name it: --url jr://127.0.0.1:5000")
    }

    static func parse(_ text: String, from place: String) throws(Problem) -> SocketAddress {
        guard text.hasPrefix("jr://") else {
            throw Problem(description: "\(place): '\(text)' is not a URL such as jr://127.0.0.1:5000")
        }
        var address = String(text.dropFirst(5))
        if address.hasSuffix("/") { address.removeLast() }
        do throws(SocketAddress.Malformed) {
            return try SocketAddress(parsing: address)
        } catch {
            throw Problem(description: "\(place): \(error)")
        }
    }
}
