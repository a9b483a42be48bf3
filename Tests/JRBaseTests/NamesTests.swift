import JRBase
import Testing

@Suite struct NamesTests {
    @Test("a name is 1 to 128 letters, digits and _ . : -")
    func validNames() {
        for name in [
            "a", "Résumé", "", "a b", "a/b", "worker.1", "shop:resize_image-2", String(repeating: "x", count: 128),
        ] {
            let wanted = !["Résumé", "", "a b", "a/b"].contains(name)
            #expect(Names.isValid(name) == wanted, "\(name)")
        }
        #expect(!Names.isValid(String(repeating: "x", count: 129)))
    }

    @Test("a word with one slip finds the word that was meant, a strange one finds none")
    func nearest() {
        let verbs = ["enqueue", "cancel", "status", "restart"]
        #expect(Names.nearest(to: "enqueu", among: verbs) == "enqueue")
        #expect(Names.nearest(to: "cnacel", among: verbs) == "cancel")
        #expect(Names.nearest(to: "STATUS", among: verbs) == "status")
        #expect(Names.nearest(to: "rest", among: verbs) == "restart")
        #expect(Names.nearest(to: "zebra", among: verbs) == nil)
        #expect(Names.nearest(to: "", among: []) == nil)
    }
}
