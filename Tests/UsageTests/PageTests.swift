import JobReactor
import TestSupport
import Testing

@Suite("What the pages show is compiled and run", .mayBlock)
struct PageTests {
    static let pages: [String] = {
        let articles = (try? Package.files("Sources", ".md")) ?? []
        return ["README.md"] + articles
    }()

    static let snippets: [Passage] = {
        let files = (try? Package.files("Tests/UsageTests/Snippets", ".swift")) ?? []
        return files.flatMap { Passages.snippets($0, (try? Package.text($0)) ?? "") }
    }()

    static let programs: [Passage] = {
        let files = (try? Package.files("Examples", ".swift")) ?? []
        return files.map { Passages.program($0, (try? Package.text($0)) ?? "") }
    }()

    @Test("every Swift block of a page is a snippet or a file of Examples", arguments: pages)
    func isCompiled(_ page: String) throws {
        let compiled = Set((Self.snippets + Self.programs).map(\.text))
        for block in Passages.blocks(page, try Package.text(page)) {
            let isCompiled = compiled.contains(block.text)
            #expect(
                isCompiled,
                """
                \(page):\(block.line): this block is not compiled anywhere as it stands. Put it between '// snippet' \
                and '// end' in a file of Tests/UsageTests/Snippets, or make it the same as the one there.
                """)
        }
    }

    @Test("every snippet is shown by a page")
    func isShown() throws {
        let shown = Set(try Self.pages.flatMap { Passages.blocks($0, try Package.text($0)).map(\.text) })
        for snippet in Self.snippets {
            let isShown = shown.contains(snippet.text)
            #expect(
                isShown,
                "\(snippet.path):\(snippet.line): no page shows this snippet. Show it, or remove its marks.")
        }
    }
}
