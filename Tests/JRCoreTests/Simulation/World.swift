import JRBase
import JRWire
import Testing

@testable import JRCore

/// A cluster in one thread and a virtual time: the real engines, and around them a network, disks and processes that do
/// to them what a bad day does.
///
/// First faults, then calm: once no more faults happen, everything that was promised has to come true.
final class World {
    let seed: UInt64
    var random: SeededRandom
    /// For what people do, so that the rest of a run is the same with and without it for as long as it can be.
    var whims: SeededRandom
    var faults: Faults
    var time: Int64 = 0
    var isCalm = false
    private var queue = TimerHeap<Happening>()
    private(set) var steps = 0

    var distributors: [SimulatedDistributor]
    var nodes: [SimulatedNode]
    var clients: [SimulatedClient]
    var connections: [Connection] = []
    var places: [LinkID: (connection: Int, end: Int)] = [:]
    var plannedTurns: Set<Process> = []
    var jobs: [JobID: SimulatedJob] = [:]
    var complaints: [String] = []
    /// Grows with all that happens, so that two runs can be compared.
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    static let faultsEnd: Int64 = 20_000

    init(seed: UInt64, hasWhims: Bool) {
        self.seed = seed
        whims = SeededRandom(seed: ~seed)
        var random = SeededRandom(seed: seed)
        faults = Faults(&random)
        distributors = Array(repeating: SimulatedDistributor(), count: 1 + random.below(2))
        nodes = Array(repeating: SimulatedNode(), count: 1 + random.below(4))
        clients = Array(repeating: SimulatedClient(), count: 1 + random.below(2))
        self.random = random
        for index in distributors.indices { after(0, .start(.distributor(index))) }
        for index in nodes.indices { after(below(100), .start(.node(index))) }
        for index in clients.indices { after(below(100), .start(.client(index))) }
        for _ in 0..<20 + random.below(30) {
            after(below(Self.faultsEnd), .enqueue(client: random.below(clients.count)))
        }
        planFaults()
        if hasWhims { planWhims() }
        after(Self.faultsEnd, .calm)
    }

    var now: Now { moment(time) }

    func below(_ bound: Int64) -> Int64 { Int64(random.below(Int(bound))) }

    func after(_ wait: Int64, _ happening: Happening) {
        _ = queue.insert(happening, at: moment(time + wait).instant)
    }

    func complain(_ text: String) { complaints.append("at \(time) ms: \(text)") }

    private func planFaults() {
        for _ in 0..<faults.nodeCrashes { after(below(Self.faultsEnd), .crash(.node(random.below(nodes.count)))) }
        for _ in 0..<faults.distributorCrashes {
            after(below(Self.faultsEnd), .crash(.distributor(random.below(distributors.count))))
        }
        for _ in 0..<faults.clientCrashes { after(below(Self.faultsEnd), .crash(.client(random.below(clients.count)))) }
        for _ in 0..<faults.fullStorages {
            let node = random.below(nodes.count)
            let start = below(Self.faultsEnd)
            after(start, .storage(node: node, isFull: true))
            after(start + below(5_000), .storage(node: node, isFull: false))
        }
    }

    private func planWhims() {
        if whims.chance(2, in: 3) { faults.cancels = 1 + whims.below(20) }
        if whims.chance(1, in: 2) { faults.timeoutsPerHundred = 20 + whims.below(60) }
        for _ in 0..<faults.cancels {
            let moment = Int64(whims.below(Int(Self.faultsEnd) + 10_000))
            after(moment, .cancel(client: whims.below(clients.count)))
        }
    }

    /// Runs until nothing is left to happen.
    func run() {
        while let deadline = queue.nextDeadline, let (_, happening) = queue.popDue(at: deadline) {
            time = (deadline - Instant.zero).nanoseconds / 1_000_000
            steps += 1
            guard steps < 100_000 else { return complain("no progress after \(steps) steps") }
            digest = (digest ^ UInt64(time)) &* 0x100_0000_01B3
            happen(happening)
        }
        checkTheEnd()
    }

    private func happen(_ happening: Happening) {
        switch happening {
        case .dial(let process, let life, let to): if isAlive(process, life) { dial(from: process, to: to) }
        case .arrives(let connection, let end, let packet): arrives(connection, end, packet)
        case .closes(let connection, let end): closes(connection, end)
        case .turn(let process, let life):
            plannedTurns.remove(process)
            if isAlive(process, life) { turn(process) }
        case .timer(let node, let life):
            guard isAlive(.node(node), life) else { return }
            nodes[node].wakesAt = nil
            nodes[node].engine?.timersFired(at: now)
            planTurn(.node(node))
        case .batchReachesDisk(let node, let life): if isAlive(.node(node), life) { apply(node) }
        case .batchIsAnswered(let node, let life): if isAlive(.node(node), life) { answerBatch(node) }
        case .attemptEnds(let node, let life, let order, let result):
            if isAlive(.node(node), life) { attemptEnds(node, order, result) }
        case .enqueue(let client): enqueue(client)
        case .cancel(let client): cancel(client)
        case .crash(let process): if !isCalm { crash(process) }
        case .start(let process): start(process)
        case .storage(let node, let isFull): nodes[node].isFull = isFull && !isCalm
        case .calm:
            isCalm = true
            for index in nodes.indices { nodes[index].isFull = false }
        }
    }

    // MARK: Network

    func life(_ process: Process) -> Int {
        switch process {
        case .distributor(let index): distributors[index].life
        case .node(let index): nodes[index].life
        case .client(let index): clients[index].life
        }
    }

    func isUp(_ process: Process) -> Bool {
        switch process {
        case .distributor(let index): distributors[index].engine != nil
        case .node(let index): nodes[index].engine != nil
        case .client(let index): clients[index].engine != nil
        }
    }

    private func isAlive(_ process: Process, _ life: Int) -> Bool { isUp(process) && self.life(process) == life }

    private func dial(from process: Process, to other: Process) {
        guard isUp(other), let ownHello = hello(process), let otherHello = hello(other) else {
            return after(100 + below(500), .dial(from: process, life: life(process), to: other))
        }
        let number = connections.count
        let ends = [process, other].enumerated().map { index, process in
            Connection.End(
                process: process, life: life(process), link: LinkID(2 * number + index), isDialler: index == 0)
        }
        connections.append(Connection(ends: ends))
        for index in 0..<2 { places[ends[index].link] = (number, index) }
        put(.hello(ownHello), into: number, to: 1)
        put(.hello(otherHello), into: number, to: 0)
    }

    private func put(_ packet: Packet, into number: Int, to end: Int) {
        guard !connections[number].isCut else { return }
        let arrival = max(connections[number].ends[end].lastArrival, time + 1 + below(faults.slowest))
        connections[number].ends[end].lastArrival = arrival
        after(arrival - time, .arrives(connection: number, end: end, packet))
        if !isCalm, random.below(1_000) < faults.cutsPerThousand { cut(number) }
    }

    func send(_ message: Message, over link: LinkID) {
        guard let place = places[link], !connections[place.connection].ends[place.end].isClosed else { return }
        put(.message(throughTheWire(message)), into: place.connection, to: 1 - place.end)
    }

    /// Now and then a message travels as bytes, which must change nothing.
    private func throughTheWire(_ message: Message) -> Message {
        guard random.chance(1, in: 16) else { return message }
        var writer = ByteWriter()
        writer.write(message)
        let read = try? Message(body: writer.bytes[4...])
        if read != message { complain("\(message) came off the wire as \(String(describing: read))") }
        return message
    }

    /// Breaks a connection: each side notices by itself, soon or after a long silence.
    func cut(_ number: Int) {
        guard !connections[number].isCut else { return }
        connections[number].isCut = true
        excuseUnacknowledged()
        for end in 0..<2 {
            connections[number].ends[end].deafAfter = time + below(faults.slowest + 1)
            let silence = random.chance(1, in: 4) ? below(15_000) : below(50)
            after(faults.slowest + 1 + silence, .closes(connection: number, end: end))
        }
    }

    /// Says why and closes, as a shell does: what was sent before still arrives.
    func refuse(_ link: LinkID, _ code: RefusalCode, _ text: String) {
        guard let place = places[link] else { return }
        send(.failure(code: code, text: text), over: link)
        let arrival = connections[place.connection].ends[1 - place.end].lastArrival
        connections[place.connection].isCut = true
        excuseUnacknowledged()
        after(0, .closes(connection: place.connection, end: place.end))
        after(max(0, arrival - time) + 1, .closes(connection: place.connection, end: 1 - place.end))
    }

    private func arrives(_ number: Int, _ index: Int, _ packet: Packet) {
        let end = connections[number].ends[index]
        guard isAlive(end.process, end.life), !end.isClosed, time <= end.deafAfter else { return }
        switch packet {
        case .hello(let hello):
            connections[number].ends[index].isOpened = true
            linkOpened(end.process, end.link, hello)
        case .message(let message): received(end.process, message, end.link)
        }
        planTurn(end.process)
    }

    private func closes(_ number: Int, _ index: Int) {
        let end = connections[number].ends[index]
        guard !end.isClosed else { return }
        connections[number].ends[index].isClosed = true
        guard isAlive(end.process, end.life) else { return }
        if end.isOpened { linkClosed(end.process, end.link) }
        if end.isDialler {
            let other = connections[number].ends[1 - index].process
            after(50 + below(500), .dial(from: end.process, life: end.life, to: other))
        }
        planTurn(end.process)
    }

    func planTurn(_ process: Process) {
        guard plannedTurns.insert(process).inserted else { return }
        // Events of the same moments share a turn, and with it a commit and messages.
        after(random.chance(1, in: 2) ? 0 : below(3), .turn(process, life: life(process)))
    }
}
