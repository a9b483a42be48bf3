import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Wrong manifests")
    struct WrongManifestTests {
        private static let folder =
            Files.parent(of: Files.parent(of: #filePath)) + "/Fixtures/manifests/wrong"
        static let names = ((try? Files.list(folder)) ?? []).filter { $0.hasSuffix(".json") }

        @Test("there are many kinds of them")
        func enough() { #expect(WrongManifestTests.names.count >= 60) }

        @Test("check refuses each with 78 and exactly its text, and so would up", arguments: names)
        func refused(name: String) throws {
            let corpus = WrongManifestTests.folder
            let place = try Folder([:])
            try Files.write("\(place.path)/\(name)", try Files.read("\(corpus)/\(name)", limit: 1 << 20))
            let expected = try Files.read("\(corpus)/\(name.dropLast(5)).expected", limit: 1 << 20)
            let outcome = try place.run("check", name)
            #expect(outcome.code == 78)
            #expect(outcome.out == "")
            #expect(outcome.err == String(decoding: expected, as: UTF8.self))
            #expect(!Files.exists(place.runtime.path))
        }
    }
}
