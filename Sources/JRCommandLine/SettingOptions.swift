public import JRSettings

extension OptionSpec {
    /// The options of all settings that apply to `scope`, in the order of their table. Their values are read by
    /// ``ParsedCommand/settings(environment:)``.
    ///
    /// - Parameter defaults: What holds in this program where the table knows no default, or another.
    public static func settings(of scope: SettingScope, defaults: [Setting: String] = [:]) -> [OptionSpec] {
        Setting.applying(to: scope).map { setting in
            let spec = setting.spec
            var option = OptionSpec.option(
                spec.option, short: spec.letter, value: spec.placeholder, plain(spec.help),
                default: defaults[setting] ?? spec.defaultText ?? spec.defaultNote.map(plain),
                environment: spec.environment, choices: spec.kind == .bool ? ["true", "false"] : [])
            option.setting = setting
            return option
        }
    }

    /// Without the marks of the documentation page.
    private static func plain(_ text: String) -> String { text.filter { $0 != "`" } }
}

extension ParsedCommand {
    /// The value of every setting that is an option here and was given, on the command line or else in the environment.
    ///
    /// - Throws: ``UsageError`` with all that is wrong at once: values of these settings, and names in the environment
    ///   that begin with `JR_` and do not exist. What an option overrides is not looked at.
    public func settings(environment: [String: String]) throws(UsageError) -> [Setting: SettingValue] {
        let read = Setting.read(environment: environment)
        var values: [Setting: SettingValue] = [:]
        var problems: [SettingError] = []
        for spec in specs {
            guard let setting = spec.setting else { continue }
            guard let found = given[spec.name], let text = found.values.last else {
                values[setting] = read.values[setting]
                problems += read.problems.filter { $0.setting == setting }
                continue
            }
            do {
                values[setting] = try setting.parse(text, as: found.origin)
            } catch {
                problems.append(error)
            }
        }
        problems += read.problems.filter { $0.setting == nil }
        if problems.isEmpty { return values }
        throw UsageError(.settings(problems), verb: verb)
    }

    /// For a value that only the program can find wrong: names the option or variable that it came from.
    public func refused(_ setting: Setting, _ text: String, expected: String) -> UsageError {
        let origin = given[setting.spec.option]?.origin ?? setting.spec.environment
        return UsageError(.settings([SettingError(setting, given: text, as: origin, expected: expected)]), verb: verb)
    }
}
