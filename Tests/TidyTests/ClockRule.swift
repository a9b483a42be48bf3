extension Rules {
    /// Where the supervisor's code reads or carries the date, and what for. Whatever it decides goes by the forward
    /// clock: the date may be set to anything at any moment.
    static let datesOfSupervision: [String: String] = [
        "Sources/JRChaos/ChaosLedger.swift": "jobs for later have a date, and are held against it",
        "Sources/JRSupervision/EventRecord.swift": "the time of an event, for people",
        "Sources/JRSupervision/ReportText.swift": "when a run began, for people",
        "Sources/JRSupervisor/Console.swift": "the time before a line",
        "Sources/JRSupervisor/DistributorLink.swift": "an id begins with it",
        "Sources/JRSupervisor/EventLog.swift": "the time of an event, for people",
        "Sources/JRSupervisor/JobSampler.swift": "jobs for later have a date, and are held against it",
        "Sources/JRSupervisor/Supervisor+Said.swift": "the time before a line",
    ]

    /// A machine that took the date for a decision would change its mind when somebody sets the clock.
    static func dates(_ file: SourceFile) -> [Breach] {
        let targets = ["JRSupervision", "JRManifest", "JRChaos", "JRSupervisor", "jr-supervisor"]
        guard file.isInSources, targets.contains(file.target), datesOfSupervision[file.path] == nil else { return [] }
        return datesIn(file).map {
            file.breach(
                $0, "the date is read where the supervisor decides",
                mend: "Use Instant and Interval; if it is only shown, say so in Rules.datesOfSupervision.")
        }
    }

    /// The lines with a date.
    static func datesIn(_ file: SourceFile) -> [Int] {
        let names = file.code.indices(containing: "WallTime")
        let reads = file.code.indices.filter { file.code[$0].firstMatch(of: /\.wall(\b|\()/) != nil }
        return Set(names + reads).sorted()
    }
}
