import JRBase
import JRSettings
import Testing

@Suite("The table of settings")
struct SettingTests {
    @Test(
        "B44: every default is a value that its setting allows, and is written as it is read",
        arguments: Setting.allCases)
    func defaults(_ setting: Setting) throws {
        guard let text = setting.spec.defaultText else {
            #expect(setting.defaultValue == nil)
            #expect(setting.spec.defaultNote != nil, "without a default, the page must say what holds")
            return
        }
        let value = try setting.parse(text)
        #expect(value == setting.defaultValue)
        #expect(try setting.parse(value.text) == value)
    }

    @Test("keys, environment names and options are each given once")
    func unique() {
        let specs = Setting.allCases.map(\.spec)
        #expect(Set(specs.map(\.environment)).count == specs.count)
        #expect(Set(specs.map(\.option)).count == specs.count)
        #expect(specs.map(\.setting) == Setting.allCases)
        #expect(specs.allSatisfy { $0.environment.hasPrefix("JR_") && !$0.help.hasSuffix(".") && !$0.scope.isEmpty })
        let letters = specs.compactMap(\.letter)
        #expect(Set(letters).count == letters.count)
    }

    @Test(
        "the names that programs and manifests have in use stay as they are",
        arguments: [
            (Setting.jobDirectory, "JR_JOBS", "jobs"), (.name, "JR_NAME", "name"), (.listen, "JR_LISTEN", "listen"),
            (.distributors, "JR_DISTRIBUTORS", "distributors"), (.storage, "JR_STORAGE", "storage"),
            (.credit, "JR_CREDIT", "credit"), (.cache, "JR_CACHE", "cache"), (.drain, "JR_DRAIN", "drain"),
            (.programTimeout, "JR_PROGRAM_TIMEOUT", "program-timeout"), (.url, "JR_URL", "url"),
            (.maxAttempts, "JR_MAX_ATTEMPTS", "max-attempts"), (.redisURL, "JR_REDIS_URL", "redis-url"),
            (.mergeJobItselfToArgs, "JR_MERGE_JOB_ITSELF_TO_ARGS", "merge-job-itself-to-args"),
        ])
    func names(setting: Setting, environment: String, option: String) {
        #expect(setting.spec.environment == environment)
        #expect(setting.spec.option == option)
    }

    @Test("B44: one past either limit is refused, and the limit itself is not", arguments: Setting.allCases)
    func limits(_ setting: Setting) throws {
        let nanosecond = Interval(nanoseconds: 1)
        switch setting.spec.kind {
        case .bool:
            #expect(try setting.parse("true") == .bool(true))
            #expect(try setting.parse("false") == .bool(false))
            refused(setting, ["yes", "1", "True", " true", ""])
        case .int(let range):
            #expect(try setting.parse("\(range.lowerBound)") == .int(range.lowerBound))
            #expect(try setting.parse("\(range.upperBound)") == .int(range.upperBound))
            refused(setting, ["\(range.lowerBound - 1)", "\(range.upperBound + 1)", "1.5", "many", "", "1 "])
        case .duration(let range), .seconds(let range), .limit(let range):
            let texts = [range.lowerBound, range.upperBound].map(Durations.formatExactly)
            #expect(
                try texts.map { try setting.parse($0) } == [.duration(range.lowerBound), .duration(range.upperBound)])
            refused(setting, [Durations.formatExactly(range.upperBound + nanosecond), "-1s", "soon", "", "1s "])
            if range.lowerBound > .zero { refused(setting, [Durations.formatExactly(range.lowerBound - nanosecond)]) }
        case .size(let range):
            let texts = [range.lowerBound, range.upperBound].map(Sizes.formatExactly)
            #expect(try texts.map { try setting.parse($0) } == [.size(range.lowerBound), .size(range.upperBound)])
            refused(
                setting, [Sizes.formatExactly(range.lowerBound - 1), Sizes.formatExactly(range.upperBound + 1), "1"])
        case .name: refused(setting, ["", "a b", "ä", String(repeating: "n", count: Limits.nameBytes + 1)])
        case .address: refused(setting, ["", "localhost", ":5000", "localhost:", "localhost:65536", "unix:", "a b:1"])
        case .addresses:
            refused(setting, ["", "localhost", "localhost:1,", ",localhost:1", "localhost:1,localhost:99999"])
        case .text: refused(setting, ["", "a\0b"])
        }
    }

    private func refused(_ setting: Setting, _ texts: [String]) {
        for text in texts {
            #expect(throws: SettingError.self, "\(setting) allows '\(text)'") { try setting.parse(text) }
        }
    }

    @Test("kinds read what people write, and only a setting in seconds takes a number alone")
    func kinds() throws {
        #expect(try Setting.retryMultiplier.parse("5") == .duration(.seconds(Int64(5))))
        #expect(try Setting.retryMultiplier.parse("2.5") == .duration(.milliseconds(2_500)))
        #expect(try Setting.retryMultiplier.parse("250ms") == .duration(.milliseconds(250)))
        #expect(try Setting.timeout.parse("none") == .noLimit)
        #expect(try Setting.distributors.parse("a:1, [::1]:2,unix:/s") == .list(["a:1", "[::1]:2", "unix:/s"]))
        refused(.drain, ["30", "none"])
        refused(.timeout, ["30", "None"])
        #expect(
            throws: SettingError(
                .distributors, given: "b", as: "--distributors", expected: SettingKind.address.expected)
        ) {
            try Setting.distributors.parse("a:1,b", as: "--distributors")
        }
    }

    @Test("B44: an unknown key or variable is an error that suggests the nearest")
    func nearest() throws {
        #expect(try Setting.named("maxAttempts") == .maxAttempts)
        #expect(throws: SettingError(unknown: "maxAttemts", nearest: "maxAttempts")) { try Setting.named("maxAttemts") }
        #expect(throws: SettingError(unknown: "zebra", nearest: nil)) { try Setting.named("zebra") }
        #expect(try Setting.forEnvironment("JR_JOBS") == .jobDirectory)
        #expect(try Setting.forEnvironment("HOME") == nil)
        #expect(throws: SettingError(unknown: "JR_CREDITS", nearest: "JR_CREDIT")) {
            try Setting.forEnvironment("JR_CREDITS")
        }
        for name in OtherVariable.all.map(\.name) + ["JR_TEST_SECRET"] {
            #expect(try Setting.forEnvironment(name) == nil)
        }
    }

    @Test("reading an environment gives all values and all that is wrong, in the order of the table")
    func environment() {
        let (values, problems) = Setting.read(environment: [
            "HOME": "/", "JR_READY_FD": "3", "JR_CREDIT": "12", "JR_MAX_ATTEMPTS": "0", "JR_STORAGE": "memory",
            "JR_TIMEOUT": "none", "JR_DRAIN": "soon", "JR_REDIS_PROT": "1", "JR_ZEBRA": "1", "JR_NAME": "",
        ])
        #expect(values == [.credit: .int(12), .storage: .text("memory"), .timeout: .noLimit])
        #expect(
            problems.map(\.description) == [
                "JR_MAX_ATTEMPTS: '0' is not a whole number from 1 to 1000000",
                "JR_DRAIN: 'soon' is not a length of time from 0s to 1d, such as 250ms, 30s or 5m",
                "'JR_REDIS_PROT' is no setting. Did you mean 'JR_REDIS_PORT'?",
                "'JR_ZEBRA' is no setting. docs/configuration.md has them all",
            ])
    }

    @Test("an error is short and does nothing to a terminal")
    func harmless() {
        let text = String(repeating: "x", count: 100) + "\u{1B}[2J"
        let error = SettingError(.credit, given: "\u{1B}[2J", as: "JR_CREDIT", expected: "a number")
        #expect(error.description == "JR_CREDIT: '\u{FFFD}[2J' is not a number")
        #expect(SettingError(unknown: text, nearest: nil).description.count < 150)
    }

    @Test("values by name have the default where nothing is said")
    func values() {
        let values: [Setting: SettingValue] = [.credit: .int(7), .removeFailedJobs: .bool(true), .slowTurn: .noLimit]
        #expect(values.int(.credit) == 7)
        #expect(values.int(.maxAttempts) == 10)
        #expect(values.int(.backlogBytes) == Limits.backlogBytes)
        #expect(values.bool(.removeFailedJobs))
        #expect(!values.bool(.logArguments))
        #expect(values.limit(.slowTurn) == nil)
        #expect(values.limit(.timeout) == nil)
        #expect(values.duration(.drain) == .seconds(Int64(30)))
        #expect(values.text(.name) == nil)
        #expect(values.text(.jobDirectory) == "reactor_jobs")
        #expect(values.list(.distributors) == ["127.0.0.1:5000"])
    }
}
