import JRBase
import Testing

@testable import JRReactor

@Suite struct VigilTests {
    private let short = Interval.microseconds(Int64(40))
    private let long = Interval.milliseconds(1)

    @Test("a loop stays awake once several waits in a row were short, and no more after a long wait or a long turn")
    func begins() {
        var vigil = Vigil()
        for _ in 0..<7 {
            vigil.slept(short)
            let begins = vigil.begins(after: short)
            #expect(!begins)
        }
        vigil.slept(short)
        let begin = [short, long, short].map { vigil.begins(after: $0) }
        #expect(begin == [true, false, false])
        for _ in 0..<8 { vigil.slept(short) }
        let again = vigil.begins(after: short)
        vigil.slept(long)
        let afterLong = vigil.begins(after: short)
        #expect(again && !afterLong)
    }

    @Test("each wait that was in vain doubles how many short ones come before the next try, up to a limit")
    func learns() {
        var vigil = Vigil()
        var needed: [Int] = []
        for _ in 0..<9 {
            var count = 0
            while !vigil.begins(after: short) {
                vigil.slept(short)
                count += 1
            }
            needed.append(count)
            vigil.ended(inVain: true)
        }
        #expect(needed == [8, 16, 32, 64, 128, 256, 512, 1_024, 1_024])
        for _ in 0..<1_024 { vigil.ended(inVain: false) }
        for _ in 0..<8 { vigil.slept(short) }
        let begins = vigil.begins(after: short)
        #expect(begins)
    }
}
