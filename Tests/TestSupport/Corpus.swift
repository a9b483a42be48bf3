import Glibc

/// Files beside the tests, each with the text that reading it must give.
public enum Corpus {
    static let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/"

    public static func names(in folder: String, ending: String) -> [String] {
        guard let stream = opendir(directory + folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // SAFETY: the entry lives until the next readdir, and its name ends with a zero.
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(ending) { names.append(String(name.dropLast(ending.count))) }
        }
        return names.sorted()
    }

    public static func bytes(_ path: String) -> [UInt8]? {
        guard let file = fopen(directory + path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count <= 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// The text that is expected, or, with `JR_RECORD` set, what was found, written down to be read before it is kept.
    public static func expected(_ path: String, found: String) -> String? {
        if getenv("JR_RECORD") != nil, let file = fopen(directory + path, "w") {
            fputs(found + "\n", file)
            fclose(file)
        }
        return bytes(path).map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }
}
