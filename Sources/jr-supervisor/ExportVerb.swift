import JRBase
import JRCommandLine
import JRManifest
import JRSupervision
import JRSupervisor
import JRSystem

/// `export systemd | kubernetes | procfile`: the cluster of a manifest, written for another engine.
struct ExportVerb {
    /// A volume of a node from 1 MiB to 64 TiB.
    private static let volumes = (1 << 20)...(1 << 46)

    private let command: ParsedCommand
    private let engine: ClusterExport.Engine
    private let choices: ClusterExport.Choices

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        guard let engine = command.argument(0).flatMap(ClusterExport.Engine.init(rawValue:)) else {
            let engines = ClusterExport.Engine.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError(.other("export needs one of: \(engines)"), verb: "export")
        }
        self.engine = engine
        var choices = ClusterExport.Choices(user: command.value("user"), image: command.value("image"))
        let volume = try command.value("volume") { text throws(ValueError) in
            let size = try Sizes.parse(text)
            guard ExportVerb.volumes.contains(size) else {
                throw ValueError(text, expected: "a size from 1MiB to 64TiB, such as 10GiB")
            }
            return size
        }
        if let volume { choices.volume = volume }
        self.choices = choices
        let strangers: [String] =
            switch engine {
            case .systemd: ["image", "volume"]
            case .kubernetes: ["user"]
            case .procfile: ["image", "volume", "user"]
            }
        for name in strangers where command.value(name) != nil {
            throw UsageError(.other("--\(name) has no meaning for \(engine.rawValue)"), verb: "export")
        }
        try ExportVerb.check(choices)
    }

    private static func check(_ choices: ClusterExport.Choices) throws(UsageError) {
        let isWord = { (text: String, others: String) in
            !text.isEmpty
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 48...57: true
                    default: others.utf8.contains(byte)
                    }
                }
        }
        if let user = choices.user, !isWord(user, "_-.") {
            throw UsageError(
                .badValue(user, name: "--user", expected: "the name of a user, such as jobs"), verb: "export")
        }
        if let image = choices.image, !isWord(image, "_-./:@") {
            throw UsageError(
                .badValue(image, name: "--image", expected: "an image, such as registry.example.com/shop:1.4"),
                verb: "export")
        }
    }

    func run() throws(SupervisorError) -> Int32 {
        let file = try ManifestFile(command.argument(1), runtime: command.value("runtime"))
        let export = ClusterExport(file.plan, for: engine, choices)
        if let directory = command.value("out") {
            try write(export.files, to: directory)
        } else {
            show(export.files)
        }
        for line in export.noteLines { Standard.write(Standard.error, "note: \(Terminal.escape(line))\n") }
        return ExitCode.ok.rawValue
    }

    /// One after the other: objects of Kubernetes as they can be piped on, units under their names.
    private func show(_ files: [ClusterExport.File]) {
        for (place, file) in files.enumerated() {
            let title = engine == .systemd ? "\(place == 0 ? "" : "\n")# \(file.name)\n" : ""
            guard Standard.write(Standard.output, title + file.text) else { return }
        }
    }

    /// All or nothing of it is written over what nobody but an export has made.
    private func write(_ files: [ClusterExport.File], to directory: String) throws(SupervisorError) {
        for file in files {
            let path = directory + "/" + file.name
            guard Files.exists(path) else { continue }
            let old = (try? Files.read(path, limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) }
            guard old?.hasPrefix(ClusterExport.mark) == true else {
                throw SupervisorError(
                    exitCode: ExitCode.ioError.rawValue,
                    "\(path) is there already and was not made by an export: remove it, or name another directory with"
                        + " --out. Nothing was written")
            }
        }
        do throws(SystemError) {
            try Files.makeDirectories(directory, mode: 0o755)
            for file in files {
                let path = directory + "/" + file.name
                try Files.write(path + ".tmp", Array(file.text.utf8))
                try Files.rename(path + ".tmp", to: path)
                Standard.write(Standard.output, Terminal.escape(path) + "\n")
            }
        } catch {
            throw SupervisorError(exitCode: ExitCode.ioError.rawValue, "the export cannot be written: \(error)")
        }
    }
}
