import JRBase
import JRCore
import JRJSON
import JRWire
import Testing

@testable import JRStorage

@Suite("A job as a line of JSON")
struct JobTextTests {
    private func line(_ record: JobRecord, isRunning: Bool = false) -> String {
        JSON.object(JobText.json(record, isRunning: isRunning, .exact)).text
    }

    private func read(_ line: String) throws(JobLine.Problem) -> JobLine {
        try JobLine(Array(line.utf8)[...], now: SampleJobs.time)
    }

    @Test("every field of every job comes back as it was, to the byte")
    func roundTrip() throws {
        for record in SampleJobs.all {
            let text = line(record, isRunning: true)
            let back = try read(text)
            #expect(back.record == record, "\(text)")
            #expect(back.isRunning)
            #expect(line(back.record, isRunning: true) == text)
            var before = ByteWriter()
            var after = ByteWriter()
            record.encode(into: &before)
            back.record.encode(into: &after)
            #expect(before.bytes == after.bytes, "\(text)")
        }
    }

    @Test("a job with every field, as it is written")
    func text() throws {
        let record = SampleJobs.full(0, .error)
        let wanted = #"""
            {"id":"01900000000000000000000000000001","name":"full:0","arguments":{"n":1,"text":"a \"quoted\"\n\u0000 line"},"created_at":"2026-11-18T11:06:40.123Z","feedback":["success","error"],"client":"00000000000000070000000000000000","options":{"due":"2026-11-18T11:06:40.123Z","delay_ms":1234,"period_ms":3600000,"defer":true,"node":["worker_1","worker.2"],"strict":true,"not_node":["worker_3"],"max_attempts":7,"retry":{"shape":"exponential","base_ms":250,"cap_ms":30000,"jitter_percent":25},"timeout_ms":90000},"status":"error","attempt":3,"deaths":1,"runs":2,"due":"2026-11-18T11:06:40.128Z","run_at":"2026-11-18T11:06:40.124Z","failed_at":"2026-11-18T11:06:40.125Z","ended_at":"2026-11-18T11:06:40.126Z","last_error":"it broke: \u001b[31m","cancel_requested":true,"destroy_requested":true,"outcomes":[{"run":1,"ending":"complete","arguments":{"run":0},"attempt":1,"node":"worker_1","final":false},{"run":2,"ending":"failed","arguments":{"run":1},"error":"why","attempt":1,"node":"worker_1","final":false},{"run":3,"ending":"cancelled","arguments":{"run":2},"attempt":1,"node":"worker_1","final":true}],"running":true}
            """#
        #expect(line(record, isRunning: true) == wanted)
    }

    @Test("a date that text cannot say is written in milliseconds")
    func dates() throws {
        var record = SampleJobs.full(0, .new)
        record.due = WallTime(milliseconds: .max)
        record.endedAt = WallTime(milliseconds: -1)
        #expect(try read(line(record)).record == record)
    }

    @Test(
        "each wrong line is refused with what was found and what is expected",
        arguments: [
            ("", "", nil, "found the end; expected a value"),
            ("{", "", nil, ""),
            ("[1]", "", nil, "found an array; expected a job, an object"),
            (#""attempt":3"#, #""attempt":"3""#, nil, "\"attempt\" is a string; expected an integer of 0 or more"),
            (#""attempt":3"#, #""attempt":-3"#, nil, "\"attempt\" is -3; expected an integer of 0 or more"),
            (
                #""attempt":3"#, #""atempt":3"#, nil,
                "\"atempt\" is not known to this version; did you mean \"attempt\"?"
            ),
            (
                #""status":"error""#, #""status":"eror""#, nil,
                #""status" is 'eror'; expected one of ["new", "in progress", "queued", "complete", "error", "failed", "#
                    + #""cancelled"]"#
            ),
            (#""name":"full:0","#, "", nil, "\"name\" is missing"),
            (
                #""name":"full:0""#, #""name":"full 0""#, nil,
                "the job name 'full 0' is not 1 to 128 letters, digits or '_.:-'"
            ),
            (
                #""id":"01900000000000000000000000000001""#, #""id":"1""#, nil,
                "\"id\" is '1'; expected 32 hexadecimal digits"
            ),
            (
                #""shape":"exponential""#, #""shape":"e""#, nil,
                "\"options.retry.shape\" is 'e'; expected fixed, linear or exponential"
            ),
            (#""period_ms":3600000"#, #""period_ms":0"#, nil, "the period must be greater than 0 and at most 366 days"),
            (#""final":true"#, #""final":1"#, nil, "\"outcomes[2].final\" is an integer; expected true or false"),
            (
                #""node":["worker_1","worker.2"]"#, #""node":["a",1]"#, nil,
                "\"options.node\" is an array; expected an array of strings"
            ),
            (#""running":true"#, #""running":true,"x":1"#, nil, "\"x\" is not known to this version"),
            (
                #""arguments":{"n":1"#, #""arguments_msgpack":"gA==","arguments":{"n":1"#, nil,
                "\"arguments\" and \"arguments_msgpack\" exclude each other"
            ),
        ] as [(String, String, Int?, String)])
    func wrong(from: String, to: String, column: Int?, wanted: String) throws {
        let whole = line(SampleJobs.full(0, .error), isRunning: true)
        let text = from.contains(":") ? whole.replacing(from, with: to) : from
        #expect(text != whole)
        let problem = #expect(throws: JobLine.Problem.self) { try read(text) }
        if !from.contains(":"), from != "[1]" {
            #expect(problem?.column != nil)
        } else {
            #expect(problem?.text == wanted)
        }
    }
}
