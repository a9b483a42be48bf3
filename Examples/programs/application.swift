// An application with a distributor of its own. Run it in one terminal and worker.swift in another, in either order.
import JobReactor

let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:5000"
let jobs = try Distributor(listen: address)

// Until a worker comes, the jobs wait here, in memory.
let greetings = try ["Ada", "Grace", "Edsger"].map { name in
    try jobs.enqueue("greet", ["name": .string(name)])
}
for greeting in greetings { print(try await greeting.value["greeting"]?.string ?? "") }

// Half a second from now, on any node but `mailer`, and with three attempts at the most.
let options = JobOptions(after: .milliseconds(500), notNode: "mailer", maxAttempts: 3)
let last = try jobs.enqueue("greet", ["name": "Barbara"], options)
print(try await last.value["greeting"]?.string ?? "")

// With a worker beside it, it prints:
// Hello, Ada
// Hello, Grace
// Hello, Edsger
// Hello, Barbara
