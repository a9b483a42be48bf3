// Compiled by commit-pauses.sh against the release build of the library.
import JRBase
import JRCore
import JRReactor
import JRStorage
import JRSystem
import JRWire

/// Jobs that are put off again and again, one commit at a time: how long each commit takes until it is answered, while
/// the journal is being compacted.
final class Bench {
    let storage: JournalStorage
    let directory: String
    let jobs: Int
    let commits: Int
    let done: Monitor<Bool>
    var random = SeededRandom(seed: 1)
    var round = 0
    var begun = SystemClock.instant()
    var times: [Int64] = []
    var most = 0

    init(_ storage: JournalStorage, _ directory: String, jobs: Int, commits: Int, done: Monitor<Bool>) {
        (self.storage, self.directory, self.jobs, self.commits, self.done) = (storage, directory, jobs, commits, done)
    }

    func job(_ number: Int) -> StorageChange {
        .put(
            JobRecord(
                request: JobRequest(
                    id: JobID(high: 1, low: UInt64(number + 1)), name: "bench",
                    arguments: [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 500),
                    created: WallTime(milliseconds: 0))))
    }

    func next(_ loop: Loop) {
        if round == commits { return end(loop) }
        let changes = (0..<20).map { _ in job(random.below(jobs)) }
        round += 1
        begun = SystemClock.instant()
        storage.commit(changes, on: loop) { loop, result in
            self.times.append((SystemClock.instant() - self.begun).nanoseconds)
            if case .failure(let error) = result { fail("\(error)") }
            if self.round % 1_000 == 0 { self.most = max(self.most, self.use()) }
            self.next(loop)
        }
    }

    func use() -> Int {
        ((try? Files.list(directory)) ?? []).reduce(0) { $0 + Int((try? Files.status(directory + "/" + $1).size) ?? 0) }
    }

    func end(_ loop: Loop) {
        times.sort()
        func at(_ part: Double) -> String {
            let microseconds = times[min(times.count - 1, Int(Double(times.count) * part))] / 1_000
            return "\(microseconds / 1_000).\(String(microseconds % 1_000 + 1_000).dropFirst()) ms"
        }
        print(
            "\(commits) commits of 20 jobs: p50 \(at(0.5)), p99 \(at(0.99)), p99.9 \(at(0.999)), most \(at(1));",
            "\(most >> 20) MiB on the disk at most")
        storage.close(on: loop) { _ in self.done.update { $0 = true } }
    }
}

func fail(_ text: String) -> Never {
    print(text)
    SystemProgram.exit(70)
}

let words = CommandLine.arguments
guard words.count == 5, let jobs = Int(words[3]), let commits = Int(words[4]) else { fail("DIR SYNC JOBS COMMITS") }
let sync: StorageSync = words[2] == "always" ? .always : words[2] == "never" ? .never : .interval(.milliseconds(100))
let reactor = try Reactor(name: "bench")
let done = Monitor(false)
try reactor.start { loop in
    let storage = JournalStorage(directory: words[1], sync: sync)
    storage.open(on: loop) { loop, result in
        if case .failure(let error) = result { fail("\(error)") }
        Bench(storage, words[1], jobs: jobs, commits: commits, done: done).next(loop)
    }
}
_ = done.wait { $0 ? true : nil }
