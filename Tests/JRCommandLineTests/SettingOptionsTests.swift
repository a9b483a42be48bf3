import JRCommandLine
import JRSettings
import Testing

@Suite("Options that are settings") struct SettingOptionsTests {
    private static let spec = CommandLineSpec(
        program: "jr-node", version: "1.2.3", summary: "Run jobs",
        options: OptionSpec.settings(of: .node, defaults: [.name: "node-PID"]) + [.flag("list", "Only list them")])

    private func read(
        _ line: String, _ environment: [String: String] = [:]
    ) throws(UsageError) -> [Setting: SettingValue] {
        let words = line.split(separator: " ").map(String.init)
        guard case .command(let command) = try Self.spec.parse(words, environment: environment) else { return [:] }
        return try command.settings(environment: environment)
    }

    private func complaint(_ line: String, _ environment: [String: String] = [:]) -> String {
        do throws(UsageError) {
            return "\(try read(line, environment))"
        } catch {
            return Self.spec.text(for: error)
        }
    }

    @Test("B44: the settings of a node are options, in the order of the table, and no others")
    func options() {
        let names = Self.spec.options.compactMap(\.setting)
        #expect(names == Setting.applying(to: .node))
        #expect(names.contains(.jobDirectory) && names.contains(.removeDoneJobs))
        #expect(!names.contains(.advertise) && !names.contains(.backlogJobs) && !names.contains(.url))
        #expect(Self.spec.options.first { $0.name == "jobs" }?.defaultText == "reactor_jobs")
        #expect(Self.spec.options.first { $0.name == "name" }?.defaultText == "node-PID")
        #expect(Self.spec.options.first { $0.name == "remove-done-jobs" }?.choices == ["true", "false"])
        #expect(Self.spec.options.allSatisfy { !$0.help.contains("`") })
    }

    @Test("an option goes before the environment, and what neither has is left to the default")
    func order() throws {
        let environment = ["JR_CREDIT": "5", "JR_MAX_ATTEMPTS": "6", "JR_TIMEOUT": "", "JR_BACKLOG_JOBS": "7"]
        let values = try read("--credit 4 -n w --remove-done-jobs=false", environment)
        #expect(
            values == [.credit: .int(4), .maxAttempts: .int(6), .name: .text("w"), .removeDoneJobs: .bool(false)])
    }

    @Test("all that is wrong is said at once; a variable that an option overrides is not looked at")
    func problems() {
        let environment = [
            "JR_CREDIT": "many", "JR_MAX_ATTEMPTS": "0", "JR_NAEM": "w", "JR_BACKLOG_JOBS": "x", "JR_JSON": "1",
            "JR_REMOVE_DONE_JOBS": "no",
        ]
        #expect(
            complaint("--credit 4 --drain soon", environment) == """
                jr-node: JR_MAX_ATTEMPTS: '0' is not a whole number from 1 to 1000000
                jr-node: JR_REMOVE_DONE_JOBS: 'no' is not true or false
                jr-node: --drain: 'soon' is not a length of time from 0s to 1d, such as 250ms, 30s or 5m
                jr-node: 'JR_NAEM' is no setting. Did you mean 'JR_NAME'?
                See 'jr-node --help'.
                """)
    }

    @Test("a value that only the program finds wrong is named with where it was given")
    func refused() throws {
        guard case .command(let command) = try Self.spec.parse(["--storage", "tape"]) else { return }
        #expect(
            Self.spec.text(for: command.refused(.storage, "tape", expected: "memory"))
                == "jr-node: --storage: 'tape' is not memory\nSee 'jr-node --help'.")
        #expect(
            Self.spec.text(for: command.refused(.distributors, "x", expected: "an address"))
                == "jr-node: JR_DISTRIBUTORS: 'x' is not an address\nSee 'jr-node --help'.")
    }
}
