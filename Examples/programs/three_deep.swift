// Distributor and node in one program; jobs enqueue jobs, three deep, and wait for what these answer.
import JobReactor

struct Sum: ResultJob {
    var from: Int
    var to: Int

    func run(_ context: JobContext) async throws -> Int {
        let count = to - from + 1
        guard count > 10 else { return (from...to).reduce(0, +) }
        let parts = try stride(from: from, through: to, by: count / 10).map { start in
            try context.enqueue(Sum(from: start, to: start + count / 10 - 1))
        }
        var sum = 0
        for part in parts { sum += try await part.value }
        return sum
    }
}

let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("adder", distributors: [jobs.url]) {
    Sum.self
}
node.start()

// 1 job of a thousand numbers, 10 of a hundred, 100 of ten.
print(try await jobs.enqueue(Sum(from: 1, to: 1_000)).value)

// It prints:
// 500500
