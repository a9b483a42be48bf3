// A periodic job. Its arguments are its memory from run to run, and it ends when it throws Cancel.
import JobReactor

let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("rocket", distributors: [jobs.url]) {
    Handler("count_down") { args in
        let left = (args["left"]?.int ?? 0) - 1
        args["left"] = Value(left)
        if left == 0 { throw Cancel() }
    }
}
node.start()

let countdown = try jobs.enqueue("count_down", ["left": 4], JobOptions(period: .milliseconds(200)))
for await case .ended(let run) in countdown.events {
    print(run.ending, run.arguments["left"]?.int ?? 0)
}

// It prints:
// complete 3
// complete 2
// complete 1
// cancelled 0
