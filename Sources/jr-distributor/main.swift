import JRCommandLine
import JRReactor
import JRSettings
import JRSystem
import JobReactor

/// A stand-alone distributor, for applications that cannot embed one.
let spec = CommandLineSpec(
    program: "jr-distributor", version: "0.1.0", summary: "Take jobs from applications and hand each to a node",
    options: OptionSpec.settings(of: .distributor, defaults: [.name: "distributor", .listen: "127.0.0.1:5000"]) + [
        .flag(
            "insecure", "Allow a listening address that other machines reach: connections are not authenticated",
            environment: "JR_INSECURE")
    ],
    details: """
        Writes READY=1 and its port to the descriptor in JR_READY_FD, and ends when
        the one in JR_LIFE_FD is closed, on SIGTERM or on SIGINT.

        Exit codes: 0 ended as asked; 64 usage; 69 the address cannot be listened
        on; 78 the address is not allowed, or a descriptor that the environment
        names is not of a supervisor.
        """)

func fail(_ text: String, _ code: Int32) -> Never {
    _ = Standard.write(Standard.error, "jr-distributor: \(text)\n")
    SystemProgram.exit(code)
}

func readAddress(_ text: String, _ command: ParsedCommand) throws(UsageError) -> SocketAddress {
    do throws(SocketAddress.Malformed) {
        let address = try SocketAddress(parsing: text)
        if !address.isLoopback, !command.flag("insecure") {
            fail(
                "\(address) can be reached from other machines, and connections are not authenticated: listen on "
                    + "127.0.0.1, or say --insecure if the network keeps strangers out", 78)
        }
        return address
    } catch {
        throw command.refused(.listen, text, expected: "an address such as 127.0.0.1:5000 (\(error.reason))")
    }
}

func serve(_ address: SocketAddress, _ values: [Setting: SettingValue]) throws(SystemError) {
    do throws(JobReactorError) {
        try SupervisedProcess.check()
    } catch {
        fail("\(error)", error.exitCode)
    }
    SystemProgram.ignoreBrokenPipes()
    let reactor = try Reactor(name: "distributor")
    var configuration = Configuration(values)
    configuration.log = LogHandler(from: .info) { entry in
        _ = Standard.write(Standard.error, "\(entry.level.rawValue): \(entry.text)\n")
    }
    let distributor: Distributor
    do throws(JobReactorError) {
        distributor = try Distributor(
            values.text(.name) ?? "distributor", listen: "\(address)", configuration: configuration, on: reactor)
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
        let values = try command.settings(environment: SystemProgram.environment)
        let address = try readAddress(values.text(.listen) ?? "127.0.0.1:5000", command)
        do throws(SystemError) {
            try serve(address, values)
        } catch {
            fail("\(error)", 71)
        }
    }
} catch {
    _ = Standard.write(Standard.error, spec.text(for: error) + "\n")
    SystemProgram.exit(64)
}
