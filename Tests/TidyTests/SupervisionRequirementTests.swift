import Foundation
import Testing

@Suite("What is asked of the supervisor has its tests")
struct SupervisionRequirementTests {
    private let repository = Repository.this
    private var tests: [Behaviours.NamedTest] {
        repository.files.filter(\.isInTests).flatMap(Behaviours.tests)
    }

    @Test("every title that is named is that of a test, and what has none says why")
    func complete() {
        let titles = Set(tests.map(\.name))
        for (id, requirement) in SupervisionRequirements.all {
            #expect(!requirement.tests.isEmpty || requirement.limit != nil, "\(id) has no test and does not say why")
            #expect(Set(requirement.tests).count == requirement.tests.count, "\(id) names a test twice")
            for title in requirement.tests where !titles.contains(title) {
                Issue.record("\(id): no test is called '\(title)'. Was it renamed? Tests/TidyTests has the table.")
            }
        }
    }

    @Test("docs/requirements-supervisor.md is what the table and the tests say")
    func page() throws {
        let (page, wanted) = (SupervisionRequirements.page, SupervisionRequirements.markdown(tests))
        if ProcessInfo.processInfo.environment["JR_UPDATE_DOCS"] != nil {
            try wanted.write(to: repository.root.appending(path: page), atomically: true, encoding: .utf8)
        }
        let rows = Set(repository.text(page).split(separator: "\n"))
        let missing = wanted.split(separator: "\n").filter { !rows.contains($0) }
        #expect(
            repository.text(page) == wanted,
            "Make it anew: JR_UPDATE_DOCS=1 swift test --filter TidyTests. Missing: \(missing.prefix(3))")
    }
}
