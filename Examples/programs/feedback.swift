// What happened on the node comes back to the application, which said at the enqueue what to do then.
import JobReactor

let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("calculator", distributors: [jobs.url]) {
    Handler("divide") { args in
        guard let a = args["a"]?.double, let b = args["b"]?.double, b != 0 else { throw FailForGood("no divisor") }
        args["quotient"] = .double(a / b)
    }
}
node.start()

for divisor in [4, 0] as [Value] {
    let job = try jobs.enqueue("divide", ["a": 10, "b": divisor]) { args in
        print("10 / 4 =", args["quotient"]?.double ?? 0)
    } error: { args in
        print("no quotient:", args["error"]?.string ?? "")
    }
    _ = try await job.result
}

// It prints:
// 10 / 4 = 2.5
// no quotient: no divisor
