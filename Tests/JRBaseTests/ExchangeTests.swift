import JRBase
import Testing

@Suite struct ExchangeTests {
    @Test("each part is exchanged from the left on, byte for byte")
    func exchanging() {
        #expect("a%b%%".exchanging("%", for: "%%") == "a%%b%%%%")
        #expect("aaaa".exchanging("aa", for: "b") == "bb" && "aaa".exchanging("aa", for: "b") == "ba")
        #expect("abc".exchanging("", for: "x") == "abc" && "".exchanging("a", for: "x") == "")
        #expect("abc".exchanging("abcd", for: "x") == "abc" && "aab".exchanging("ab", for: "") == "a")
        #expect("one\r\ntwo\n".exchanging("\n", for: "; ") == "one\r; two; ")
        // A quote is one for a shell, whatever accent is put on it.
        #expect("'\u{301}x'".exchanging("'", for: "Q") == "Q\u{301}xQ")
    }

    @Test("what is in a text is found, at its ends too")
    func holds() {
        for part in ["a", "abab", "babc", "c", "ababc"] { #expect("ababc".holds(part)) }
        for part in ["", "ac", "ababcd", "cc"] { #expect(!"ababc".holds(part)) }
    }
}
