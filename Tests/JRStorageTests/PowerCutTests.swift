import Glibc
import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JRStorage

/// A file system of its own in a file, that can be cut off as by a power cut: what was not synced is gone.
final class CutDisk: Sendable {
    let mountPoint: String
    private let image: String

    init?(_ directory: String) {
        image = directory + "/image"
        mountPoint = directory + "/disk"
        do {
            let file = try Files.open(image, [.write, .create])
            try Files.truncate(file.raw, to: 48 << 20)
            try Files.makeDirectory(mountPoint)
        } catch { return nil }
        guard Self.run("/sbin/mkfs.ext4", "-qF", image), mount() else { return nil }
    }

    func mount() -> Bool { Self.run("/bin/mount", "-o", "loop", image, mountPoint) }

    /// EXT4_IOC_SHUTDOWN without flushing the log: from here on nothing reaches the disk.
    func cut() throws {
        let root = try Files.open(mountPoint, [.read, .directory])
        var flags: UInt32 = 2
        #expect(ioctl(root.raw, 0x8004_587D, &flags) == 0)
    }

    /// Another test that starts a process may hold a descriptor for a moment.
    func unmount() {
        let deadline = SystemClock.instant() + .seconds(Int64(20))
        while umount2(mountPoint, 0) != 0, errno == EBUSY, SystemClock.instant() < deadline { sched_yield() }
    }

    private static func run(_ arguments: String...) -> Bool {
        let request = SpawnRequest(
            executable: arguments[0], arguments: arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
        guard let pid = try? Processes.spawn(request) else { return false }
        return (try? Processes.wait(pid: pid))?.isSuccess ?? false
    }
}

@Suite(
    "When the power is cut", .serialized, .mayBlock,
    .enabled(if: SystemProgram.userID == 0, "making and cutting a file system needs root"))
struct PowerCutTests {
    @Test(
        "B40: what was answered as stored is there, and the store opens without hands",
        arguments: 0..<TestSize.rounds(6, full: 50))
    func always(round: Int) throws {
        let directory = try TemporaryDirectory()
        guard let disk = CutDisk(directory.path) else {
            try Test.cancel("this root may not mount a file system")
        }
        defer { disk.unmount() }
        let path = disk.mountPoint + "/store"
        let operations = Atomic<Int>(0)
        var answered = 0
        do {
            let store = try openStore(path, sizes: DoomedLife.sizes, policy: DoomedLife.policy) { _, _ in
                operations.wrappingAdd(1, ordering: .relaxed)
                return nil
            }.store
            let isCut = Monitor(false)
            try Threads.start(name: "power") {
                while operations.load(ordering: .relaxed) < 60 + round * 17 {}
                try? disk.cut()
                isCut.update { $0 = true }
            }
            let error = #expect(throws: StorageError.self) {
                while true {
                    try store.commit(DoomedLife.changes(answered))
                    answered += 1
                    while store.compact() {}
                }
            }
            #expect(error?.code == .failed)
            _ = isCut.wait { $0 ? true : nil }
        }
        disk.unmount()
        #expect(disk.mount())
        #expect(answered > 3)
        let found = try contents(of: path, sizes: DoomedLife.sizes)
        let allowed = [DoomedLife.contents(after: answered), DoomedLife.contents(after: answered + 1)]
        #expect(allowed.contains(found), "answered \(answered), found \(found)")
        let store = try openStore(path).store
        try store.commit([.put(job(900))])
        store.close()
        #expect(try contents(of: path) == found + ["900"])
    }

    @Test("without syncs the end is lost and the rest is whole", arguments: 0..<2)
    func never(round: Int) throws {
        let directory = try TemporaryDirectory()
        guard let disk = CutDisk(directory.path) else {
            try Test.cancel("this root may not mount a file system")
        }
        defer { disk.unmount() }
        let path = disk.mountPoint + "/store"
        do {
            let store = try openStore(path, sync: .never, sizes: DoomedLife.sizes).store
            for number in 0..<50 + round * 3 { try store.commit(DoomedLife.changes(number)) }
            try disk.cut()
        }
        disk.unmount()
        #expect(disk.mount())
        let found = try contents(of: path, sizes: DoomedLife.sizes)
        #expect((0...60).contains { DoomedLife.contents(after: $0) == found }, "found \(found)")
    }
}
