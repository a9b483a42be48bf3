import JRBase
import JRWire
import Testing

@Suite struct JobIDTests {
    @Test("an id is 32 hexadecimal digits as text and 16 bytes, most significant first, and comes back from both")
    func forms() {
        let id = Fixtures.job
        #expect(id.description == "000102030405060708090a0b0c0d0e0f")
        #expect(id.bytes == Array(0...15))
        #expect(JobID(hexadecimal: id.description) == id)
        #expect(JobID(hexadecimal: id.description.uppercased()) == id)
        #expect(JobID(text: id.description) == id)
        #expect(JobID(bytes: id.bytes[...]) == id)
        #expect(JobID(bytes: ([9, 9] + id.bytes)[2...]) == id)
    }

    @Test("anything but 32 hexadecimal digits or 16 bytes is not an id")
    func notIDs() {
        for text in ["", "0", String(repeating: "0", count: 31), String(repeating: "0", count: 33)] {
            #expect(JobID(hexadecimal: text) == nil)
        }
        #expect(JobID(hexadecimal: "g" + String(repeating: "0", count: 31)) == nil)
        #expect(JobID(bytes: [UInt8](repeating: 0, count: 15)[...]) == nil)
        #expect(JobID(bytes: [UInt8](repeating: 0, count: 17)[...]) == nil)
    }

    @Test(
        "B18: any other text is a key, and its id is its FNV-1a hash of 128 bits",
        arguments: [
            ("", "6c62272e07bb014262b821756295c58d"), ("a", "d228cb696f1a8caf78912b704e4a8964"),
            ("foobar", "343e1662793c64bf6f0d3597ba446f18"),
        ])
    func keys(text: String, id: String) {
        #expect(JobID(text: text).description == id)
    }

    @Test("ids made later sort after ids made before, whatever the random part")
    func order() {
        let early = JobID(at: WallTime(milliseconds: 1_700_000_000_000), random: (.max, .max))
        let late = JobID(at: WallTime(milliseconds: 1_700_000_000_001), random: (0, 0))
        #expect(early < late)
        #expect(early.description < late.description)
        #expect(JobID(high: 1, low: 1) < JobID(high: 1, low: 2))
        #expect(early.high >> 16 == 1_700_000_000_000)
    }
}
