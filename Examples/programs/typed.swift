// A job as a type: what is enqueued, what is run, and what comes back are checked by the compiler.
import JobReactor

struct Hypotenuse: ResultJob {
    var a: Double
    var b: Double

    func run(_ context: JobContext) async throws -> Double {
        (a * a + b * b).squareRoot()
    }
}

let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("geometer", distributors: [jobs.url]) {
    Hypotenuse.self
}
node.start()

print(try await jobs.enqueue(Hypotenuse(a: 3, b: 4)).value)

// It prints:
// 5.0
