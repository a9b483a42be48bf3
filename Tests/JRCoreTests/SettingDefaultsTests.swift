import JRBase
import JRCore
import JRSettings
import JRWire
import Testing

@Suite("Defaults")
struct SettingDefaultsTests {
    @Test("B35, B44: a node that is told nothing is set as the table of settings says")
    func node() {
        let node = NodeSettings(name: "worker_1")
        let table: [Setting: SettingValue] = [:]
        #expect(node.credit == table.int(.credit))
        #expect(node.maxAttempts == table.int(.maxAttempts))
        #expect(node.retry == RetrySchedule(shape: .linear, base: table.duration(.retryMultiplier)))
        #expect(node.removeDoneJobs == table.bool(.removeDoneJobs))
        #expect(node.removeCancelledJobs == table.bool(.removeCancelledJobs))
        #expect(node.removeFailedJobs == table.bool(.removeFailedJobs))
        #expect(node.retryJobsAtStart == table.bool(.retryJobsAtStart))
        #expect(node.poisonDeaths == table.int(.poisonDeaths))
        #expect(node.timeout == table.limit(.timeout))
        #expect(node.cancelGrace == table.duration(.cancelGrace))
        #expect(node.outcomeLife == table.duration(.outcomeLife))
        #expect(node.poolJobs == table.int(.poolThreads))
        #expect(node.programJobs == table.int(.programJobs))
        #expect(node.scheduledJobs == table.int(.scheduledJobs))
        #expect(node.scheduledBytes == table.int(.scheduledBytes))
        #expect(Limits.backlogJobs == table.int(.backlogJobs))
        #expect(Limits.backlogBytes == table.int(.backlogBytes))
    }
}
