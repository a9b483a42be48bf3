import JRBase
import JRReactor
import JRWire
struct ProgramFailure: Error {}
final class RunningProgram { func cancel() {} }
final class ProgramRunner {
    init(path: String, workingDirectory: String?, timeout: Interval?, log: @escaping (String) -> Void) {}
    func run(arguments: JobArguments, id: JobID, name: String, attempt: Int, on loop: Loop, _ done: @escaping (Loop, Result<JobArguments, ProgramFailure>) -> Void) -> RunningProgram { RunningProgram() }
}
