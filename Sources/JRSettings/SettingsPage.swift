/// The documentation page of all settings, `docs/configuration.md`.
public enum SettingsPage {
    /// Markdown, with a line break at the end.
    public static var markdown: String {
        var text = introduction
        for group in SettingTable.groups {
            text += "\n## \(group.title)\n\n"
            text += "| Key | Environment | Option | Manifest | Where | Default | Meaning | Allowed |\n"
            text += "|---|---|---|---|---|---|---|---|\n"
            for row in group.rows { text += line(row) }
        }
        text += "\n## Other variables\n\nThese are no settings, but read from the environment as well.\n\n"
        text += "| Environment | Meaning |\n|---|---|\n"
        for variable in OtherVariable.all where !variable.isInternal {
            text += "| `\(variable.name)` | \(variable.help) |\n"
        }
        return text
    }

    private static let introduction = """
        # Settings

        <!-- Made from the table in Sources/JRSettings: change it there, then run
             JR_UPDATE_DOCS=1 swift test --filter JRSettingsTests -->

        Each setting has one key, which is the same everywhere: in `JR.config` of an application, as `JR_…` variable of
        the environment, as option of `jr-node` and `jr-distributor`, and in an entry of a manifest (`cluster.json`). An
        option goes before the environment, and that before the default. The supervisor hands what a manifest says to
        the instance as environment.

        A name that does not exist is an error that says the nearest one, and so is a value that is not allowed; nothing
        is guessed and nothing is left out in silence. An empty variable counts as none.

        - *Where* says whom a setting concerns: an *application* that uses the library, a *distributor*, a *node*, or a
          *program* that only connects, such as `jr`.
        - Truth is `true` or `false`. A length of time has a unit: `250ms`, `30s`, `5m`, `2h`, `1h30m`. A size has one
          as well: `100B`, `512KiB`, `16MiB`, `1GiB`.
        - In a manifest a value is a JSON value of its kind: `"maxAttempts": 5`, `"removeDoneJobs": false`,
          `"timeout": "30s"`.

        """

    private static func line(_ row: SettingSpec) -> String {
        let isProgram = !row.scope.isDisjoint(with: [.distributor, .node])
        let cells = [
            code(row.setting.rawValue), code(row.environment), isProgram ? code("--\(row.option)") : "",
            manifest(row), row.scope.names.joined(separator: ", "),
            row.defaultText.map(code) ?? row.defaultNote ?? "", row.help, row.kind.expected,
        ]
        return "| " + cells.joined(separator: " | ") + " |\n"
    }

    private static func manifest(_ row: SettingSpec) -> String {
        if row.scope.isDisjoint(with: [.distributor, .node]) { return "" }
        switch row.manifest {
        case .key: return code(row.setting.rawValue)
        case .place(let place): return place.contains(" ") ? place : code(place)
        case .supervisor: return "set by the supervisor"
        }
    }

    private static func code(_ text: String) -> String { "`\(text)`" }
}
