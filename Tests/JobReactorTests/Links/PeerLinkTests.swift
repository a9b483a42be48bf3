import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("What a link reads in a turn", .serialized, .mayBlock)
struct PeerLinkTests {
    /// Says its hello and all these messages at once to a link, and returns how many each turn of it took.
    private func turns(of messages: [Message], messagesPerTurn: Int) throws -> [Int] {
        let reactor = try Reactor(name: "test")
        defer { reactor.stop() }
        let result = Monitor<[Int]?>(nil)
        try reactor.start { loop in
            guard let (left, right) = try? Sockets.makePair() else { return result.update { $0 = [] } }
            let writer = loop.adopt(Descriptor(owning: left), peer: "left")
            let owner = Counter(until: messages.count, writer) { counts in result.update { $0 = counts } }
            owner.link = PeerLink(
                loop.adopt(Descriptor(owning: right), peer: "right"), id: LinkID(1),
                hello: Hello(role: .node, name: "n", session: JobID(high: 1, low: 1)), dialled: false, owner: owner,
                messagesPerTurn: messagesPerTurn, on: loop)
            writer.write { writer in
                writer.write(.hello(Hello(role: .distributor, name: "d", session: JobID(high: 2, low: 2))))
                for message in messages { writer.write(message) }
            }
        }
        return result.wait { $0 } ?? []
    }

    @Test("many small messages that are there at once are taken in several turns, so that answers go out in between")
    func slices() throws {
        let ids = (0..<3_000).map { JobID(high: 0, low: $0) }
        let counts = try turns(of: ids.map { .stored([$0]) }, messagesPerTurn: 64)
        #expect(counts.reduce(0, +) == ids.count)
        // The first turn does not know yet how large they are.
        #expect(counts[0] <= 1_000 && counts.dropFirst().allSatisfy { $0 <= 250 }, "\(counts)")
        let fewer = try turns(of: ids.map { .stored([$0]) }, messagesPerTurn: 1_000_000)
        #expect(fewer.count < counts.count)
    }

    @Test("a large message after many small ones is not read by the small piece")
    func large() throws {
        let small = (0..<1_000).map { Message.stored([JobID(high: 0, low: $0)]) }
        let request = JobRequest(
            id: JobID(high: 1, low: 1), name: "work", arguments: [UInt8](repeating: 7, count: 1 << 20),
            created: WallTime(milliseconds: 0))
        let counts = try turns(of: small + [.job(request)], messagesPerTurn: 64)
        #expect(counts.reduce(0, +) == small.count + 1)
        #expect(counts.count < 40, "\(counts)")
    }
}

private final class Counter: PeerLinkOwner {
    var link: PeerLink?
    private var counts: [Int] = []
    private var left: Int
    private let writer: Connection
    private let done: ([Int]) -> Void
    /// Itself, until all are there.
    private var whileWaiting: Counter?

    init(until count: Int, _ writer: Connection, _ done: @escaping ([Int]) -> Void) {
        left = count
        self.writer = writer
        self.done = done
        whileWaiting = self
    }

    func linkOpened(_ link: PeerLink, _ hello: Hello) {}

    func link(_ link: PeerLink, received messages: inout Arrivals) {
        var count = 0
        while messages.next() != nil { count += 1 }
        counts.append(count)
        left -= count
        guard left == 0 else { return }
        done(counts)
        whileWaiting = nil
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        done(counts)
        whileWaiting = nil
    }
}
