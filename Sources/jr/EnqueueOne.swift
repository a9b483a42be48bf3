import JRBase
import JRJSON
import JRWire
import JobReactor

/// `jr enqueue NAME …`: prints the id once the cluster has the job, or with `--wait` what became of it.
struct EnqueueOne: Sendable {
    let name: String
    let arguments: JobArguments
    let options: JobOptions
    let id: JobID?
    let waits: Bool

    func run(_ session: Session) -> Never {
        session.run {
            let id = self.id ?? JobID.fresh(at: session.client.wallTime)
            do throws(JobReactorError) {
                try session.client.enqueue(name, arguments, options, id: id, feedback: waits ? .both : []) { event in
                    self.heard(event, id, session)
                }
            } catch {
                Console.note("\(error)")
                Console.exit(65)
            }
        }
    }

    private func heard(_ event: JobEvent, _ id: JobID, _ session: Session) {
        switch event {
        case .accepted(let reason):
            if waits {
                Console.note("'\(name)' waits in the distributor's memory: \(reason). It runs as soon as it can")
            } else {
                Console.note("'\(name)' is kept in the distributor's memory until a node takes it: \(reason)")
                Self.finish(id)
            }
        case .stored:
            if !waits { Self.finish(id) }
        case .refused(let error):
            Console.note("\(error)")
            Console.exit(error.code == .backlogFull ? 75 : 65)
        case .ended(let result): session.finish(Self.tell(result))
        }
    }

    private static func finish(_ id: JobID) -> Never {
        Console.result("\(id)")
        Console.exit(0)
    }

    /// Says what became of it; the exit code.
    private static func tell(_ result: JobResult) -> Int32 {
        switch result.ending {
        case .complete: Console.result(result.arguments.json.text)
        case .failed: Console.note("job \(result.id) failed after \(result.attempt) attempts: \(result.error ?? "")")
        case .cancelled: Console.note("job \(result.id) was cancelled")
        }
        return result.ending == .complete ? 0 : 1
    }
}
