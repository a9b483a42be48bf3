import JRBase
import JRCommandLine
import JRJSON

/// What a benchmark found: the same figures for people and as JSON.
struct BenchReport {
    private(set) var figures: [(key: String, label: String, value: JSON, text: String)] = []
    private(set) var rows: [(label: String, usage: BenchUsage)] = []
    private var jobs = 1

    mutating func add(_ key: String, _ label: String, _ value: Int64, _ unit: String = "") {
        figures.append((key, label, .int(value), unit.isEmpty ? "\(value)" : "\(value) \(unit)"))
    }

    mutating func add(_ key: String, _ label: String, _ value: Double, _ unit: String) {
        // Tenths are as fine as any figure of a shared machine is.
        let tenths = Int64(value * 10 + 0.5)
        figures.append((key, label, .double(Double(tenths) / 10), "\(tenths / 10).\(tenths % 10) \(unit)"))
    }

    mutating func add(_ key: String, _ label: String, _ text: String) {
        figures.append((key, label, .string(text), text))
    }

    /// p50 to the largest, in microseconds.
    mutating func add(_ times: Histogram) {
        for (key, label, perMille) in [
            ("p50Microseconds", "p50", 500.0), ("p90Microseconds", "p90", 900), ("p99Microseconds", "p99", 990),
            ("p999Microseconds", "p99.9", 999),
        ] { add(key, label, times.value(perMille: perMille), "us") }
        add("maxMicroseconds", "most", times.largest, "us")
    }

    /// What the processes used, as a sum and for each.
    mutating func add(_ used: [(label: String, usage: BenchUsage)], jobs: Int) {
        rows = used
        self.jobs = max(1, jobs)
        let total = used.reduce(0) { $0 + $1.usage.userMicroseconds + $1.usage.systemMicroseconds }
        let calls = used.reduce(0) { $0 + $1.usage.readWriteCalls }
        add("cpuMicrosecondsPerJob", "CPU a job, all processes", Double(total) / Double(self.jobs), "us")
        add(
            "bytesPerJob", "memory more a job", used.reduce(0) { $0 + $1.usage.residentBytes } / Int64(self.jobs),
            "bytes")
        add("readWriteCallsPerJob", "read and write calls a job", Double(calls) / Double(self.jobs), "")
    }

    func json() -> String {
        var object = JSONObject()
        for figure in figures { object[figure.key] = figure.value }
        if !rows.isEmpty {
            object["processes"] = .array(
                rows.map { row in
                    .object([
                        "name": .string(row.label), "userMicroseconds": .int(row.usage.userMicroseconds),
                        "systemMicroseconds": .int(row.usage.systemMicroseconds),
                        "residentBytesGrown": .int(row.usage.residentBytes),
                    ])
                })
        }
        return JSON.object(object).text
    }

    func text() -> String {
        let width = figures.map(\.label.count).max() ?? 0
        var lines = figures.map { figure in
            figure.label + String(repeating: " ", count: width - figure.label.count + 2) + figure.text
        }
        if !rows.isEmpty {
            var table = Table([
                Table.Column("PROCESS"), Table.Column("USER", .right), Table.Column("SYSTEM", .right),
                Table.Column("CPU A JOB", .right),
            ])
            for row in rows {
                let (user, system) = (row.usage.userMicroseconds, row.usage.systemMicroseconds)
                let tenths = (user + system) * 10 / Int64(jobs)
                table.append([
                    row.label, "\(user / 1_000) ms", "\(system / 1_000) ms", "\(tenths / 10).\(tenths % 10) us",
                ])
            }
            lines += ["", table.text()]
        }
        return lines.joined(separator: "\n")
    }
}
