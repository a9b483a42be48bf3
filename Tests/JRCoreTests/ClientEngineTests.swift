import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct ClientEngineTests {
    private let link = LinkID(1)

    private func open(_ engine: inout ClientEngine, _ link: LinkID) {
        engine.linkOpened(link, Hello(role: .distributor, name: "main", session: JobID(high: 1, low: 1)))
    }

    private func connected() -> ClientEngine {
        var engine = ClientEngine(name: "app", session: application)
        open(&engine, link)
        return engine
    }

    private func outcome(_ number: Int, run: Int = 1, isFinal: Bool = true) -> JobOutcome {
        JobOutcome(
            id: jobID(number), run: run, ending: .complete, arguments: [0x80], error: nil, attempt: 1, node: "n1",
            client: application, isFinal: isFinal)
    }

    private func enqueued(_ actions: [LinkAction], to link: LinkID) -> [Int] {
        actions.sent(to: link).compactMap { if case .enqueue(let request) = $0 { Int(request.id.low) } else { nil } }
    }

    private func heard(_ number: Int, _ listener: Handle? = nil) -> ClientEngine.Heard {
        ClientEngine.Heard(id: jobID(number), listener: listener)
    }

    private func ended(_ events: [ClientEngine.Event]) -> [OutcomeKey] {
        events.compactMap { if case .ended(let outcome, _) = $0 { outcome.key } else { nil } }
    }

    @Test("beside its distributor a job is handed over at once, unless something goes before it, and ends unasked")
    func local() {
        var engine = ClientEngine(name: "app", session: application)
        let hello = Hello(role: .distributor, name: "main", session: JobID(high: 1, low: 1))
        let isKeptAlone = engine.keepHandedOver(request(1), listener: nil)
        #expect(!isKeptAlone)
        engine.linkOpened(link, hello, isLocal: true)
        let isKept = engine.keepHandedOver(request(1), listener: nil)
        #expect(isKept && engine.unstoredCount == 1)
        #expect(engine.takeActions().isEmpty)
        let isKeptTwice = engine.keepHandedOver(request(1), listener: nil)
        #expect(!isKeptTwice && engine.pendingCount == 1)
        _ = engine.ask("cancel", [:])
        let overtakes = engine.keepHandedOver(request(2), listener: nil)
        #expect(!overtakes && engine.pendingCount == 1)
        _ = engine.takeActions()
        engine.received(.ended(outcome(1)), from: link)
        #expect(ended(engine.takeEvents()) == [outcome(1).key])
        #expect(engine.takeActions().isEmpty)
        // The one that was handed over is with that distributor, and only what came by message is sent to another.
        let isKeptLater = engine.keepHandedOver(request(3), listener: nil)
        #expect(isKeptLater)
        engine.enqueue(request(5))
        engine.linkClosed(link)
        open(&engine, LinkID(2))
        #expect(enqueued(engine.takeActions(), to: LinkID(2)) == [5])
        let isLocalStill = engine.keepHandedOver(request(4), listener: nil)
        #expect(!isLocalStill)
    }

    @Test("what is not stored is sent again over a new connection, in its old order and with its old id")
    func resent() {
        var engine = ClientEngine(name: "app", session: application)
        for number in [3, 1, 2] { engine.enqueue(request(number)) }
        open(&engine, link)
        #expect(enqueued(engine.takeActions(), to: link) == [3, 1, 2])
        engine.received(.receipt(ids: [jobID(1)], level: .stored, node: "n1", text: ""), from: link)
        engine.received(.receipt(ids: [jobID(2)], level: .accepted, node: "", text: "busy"), from: link)
        #expect(
            engine.takeEvents() == [
                .reached(.stored, [heard(1)], text: "n1"), .reached(.accepted, [heard(2)], text: "busy"),
            ])
        engine.linkClosed(link)
        open(&engine, LinkID(2))
        #expect(enqueued(engine.takeActions(), to: LinkID(2)) == [3, 2])
    }

    @Test("B38: an outcome is acknowledged each time it comes and reported once")
    func outcomes() {
        var engine = connected()
        engine.enqueue(request(1, feedback: .both))
        _ = engine.takeActions()
        engine.received(.receipt(ids: [jobID(1)], level: .stored, node: "n1", text: ""), from: link)
        _ = engine.takeEvents()
        for round in 1...2 {
            engine.received(.ended(outcome(1)), from: link)
            #expect(ended(engine.takeEvents()).count == (round == 1 ? 1 : 0))
            #expect(engine.takeActions().sent(to: link) == [.outcomesReceived([outcome(1).key])])
        }
        #expect(engine.pendingCount == 0)
    }

    @Test("an outcome before its receipt says that the job was stored as well")
    func lostReceipt() {
        var engine = connected()
        engine.enqueue(request(1, feedback: .both))
        engine.received(.ended(outcome(1)), from: link)
        #expect(
            engine.takeEvents() == [.reached(.stored, [heard(1)], text: "n1"), .ended(outcome(1), listener: nil)])
    }

    @Test("B37: each run of a periodic job is reported once, also one that comes after a later one")
    func periodic() {
        var engine = connected()
        engine.enqueue(request(1, feedback: .both) { $0.period = .seconds(1) })
        for run in [2, 1, 2, 1, 3] { engine.received(.ended(outcome(1, run: run, isFinal: false)), from: link) }
        #expect(ended(engine.takeEvents()).map(\.run) == [2, 1, 3])
        for run in 4...1_000 { engine.received(.ended(outcome(1, run: run, isFinal: false)), from: link) }
        #expect(ended(engine.takeEvents()).count == 997)
        for run in [1, 500, 990] { engine.received(.ended(outcome(1, run: run, isFinal: false)), from: link) }
        #expect(ended(engine.takeEvents()).isEmpty)
        #expect(engine.pendingCount == 1)
    }

    @Test("B39: a job without feedback is forgotten when it is stored, one that is refused at once")
    func forgotten() {
        var engine = connected()
        engine.enqueue(request(1))
        engine.enqueue(request(2, feedback: .both))
        engine.received(.receipt(ids: [jobID(1)], level: .stored, node: "n1", text: ""), from: link)
        engine.received(.refusal(id: jobID(2), code: .backlogFull, text: "full"), from: link)
        #expect(engine.pendingCount == 0)
        #expect(engine.takeEvents().last == .refused(heard(2), code: .backlogFull, text: "full"))
    }

    @Test("a question is asked again over a new connection and answered once")
    func questions() {
        var engine = connected()
        let number = engine.ask("stats")
        engine.linkClosed(link)
        _ = engine.takeActions()
        open(&engine, LinkID(2))
        #expect(
            engine.takeActions().sent(to: LinkID(2)) == [.request(number: number, verb: "stats", parameters: [:])])
        for _ in 0..<2 { engine.received(.reply(number: number, result: 1), from: LinkID(2)) }
        #expect(engine.takeEvents() == [.answered(number, 1)])
        let failing = engine.ask("shrug")
        engine.received(.replyFailure(number: failing, code: .invalidRequest, text: "no"), from: LinkID(2))
        #expect(engine.takeEvents() == [.notAnswered(failing, code: .invalidRequest, text: "no")])
    }

    @Test("an application that reaches a node, or is sent what is not for it, says so and closes")
    func outOfPlace() {
        var engine = ClientEngine(name: "app", session: application)
        engine.linkOpened(link, Hello(role: .node, name: "n1", session: JobID(high: 2, low: 2)))
        #expect(engine.takeActions().refusedLinks == [link: .protocolError])
        #expect(!engine.isConnected)
        open(&engine, LinkID(2))
        engine.received(.grant(total: 1), from: LinkID(2))
        #expect(engine.takeActions().refusedLinks == [LinkID(2): .protocolError])
    }
}
