import Glibc
import JRSettings
import Testing

@Suite("The page of all settings")
struct PageTests {
    private static let path =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/docs/configuration.md"

    @Test("B44: docs/configuration.md is what the table says")
    func page() throws {
        if getenv("JR_UPDATE_DOCS") != nil {
            let file = try #require(fopen(Self.path, "w"))
            fputs(SettingsPage.markdown, file)
            fclose(file)
        }
        #expect(
            try text(Self.path) == SettingsPage.markdown,
            "It is made from the table. Make it anew: JR_UPDATE_DOCS=1 swift test --filter JRSettingsTests")
    }

    @Test("the page has every setting once, with its names")
    func complete() {
        let lines = SettingsPage.markdown.split(separator: "\n")
        for setting in Setting.allCases {
            let rows = lines.filter { $0.hasPrefix("| `\(setting.rawValue)` | `\(setting.spec.environment)` |") }
            #expect(rows.count == 1, "\(setting)")
            #expect(rows.first?.split(separator: " | ", omittingEmptySubsequences: false).count == 8)
        }
    }

    private func text(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
