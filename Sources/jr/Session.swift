import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import JobReactor

/// One run of a verb: a reactor on the main thread and a connection to the distributor.
final class Session: Sendable {
    let reactor: Reactor
    let client: JobClient
    let address: SocketAddress

    private let state: Monitor<State>

    private struct State: Sendable {
        var isFirst = true
        var isBroken = false
        var connected: (@Sendable () -> Void)?
        var tellsBreak: (@Sendable (String?) -> Void)?
    }

    init(to address: SocketAddress) {
        self.address = address
        let state = Monitor(State())
        self.state = state
        do {
            reactor = try Reactor(name: "jr")
            client = try JobClient("\(address)", name: "jr \(SystemProgram.pid)", on: reactor) { event in
                Self.heard(event, of: address, state)
            }
        } catch {
            Console.note("\(error)")
            Console.exit(71)
        }
    }

    /// Runs until the program exits. A first connection that fails ends it: later breaks are waited out.
    func run(_ connected: @escaping @Sendable () -> Void) -> Never {
        state.update { $0.connected = connected }
        reactor.run { _ in }
        Console.exit(70)
    }

    /// From here on `body` is told why the connection broke, and nil when it is there again, on the reactor's thread;
    /// nothing is printed.
    func tellBreaks(_ body: @escaping @Sendable (String?) -> Void) {
        state.update { $0.tellsBreak = body }
    }

    /// Ends the program from its reactor's thread, once what the client still says in this turn is on its way: a node
    /// keeps an outcome until it hears that it has come.
    func finish(_ code: Int32) {
        reactor.execute { loop in loop.soon { _ in Console.exit(code) } }
    }

    private static func heard(_ event: ClientEvent, of address: SocketAddress, _ state: Monitor<State>) {
        let before = state.update { state in
            defer {
                state.isBroken = false
                if case .connected = event { state.isFirst = false } else { state.isBroken = true }
            }
            return state
        }
        switch event {
        case .connected:
            if before.isFirst {
                before.connected?()
            } else if before.isBroken {
                if let tell = before.tellsBreak { return tell(nil) }
                Console.note("connected to \(address) again")
            }
        case .disconnected(let reason, _):
            if before.isFirst {
                Console.note(
                    "no distributor answers at \(address): \(reason). Is the cluster up? "
                        + "See 'jr-supervisor status', or start it with 'jr-supervisor up'")
                Console.exit(69)
            }
            if !before.isBroken {
                if let tell = before.tellsBreak { return tell(reason) }
                Console.note("the connection to \(address) broke (\(reason)); waiting for it to return")
            }
        }
    }

    /// Asks one question, gives its answer to `body`, and exits with what that returns.
    func ask(_ verb: String, _ parameters: [String: Value], _ body: @escaping @Sendable (Value) -> Int32) -> Never {
        run { [client] in
            client.ask(verb, parameters) { result in
                switch result {
                case .success(let value): Console.exit(body(value))
                case .failure(let error):
                    Console.note("\(error)")
                    Console.exit(69)
                }
            }
        }
    }
}
