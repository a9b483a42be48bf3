import Foundation
import Testing

@Suite("Every promise has its tests")
struct BehaviourTests {
    private let repository = Repository.this
    private var tests: [Behaviours.NamedTest] {
        repository.files.filter(\.isInTests).flatMap(Behaviours.tests)
    }

    @Test("every numbered promise is in the name of a test, and no other number is")
    func complete() {
        let named = Set(tests.flatMap(\.numbers))
        for number in 1...Behaviours.all.count where !named.contains(number) {
            Issue.record(
                "B\(number) has no test (\(Behaviours.all[number - 1])). Write one with B\(number) in its name.")
        }
        for test in tests where test.numbers.contains(where: { !(1...Behaviours.all.count).contains($0) }) {
            Issue.record("\(test.path):\(test.line): '\(test.name)' names a promise that is none")
        }
    }

    @Test("docs/behaviours.md is what the names of the tests say")
    func page() throws {
        let wanted = Behaviours.markdown(tests)
        if ProcessInfo.processInfo.environment["JR_UPDATE_DOCS"] != nil {
            try wanted.write(
                to: repository.root.appending(path: Behaviours.page), atomically: true, encoding: .utf8)
        }
        let rows = Set(repository.text(Behaviours.page).split(separator: "\n"))
        let missing = wanted.split(separator: "\n").filter { !rows.contains($0) }
        #expect(
            repository.text(Behaviours.page) == wanted,
            "Make it anew: JR_UPDATE_DOCS=1 swift test --filter TidyTests. Missing: \(missing.prefix(3))")
    }

    @Test("names are found on the line of the test or the next, and nowhere else")
    func names() {
        let file = SourceFile(
            path: "Tests/Some/Tests.swift",
            text: #"""
                // @Test("B1: a comment")
                @Test("B2, B13: a \"word\"") func one() {}
                @Test(
                    "B3: a long name", arguments: ["B4"])
                @Test func unnamed() {}
                let text = "@Test(\"B5: a string\")"
                """#)
        let found = Behaviours.tests(in: file)
        #expect(found.map(\.name) == [#"B2, B13: a \"word\""#, "B3: a long name"])
        #expect(found.map(\.numbers) == [[2, 13], [3]])
        #expect(found.map(\.line) == [2, 3])
    }

    @Test("the page has a row a test, and says of a promise without one that it has none")
    func rows() {
        let test = Behaviours.NamedTest(path: "Tests/Some/Tests.swift", line: 1, name: "B1, B2: a | b")
        let page = Behaviours.markdown([test, Behaviours.NamedTest(path: "Tests/O.swift", line: 1, name: "B1: c")])
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| B") || $0.hasPrefix("| | ") }
        #expect(rows.count == Behaviours.all.count + 1)
        #expect(rows[0] == "| B1 | \(Behaviours.all[0]) | B1, B2: a \\| b | Some/Tests.swift |")
        #expect(rows[1] == "| | | B1: c | O.swift |")
        #expect(rows[3] == "| B3 | \(Behaviours.all[2]) | **none** |  |")
    }
}
