import JRManifest
import JRSupervision
import Testing

@Suite("Programs whose lines come late")
struct LateLinesTests {
    private func hints(_ keys: String, _ inherited: [String: String] = [:]) -> [String] {
        let reading = ManifestReader.read(Array("{ \"programs\": { \"web\": { \(keys) } } }".utf8))
        #expect(reading.problems.map(\.message) == [])
        return reading.manifest.entries.compactMap { LateLines.hint(for: $0, inherited: inherited) }
    }

    @Test("those in Python and Ruby are named with what helps, and others are not")
    func languages() {
        let python = #""command": ["/usr/bin/python3.11", "app.py"]"#
        #expect(
            hints(python) == [
                "programs.web: python3.11 keeps what it prints for a while, because it prints into a pipe: give it"
                    + " \"tty\": true, or PYTHONUNBUFFERED=1 in its env"
            ])
        #expect(hints(#""command": ["ruby", "app.rb"]"#).first?.contains("$stdout.sync = true") == true)
        #expect(hints(#""command": ["./python-like"]"#) == [])
        #expect(hints(#""command": ["./pythonic"]"#) == [])
        #expect(hints(#""command": ["./server"]"#) == [])
    }

    @Test("nobody is told who has helped himself already")
    func helped() {
        let python = #""command": ["python3", "app.py"]"#
        #expect(hints(python + #", "tty": true"#) == [])
        #expect(hints(python + #", "env": { "PYTHONUNBUFFERED": "1" }"#) == [])
        #expect(hints(python + #", "env": { "PYTHONUNBUFFERED": "" }"#).count == 1)
        #expect(hints(python, ["PYTHONUNBUFFERED": "1"]) == [])
        #expect(hints(#""command": ["python3", "-u", "app.py"]"#) == [])
    }
}
