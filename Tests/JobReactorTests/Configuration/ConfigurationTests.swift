import JRBase
import JRSettings
import JRSystem
import TestSupport
import Testing

@testable import JobReactor

@Suite("The configuration of a program", .mayBlock)
struct ConfigurationTests {
    @Test("B44: what nobody sets has the default of the table of settings", arguments: Setting.allCases)
    func defaults(setting: Setting) throws {
        guard let value = setting.defaultValue else { return }
        // Addresses have a default for programs that are nothing else; an application's configuration leaves them open.
        if [.distributors, .listen].contains(setting) { return }
        var changed = Configuration(environment: [:])
        let plain = "\(Mirror(reflecting: changed).children.map { "\($0.label ?? ""): \($0.value)" }.filter(isValue))"
        try changed.apply(setting, value)
        let after = "\(Mirror(reflecting: changed).children.map { "\($0.label ?? ""): \($0.value)" }.filter(isValue))"
        #expect(after == plain)
    }

    private func isValue(_ text: String) -> Bool { !text.contains("LogHandler") }

    @Test("B44: the environment sets what it names, and an unknown key or a wrong value is said by what starts")
    func environment() throws {
        let good = Configuration(
            environment: [
                "JR_MAX_ATTEMPTS": "3", "JR_REMOVE_DONE_JOBS": "false", "JR_NAME": "worker_7", "JR_TIMEOUT": "2s",
                "JR_STORAGE": "journal:jobs?sync=never", "JR_DISTRIBUTORS": "127.0.0.1:5000,127.0.0.1:5001",
                "JR_RETRY_MULTIPLIER": "0.5s",
            ])
        #expect(good.maxAttempts == 3)
        #expect(!good.removeDoneJobs)
        #expect(good.name == "worker_7")
        #expect(good.timeout == .seconds(2))
        #expect(good.storage == .journal(directory: "jobs", sync: .never))
        #expect(good.distributors == ["127.0.0.1:5000", "127.0.0.1:5001"])
        #expect(good.retryMultiplier == 0.5)

        let bad = Configuration(environment: ["JR_MAX_ATEMPTS": "3", "JR_CREDIT": "none", "JR_STORAGE": "disk"])
        let error = #expect(throws: JobReactorError.self) { _ = try Node("worker_1", configuration: bad) }
        #expect(error?.code == .configuration)
        #expect(error?.exitCode == 78)
        let text = "\(error.map(String.init(describing:)) ?? "")"
        #expect(text.contains("JR_MAX_ATTEMPTS"), "the nearest name is suggested: \(text)")
        #expect(text.contains("JR_CREDIT"))
        #expect(text.contains("memory, journal:DIR"))
    }

    @Test("B44: a key that is none is refused with the nearest one")
    func keys() throws {
        var configuration = Configuration(environment: [:])
        try configuration.set("retryMultiplier", to: "2")
        #expect(configuration.retryMultiplier == 2)
        let error = #expect(throws: JobReactorError.self) { try configuration.set("retyMultiplier", to: "2") }
        #expect(error?.why.contains("retryMultiplier") == true)
        #expect(throws: JobReactorError.self) { try configuration.set("maxAttempts", to: "0") }
    }

    @Test("B44: redisURL, or redisHost and redisPort, say where the storage 'redis' is")
    func redis() throws {
        func storage(_ environment: [String: String]) throws -> StorageChoice {
            var variables = environment
            variables["JR_STORAGE"] = variables["JR_STORAGE"] ?? "redis"
            return try NodeConfiguration(Configuration(environment: variables), name: "n", registry: JobRegistry())
                .storage
        }
        #expect(try storage([:]) == .redis(url: "redis://localhost:6379/0"))
        #expect(try storage(["JR_REDIS_HOST": "::1", "JR_REDIS_PORT": "7"]) == .redis(url: "redis://[::1]:7/0"))
        let url = "redis+unix:/run/redis.sock?db=2"
        #expect(try storage(["JR_REDIS_URL": url, "JR_REDIS_HOST": "x"]) == .redis(url: url))
        #expect(try storage(["JR_STORAGE": url, "JR_REDIS_URL": "redis://x"]) == .redis(url: url))
        let error = #expect(throws: JobReactorError.self) { try storage(["JR_REDIS_URL": "redis://:secret@h:x"]) }
        #expect(error?.code == .configuration)
        #expect(error.map { "\($0)".contains("secret") } == false)
        #expect(throws: JobReactorError.self) { try storage(["JR_STORAGE": "redis:/x"]) }
    }
}
