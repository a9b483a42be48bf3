import JRBase
import JRManifest
import JRSupervision
import Testing

@Suite("What a manifest that was read again changes")
struct PlanChangeTests {
    private func plan(_ manifest: String, runtime: String = "/r") -> Plan {
        let reading = ManifestReader.read(Array(manifest.utf8))
        #expect(reading.problems.map(\.message) == [])
        return Plan(
            reading.manifest,
            Plan.Surroundings(
                manifestDirectory: "/m", runtimeDirectory: runtime, programDirectory: "/p", environment: [:]))
    }

    private func manifest(
        main: String = #""listen": "127.0.0.1:5000""#, count: Int = 2, worker: String = "", more: String = "",
        programs: String = #""web": { "command": ["y"] }"#
    ) -> String {
        """
        {
          "distributors": { "main": { \(main) } },
          "nodes": { "worker": { "count": \(count), "distributors": ["main"], "command": ["x"] \(worker) } \(more) },
          "programs": { \(programs) }
        }
        """
    }

    private func lines(_ from: String, _ to: String) -> [String] {
        let change = PlanChange(from: plan(from), to: plan(to))
        #expect(change.refusals == [])
        return change.lines
    }

    @Test("the same is no difference, however it is written")
    func same() {
        #expect(lines(manifest(), manifest()) == [])
        #expect(PlanChange(from: plan(manifest()), to: plan(manifest() + "\n  // a word")).isEmpty)
        #expect(
            lines(manifest(), manifest(worker: #", "credit": 256, "restart": "always""#))
                == ["~ worker: JR_CREDIT (restarted one after the other)"], "what is said now was not said before")
    }

    @Test("entries come and go, and counts change")
    func entries() {
        #expect(
            lines(
                manifest(),
                manifest(count: 3, more: #", "mailer": { "count": 2, "distributors": ["main"], "command": ["z"] }"#))
                == ["+ worker: 1 more instance", "+ mailer: 2 instances"])
        #expect(lines(manifest(), manifest(count: 1)) == ["- worker: 1 instance"])
        #expect(lines(manifest(), manifest(programs: "")) == ["- web: all of 1 instance"])
    }

    @Test("what a process is started with needs a restart, what is decided about it does not")
    func keys() {
        let restarted: [(String, String)] = [
            (#", "env": { "A": "1" }"#, "A"), (#", "credit": 7"#, "JR_CREDIT"), (#", "jobs": "jobs""#, "JR_JOBS"),
            (#", "workingDirectory": "sub""#, "workingDirectory"),
            (#", "storage": { "kind": "memory" }"#, "JR_STORAGE"),
            (#", "limits": { "openFiles": 99 }"#, "limits.openFiles"),
            (#", "limits": { "core": "0B", "cpuTime": "5m" }"#, "limits.core, limits.cpuTime"),
            (#", "umask": "0027""#, "umask"), (#", "tty": true"#, "tty"),
            (#", "controlGroup": true"#, "controlGroup"),
            (#", "stop": { "drain": "7s" }"#, "JR_DRAIN, stop"),
        ]
        for (worker, keys) in restarted {
            #expect(
                lines(manifest(), manifest(worker: worker)) == ["~ worker: \(keys) (restarted one after the other)"])
        }
        for (worker, key) in [
            (#", "restart": "never""#, "restart"), (#", "ready": "7s""#, "ready"),
            (#", "stop": { "kill": "7s" }"#, "stop"),
            (#", "backoff": { "max": "7s" }"#, "backoff"), (#", "crashLoop": { "count": 7 }"#, "crashLoop"),
        ] {
            #expect(lines(manifest(), manifest(worker: worker)) == ["~ worker: \(key) (without a restart)"])
        }
    }

    @Test("a program that is to say when it is ready is started anew for it")
    func notify() {
        let web = #""web": { "command": ["y"], "notify": true }"#
        #expect(lines(manifest(), manifest(programs: web)) == ["~ web: notify (restarted one after the other)"])
        #expect(lines(manifest(programs: web), manifest()) == ["~ web: notify (restarted one after the other)"])
        let watched = #""web": { "command": ["y"], "notify": true, "watchdog": "7s" }"#
        #expect(
            lines(manifest(programs: web), manifest(programs: watched)) == [
                "~ web: watchdog (restarted one after the other)"
            ])
    }

    @Test("a distributor that listens elsewhere changes all that are told of it")
    func address() {
        let change = PlanChange(from: plan(manifest()), to: plan(manifest(main: #""listen": "127.0.0.1:5001""#)))
        #expect(change.differences.map(\.entry) == ["main", "worker", "web"])
        #expect(change.differences.map(\.positions) == [[0], [1, 2], [3]])
    }

    @Test("what cannot change while it runs is refused, each by its name")
    func refused() {
        let other = PlanChange(from: plan(manifest()), to: plan(manifest(), runtime: "/other"))
        #expect(other.refusals == ["runtimeDirectory is another one"])
        let logs = PlanChange(from: plan(manifest()), to: plan(manifest(worker: #", "logs": { "keep": 9 }"#)))
        #expect(logs.refusals == ["nodes.worker.logs is another one"])
        let kind = PlanChange(
            from: plan(manifest()),
            to: plan(manifest(programs: "").replacing(#""worker""#, with: #""web""#)))
        #expect(kind.refusals == ["programs.web is nodes.web now: give it another name"])
        let named = PlanChange(
            from: plan(#"{ "name": "a", "programs": { "web": { "command": ["y"] } } }"#),
            to: plan(#"{ "name": "b", "programs": { "web": { "command": ["y"] } } }"#))
        #expect(named.refusals == ["the cluster's name is b now, and a runs"])
    }

    @Test("a plan takes over what changed, and gives back what was before")
    func take() {
        var running = plan(manifest())
        let new = plan(manifest(worker: #", "env": { "A": "1" }"#, programs: ""))
        let change = PlanChange(from: running, to: new)
        let before = running.take(new, at: change.differences.flatMap(\.positions))
        #expect(before.keys.sorted() == [1, 2])
        #expect(running.instances[1].entry.environment == [EnvironmentVariable("A", "1")])
        #expect(running.manifest.entry(named: "web") != nil, "it is not gone yet")
        #expect(PlanChange(from: running, to: new).lines == ["- web: all of 1 instance"])
        running.restore(before)
        #expect(PlanChange(from: running, to: new) == change)
        running.retire([3])
        running.forget(entry: "web")
        #expect(running.manifest.entry(named: "web") == nil)
        running.forget(entry: "worker")
        #expect(running.manifest.entry(named: "worker") != nil, "it runs")
    }
}
