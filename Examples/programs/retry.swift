// A job that fails is tried again, unless it says that this is of no use.
import JobReactor

struct LineIsBusy: Error {}

let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("telephone", distributors: [jobs.url]) {
    Handler("call") { args, context in
        if args["number"]?.int == 0 { throw FailForGood("there is no such number") }
        if context.attempt < 3 { throw LineIsBusy() }
        args["heard"] = "hello?"
    }
}
node.start()

// Ten milliseconds after the first failure, 20 after the second, 40 after the third, and so on up to a second.
let options = JobOptions(maxAttempts: 5, retry: .exponential(.milliseconds(10), cap: .seconds(1)))
let busy = try await jobs.enqueue("call", ["number": 12], options).result
print(busy.ending, "at attempt", busy.attempt, busy.arguments["heard"]?.string ?? "")

do {
    _ = try await jobs.enqueue("call", ["number": 0], options).value
} catch let failure as JobFailure {
    print(failure.code, "at attempt", failure.attempts, failure.message)
}

// It prints:
// complete at attempt 3 hello?
// job_failed at attempt 1 there is no such number
