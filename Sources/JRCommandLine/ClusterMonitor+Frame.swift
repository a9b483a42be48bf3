public import JRBase

extension ClusterMonitor {
    private static let mostFailures = 5

    /// The whole picture as lines, none longer than `width` columns; of more than `height` lines the rest is left out.
    ///
    /// - Parameters:
    ///   - width: columns of the terminal.
    ///   - height: lines of the terminal; nil for as many as there are.
    ///   - style: colours, or none.
    ///   - now: the time, for ages and rates.
    ///   - note: what to say of the connection, instead of the rates.
    public func frame(width: Int, height: Int? = nil, _ style: Style, at now: Now, note: String? = nil) -> [String] {
        let cut = { (text: String) in Terminal.truncate(Terminal.escape(text), to: width) }
        guard let sample else { return [cut(note ?? "nothing has been heard yet")] }
        var lines = [style.apply(.bold, to: cut(head(sample, at: now)))]
        lines.append(note.map { style.apply(.yellow, to: cut($0)) } ?? cut(rates(at: now.instant)))
        if let oldest = oldest(sample) {
            let age = Self.age(now.wall - oldest.job.since)
            lines.append(cut("oldest waiting: \(oldest.job.name), for \(age), in \(oldest.place)"))
        } else {
            lines.append("nothing waits")
        }
        lines.append("")
        let table = nodeTable(sample, at: now)
        if table.rows.isEmpty {
            lines.append("no node is connected")
        } else {
            lines += table.text(width: width, style).split(separator: "\n").map(String.init)
        }
        let failures = latestFailures(sample)
        if !failures.isEmpty {
            lines += ["", style.apply(.bold, to: "ERRORS OF LATE")] + failures.map { Terminal.truncate($0, to: width) }
        }
        guard let height, lines.count > height else { return lines }
        return Array(lines.prefix(height - 1)) + ["…"]
    }

    private func head(_ sample: MonitorSample, at now: Now) -> String {
        let nodes = sample.nodes.count
        let applications = sample.applications
        return "\(sample.distributor)   \(nodes) \(nodes == 1 ? "node" : "nodes")   "
            + "\(applications) \(applications == 1 ? "application" : "applications")   "
            + "\(Numbers.grouped(sample.waiting)) waiting for a node   \(Self.clock(now.wall)) UTC"
    }

    private func rates(at now: Instant) -> String {
        let (recent, time) = recent(at: now)
        return "enqueued \(Numbers.rate(recent.enqueued, in: time))   done \(Numbers.rate(recent.done, in: time))   "
            + "failed \(Numbers.rate(recent.failed, in: time))   retried \(Numbers.rate(recent.retried, in: time))"
    }

    private func nodeTable(_ sample: MonitorSample, at now: Now) -> Table {
        var table = Table([
            .init("NODE", shrinksTo: 8), .init("STATE", shrinksTo: 5), .init("SINCE"), .init("READY", .right),
            .init("RUN", .right), .init("LATER", .right), .init("KEPT", .right), .init("DONE", .right),
            .init("FAILED", .right), .init("STORAGE", shrinksTo: 7),
        ])
        for node in sample.nodes {
            table.append(
                [
                    .init(node.name), .init(node.state, node.state == "ready" ? .green : .yellow),
                    .init(node.since.map { Self.since($0, now.wall) } ?? "-"), .init(Self.short(node.ready)),
                    .init(Self.short(node.running)), .init(Self.short(node.scheduled)), .init(Self.short(node.kept)),
                    .init(Self.short(node.totals.done)), .init(Self.short(node.totals.failed)), .init(node.storage),
                ])
        }
        for gone in gone {
            table.append([
                .init(gone.node.name), .init("gone", .red), .init(Self.since(gone.at, now.wall)), "-", "-", "-", "-",
                "-", "-", .init(gone.node.storage),
            ])
        }
        return table
    }

    /// The newest of all nodes, newest first.
    private func latestFailures(_ sample: MonitorSample) -> [String] {
        let all = (sample.nodes + gone.map(\.node)).flatMap { node in node.failures.map { ($0, node.name) } }
        let newest = all.enumerated().sorted { ($1.element.0.at, $1.offset) < ($0.element.0.at, $0.offset) }
        return newest.prefix(Self.mostFailures).map { Self.text(of: $0.element.0, on: $0.element.1) }
    }

    /// The time of day, or the day when that is not the last one.
    private static func since(_ time: WallTime, _ now: WallTime) -> String {
        now - time < .seconds(Int64(86_400)) ? clock(time) : String(Dates.format(time).prefix(10))
    }

    /// In at most five columns: `99999`, `123k`, `12.3M`.
    static func short(_ number: Int) -> String {
        if number < 100_000 { return "\(number)" }
        if number < 1_000_000 { return "\(number / 1_000)k" }
        let units: [(size: Int, name: String)] = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M")]
        for unit in units where number >= unit.size {
            let whole = number / unit.size
            return whole >= 100 ? "\(whole)\(unit.name)" : "\(whole).\(number % unit.size * 10 / unit.size)\(unit.name)"
        }
        return "\(number)"
    }
}
