import JRManifest
import JRSettings
import JRSupervision
import TestSupport
import Testing

extension Plan.Surroundings {
    static let example = Plan.Surroundings(
        manifestDirectory: "/srv/demo", runtimeDirectory: "/srv/demo/.jr", programDirectory: "/opt/jr/bin",
        environment: ["PATH": "/bin", "HOME": "/root", "SECRET": "x"])
}

@Suite("A plan")
struct PlanTests {
    private func plan(_ name: String, only: [String]? = nil) throws -> Plan {
        let source = try #require(Corpus.bytes("manifests/good/\(name).json"))
        return Plan(ManifestReader.read(source).manifest, .example, only: only)
    }

    @Test("instances are NAME.INDEX, a node waits for all instances of its distributors")
    func instances() throws {
        let plan = try plan("design")
        #expect(plan.instances.map(\.name) == ["main.1", "worker.1", "worker.2", "web.1"])
        #expect(plan.instances.map(\.after) == [[], [0], [0], [0]])
        #expect(plan.instances.map(\.rank) == [0, 1, 1, 2])
        #expect(plan.instances[1].storageDirectory == "/srv/demo/.jr/storage/worker.1")
        #expect(plan.instances[3].arguments == ["/srv/demo/my-app"])
        #expect(plan.positions(named: "worker") == [1, 2])
        #expect(plan.positions(named: "worker.2") == [2])
        #expect(plan.positions(named: "main") == [0])
        #expect(plan.positions(named: "wroker") == [])
        #expect(plan.suggestion(for: "wroker") == "did you mean \"worker\"?")
        #expect(plan.suggestion(for: "worker.7") == "did you mean \"worker.1\"?")
        #expect(plan.suggestion(for: "worker.1", isEntry: true) == "that is one instance of \"worker\"")
        #expect(plan.suggestion(for: "main", isEntry: true).hasPrefix("it has no instance now"))
    }

    @Test("a child gets the variables of its manifest and ours, and of our environment only the listed ones")
    func environment() throws {
        let plan = try plan("design")
        let start = Plan.Start(
            incarnation: 3, readyDescriptor: 3, lifeDescriptor: 4,
            addresses: ["main": ListenAddress(host: "127.0.0.1", port: 41_000)])
        #expect(
            plan.environment(of: 1, start) == [
                "HOME=/root", "JR_CACHE=/srv/demo/.jr/cache", "JR_CREDIT=256", "JR_DISTRIBUTORS=127.0.0.1:41000",
                "JR_DRAIN=30s",
                "JR_INCARNATION=3", "JR_JOBS=/srv/demo/Examples/reactor_jobs", "JR_LIFE_FD=4", "JR_NAME=worker.1",
                "JR_READY_FD=3", "JR_RUNTIME=/srv/demo/.jr",
                "JR_STORAGE=journal:/srv/demo/.jr/storage/worker.1?sync=always", "JR_URL=jr://127.0.0.1:41000",
                "LANG=C.UTF-8", "PATH=/bin",
            ])
        // A distributor that took a free port keeps it when it starts again.
        #expect(plan.environment(of: 0, start).contains("JR_LISTEN=127.0.0.1:41000"))
    }

    @Test("a program that is to say when it is ready is told where, and counts only when it has said so")
    func notify() {
        let source =
            #"{ "programs": { "web": { "command": ["x"], "notify": true, "watchdog": "1500ms" }, "b": { "command": ["y"] } } }"#
        let reading = ManifestReader.read(Array(source.utf8))
        #expect(reading.problems.map(\.message) == [])
        let plan = Plan(reading.manifest, .example)
        var start = Plan.Start(incarnation: 1, readyDescriptor: nil, lifeDescriptor: nil, addresses: [:])
        start.notifySocket = "@x"
        #expect(plan.environment(of: 0, start).contains("NOTIFY_SOCKET=@x"))
        #expect(plan.environment(of: 0, start).contains("WATCHDOG_USEC=1500000"))
        #expect(!plan.environment(of: 1, start).contains { $0.hasPrefix("WATCHDOG_") })
        #expect(plan.instances.map(\.saysReady) == [true, false])
        #expect(plan.cluster(seed: 1).members.map(\.machine.reportsReady) == [true, false])
        #expect(plan.cluster(seed: 1).members.map(\.machine.drains) == [false, false])
    }

    @Test("a node's Redis server is named in the manifest, or by the settings of its environment")
    func redis() throws {
        let plan = try plan("redis")
        let start = Plan.Start(incarnation: 1, readyDescriptor: nil, lifeDescriptor: nil, addresses: [:])
        let found = ["named", "socket", "settings"].flatMap { plan.positions(named: $0) }.flatMap { position in
            plan.environment(of: position, start).filter { $0.hasPrefix("JR_STORAGE=") }
        }
        #expect(
            found == [
                "JR_STORAGE=redis://:p%40ss@10.0.0.1:6380/2", "JR_STORAGE=redis+unix:/run/redis.sock",
                "JR_STORAGE=redis",
            ])
    }

    @Test("a password stands in no command line, where every user of the machine could read it")
    func password() throws {
        let plan = try plan("redis")
        #expect(plan.instances.count >= 3)
        for instance in plan.instances {
            #expect(!instance.arguments.contains { $0.contains("ss@") || $0.contains("p%40ss") }, "\(instance.name)")
        }
    }

    @Test("B44: an instance gets the settings of its entry as variables, each as one would write it")
    func settings() throws {
        let plan = try plan("settings")
        let start = Plan.Start(incarnation: 1, readyDescriptor: nil, lifeDescriptor: nil, addresses: [:])
        func variables(_ name: String) -> [String] {
            let known = ["JR_NAME", "JR_INCARNATION", "JR_RUNTIME", "JR_LISTEN", "JR_STORAGE", "JR_DRAIN", "JR_CACHE"]
            return plan.positions(named: name).flatMap { plan.environment(of: $0, start) }.filter { text in
                text.hasPrefix("JR_") && !known.contains { text.hasPrefix($0 + "=") }
            }
        }
        #expect(variables("main") == ["JR_ALWAYS_USE_SPECIFIED_NODE=true", "JR_BACKLOG_BYTES=64MiB"])
        #expect(
            variables("worker") == [
                "JR_CREDIT=16", "JR_HEARTBEAT=1m", "JR_MAX_ATTEMPTS=5", "JR_PASS_ENV=APP_*", "JR_POISON_DEATHS=4",
                "JR_REMOVE_DONE_JOBS=false", "JR_RETRY_MULTIPLIER=2s500ms", "JR_SLOW_TURN=none",
                "JR_TEST_COLOUR=blue", "JR_TIMEOUT=30s",
            ])
        let plain = try #require(plan.positions(named: "plain").first)
        #expect(plan.environment(of: plain, start).contains("JR_LISTEN=127.0.0.1:0"))
        #expect(variables("plain") == ["JR_RETRY_MULTIPLIER=250ms"])
        #expect(variables("web") == ["JR_MAX_ATTEMPTS=3"])
    }

    @Test("only some entries bring with them what they depend on")
    func only() throws {
        #expect(try plan("design", only: ["worker"]).instances.map(\.name) == ["main.1", "worker.1", "worker.2"])
        #expect(try plan("design", only: ["main"]).instances.map(\.name) == ["main.1"])
    }
}
