import Foundation
import Testing

/// The rules of this repository, about its own files. Each failure says where, which rule, and how to mend it.
@Suite struct TidyTests {
    let repository = Repository.this
    let dependencies = Targets.dependencies(inPackage: Repository.this.text("Package.swift"))

    private func report(_ breaches: [Breach]) {
        for breach in breaches {
            let file = repository.root.appending(path: breach.path).path
            let place = SourceLocation(fileID: breach.path, filePath: file, line: breach.line, column: 1)
            Issue.record("\(breach)", sourceLocation: place)
        }
    }

    @Test("the repository is found, with its targets")
    func isFound() {
        #expect(repository.files.count > 50)
        #expect(repository.files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
        #expect(repository.folders(in: "Sources").contains("JRBase"))
    }

    @Test("targets import only what the package and the table allow them")
    func imports() {
        report(repository.files.flatMap { Rules.imports($0, dependencies) })
    }

    @Test("pure targets depend on pure targets only")
    func purity() {
        for target in Targets.pure.sorted() {
            let impure = (dependencies[target] ?? ["no declaration"])
                .subtracting(Targets.pure).subtracting(Targets.pureInC)
            #expect(
                impure.isEmpty,
                "Package.swift: \(target) depends on \(impure.sorted()): pure targets decide, shells act")
        }
    }

    @Test("the architecture page has every target, with the imports of the package")
    func architecture() {
        let page = repository.text("docs/ARCHITECTURE.md")
        let rows = Targets.dependencies(inArchitecture: page)
        for target in repository.folders(in: "Sources") where !Targets.programs.contains(target) {
            guard let row = rows[target] else {
                Issue.record(
                    "docs/ARCHITECTURE.md: no row for \(target). Say in its table what lives there and what it may import."
                )
                continue
            }
            if let row, let declared = dependencies[target] {
                #expect(
                    row == declared,
                    "docs/ARCHITECTURE.md: the imports of \(target) differ from Package.swift. Make them the same.")
            }
        }
        for program in Targets.programs {
            #expect(page.contains(program), "docs/ARCHITECTURE.md: \(program) is missing")
        }
    }

    @Test("no banned names, machine paths or testable imports in the sources and tests")
    func names() {
        report(repository.files.flatMap(Rules.bannedTexts))
        report(repository.files.flatMap(Rules.machinePaths))
        report(repository.files.flatMap(Rules.testableImports))
        report(repository.otherFiles.flatMap(Rules.machinePaths))
        report(Rules.placeholders(repository.files))
    }

    @Test("the supervisor decides by the forward clock, and has the date only to show it")
    func dates() {
        report(repository.files.flatMap(Rules.dates))
        for (path, why) in Rules.datesOfSupervision {
            let file = repository.files.first { $0.path == path }
            #expect(
                file.map { !Rules.datesIn($0).isEmpty } == true,
                "Rules.datesOfSupervision: \(path) has no date any more (\(why)). Take it out.")
        }
    }

    @Test("unsafe code says why it is safe")
    func safety() {
        report(repository.files.flatMap(Rules.unsafeCode))
    }

    @Test("files, functions and lines are short enough to be read")
    func sizes() {
        report(repository.files.flatMap(Rules.fileLength))
        report(repository.files.flatMap(Rules.functionLength))
        report(repository.files.flatMap(Rules.lineLength))
    }

    @Test("scripts are short, and stop at the first failure")
    func scripts() {
        let scripts = repository.otherFiles.filter { $0.path.hasPrefix("scripts/") || $0.path == ".ci/run" }
        for script in scripts where !script.isSwift {
            #expect(
                script.lines.count <= 61,
                "\(script.path): \(script.lines.count - 1) lines, at most 60. Write it in Swift.")
            #expect(script.lines.contains("set -euo pipefail"), "\(script.path): 'set -euo pipefail' is missing")
        }
    }

    @Test("the package depends on no other package, and what is built is not committed")
    func package() {
        let package = SourceFile(path: "Package.swift", text: repository.text("Package.swift"))
        for index in package.code.indices(containing: ".package(") {
            Issue.record(
                "Package.swift:\(index + 1): a package dependency. There are none, on purpose: write it, or use the toolchain."
            )
        }
        let ignored = repository.text(".gitignore").split(separator: "\n")
        #expect(ignored.contains { $0.hasPrefix(".build") }, ".gitignore: add .build/")
        #expect(ignored.contains("Package.resolved"), ".gitignore: add Package.resolved")
    }
}
