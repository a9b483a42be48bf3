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

    init(to address: SocketAddress) {
        self.address = address
        do throws(SystemError) {
            reactor = try Reactor(name: "jr")
        } catch {
            Console.note("\(error)")
            Console.exit(71)
        }
        client = JobClient(name: "jr \(SystemProgram.pid)", distributor: address)
    }

    /// Runs until the program exits. A first connection that fails ends it: later breaks are waited out.
    func run(_ connected: @escaping @Sendable () -> Void) -> Never {
        let state = Monitor((isFirst: true, isBroken: false))
        reactor.run { [self] loop in
            client.start(on: reactor) { [self] event in
                switch event {
                case .connected:
                    let (isFirst, wasBroken) = state.update { state in
                        defer { state = (false, false) }
                        return (state.isFirst, state.isBroken)
                    }
                    if isFirst { connected() } else if wasBroken { Console.note("connected to \(address) again") }
                case .disconnected(let reason, _):
                    let (isFirst, wasBroken) = state.update { state in
                        defer { state.isBroken = true }
                        return (state.isFirst, state.isBroken)
                    }
                    if isFirst {
                        Console.note(
                            "no distributor answers at \(address): \(reason). Is the cluster up? "
                                + "See 'jr-supervisor status', or start it with 'jr-supervisor up'")
                        Console.exit(69)
                    }
                    if !wasBroken {
                        Console.note("the connection to \(address) broke (\(reason)); waiting for it to return")
                    }
                }
            }
        }
        Console.exit(70)
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
