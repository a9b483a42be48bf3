// A node with two jobs. It runs until it gets SIGTERM or Ctrl-C, and lets running jobs end before it goes.
import JobReactor

let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:5000"

let worker = try Node("worker_1", distributors: [address]) {
    Handler("greet") { args in
        args["greeting"] = "Hello, \(args["name"]?.string ?? "world")"
    }
    Handler("add") { args in
        args["sum"] = Value((args["a"]?.int ?? 0) + (args["b"]?.int ?? 0))
    }
}
try await worker.run()
