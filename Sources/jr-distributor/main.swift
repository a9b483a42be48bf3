import JRCommandLine
import JRReactor
import JRSystem
import JobReactor

/// A stand-alone distributor, for applications that cannot embed one.
let spec = CommandLineSpec(
    program: "jr-distributor", version: "0.1.0", summary: "Take jobs from applications and hand each to a node",
    options: [
        .option(
            "listen", value: "HOST:PORT", "Where to listen; port 0 is any free one", default: "127.0.0.1:5000",
            environment: "JR_LISTEN"),
        .option("name", value: "NAME", "What it is called", default: "distributor", environment: "JR_NAME"),
        .flag(
            "insecure", "Allow a listening address that other machines reach: connections are not authenticated",
            environment: "JR_INSECURE"),
    ],
    details: """
        Writes READY=1 and its port to the descriptor in JR_READY_FD, and ends when
        the one in JR_LIFE_FD is closed, on SIGTERM or on SIGINT.

        Exit codes: 0 ended as asked; 64 usage; 69 the address cannot be listened
        on; 78 the address is not allowed.
        """)

func fail(_ text: String, _ code: Int32) -> Never {
    _ = Standard.write(Standard.error, "jr-distributor: \(text)\n")
    SystemProgram.exit(code)
}

func readAddress(_ command: ParsedCommand) -> SocketAddress {
    do throws(SocketAddress.Malformed) {
        let address = try SocketAddress(parsing: command.value("listen") ?? "127.0.0.1:5000")
        if !address.isLoopback, !command.flag("insecure") {
            fail(
                "\(address) can be reached from other machines, and connections are not authenticated: listen on "
                    + "127.0.0.1, or say --insecure if the network keeps strangers out", 78)
        }
        return address
    } catch {
        fail("--listen: \(error)", 64)
    }
}

func serve(_ command: ParsedCommand) throws(SystemError) {
    SystemProgram.ignoreBrokenPipes()
    let address = readAddress(command)
    let reactor = try Reactor(name: "distributor")
    var configuration = Configuration()
    configuration.log = LogHandler(from: .info) { entry in
        _ = Standard.write(Standard.error, "\(entry.level.rawValue): \(entry.text)\n")
    }
    let distributor: Distributor
    do throws(JobReactorError) {
        distributor = try Distributor(
            command.value("name") ?? "distributor", listen: "\(address)", configuration: configuration, on: reactor)
    } catch {
        fail("\(error)", error.exitCode)
    }
    _ = Standard.write(Standard.error, "info: listening on \(distributor.address)\n")
    reactor.run { loop in
        do throws(SystemError) {
            try SupervisedProcess.onEnd(loop) { loop, _ in
                distributor.stop()
                loop.soon { $0.reactor.stop() }
            }
        } catch {
            fail("\(error)", 71)
        }
        SupervisedProcess.tellReady(["port=\(distributor.address.port ?? 0)"])
    }
}

do throws(UsageError) {
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch try spec.parse(arguments, environment: SystemProgram.environment) {
    case .answer(let text): _ = Standard.write(Standard.output, text)
    case .command(let command):
        do throws(SystemError) {
            try serve(command)
        } catch {
            fail("\(error)", 71)
        }
    }
} catch {
    _ = Standard.write(Standard.error, spec.text(for: error) + "\n")
    SystemProgram.exit(64)
}
