// A job in steps: callbacks continue it, and errbacks look after it when it has failed.
import JobReactor

job("print") { args in
    guard let pages = args["pages"]?.int, pages <= 500 else { throw FailForGood("there is not enough paper") }
    args["printed"] = args["pages"]
}
jobCallback("print", "bill") { args in
    args["cents"] = .int(Int64(args["printed"]?.int ?? 0) * 3)
}
jobCallback("print", "thanks") { args in
    args["text"] = "\(args["cents"]?.int ?? 0) cents, please"
}
jobErrback("print", "advice") { args in
    args["text"] = "Sorry, \(args["error"]?.string ?? "")"
}

let jobs = try JR.startDistributor("localhost", 0)
try JR.startNode(name: "printer", distributors: [jobs.url])

print(try await JR.enqueue("print", ["pages": 20]).result.arguments["text"]?.string ?? "")
print(try await JR.enqueue("print", ["pages": 900]).result.arguments["text"]?.string ?? "")
await JR.stop()

// It prints:
// 60 cents, please
// Sorry, there is not enough paper
