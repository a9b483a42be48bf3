import JRBase
import JRCore
import JRJSON
import JRJournal
import JRSystem
import JRWire

/// What is in a journal, a line of JSON each: `jr journal dump`. Reads only; the store may be open elsewhere.
public enum JournalDump {
    /// Every live job in the order of the first puts. Of a damaged store, all that is whole: the answer is whether it
    /// is sound.
    public static func jobs(of path: String, _ output: ToolOutput) throws(StorageToolError) -> Bool {
        let view = try StoreView(path)
        let reading = try view.read(output.progress)
        let marks = try view.marks()
        for record in reading.live {
            let bytes = try view.attempt { () throws(SystemError) in try reading.value(of: record) }
            let id = JobID(record.key)
            try output.line(JSON.object(job(id, bytes[...], isRunning: marks.contains(id))).text)
        }
        return note(reading, view, output)
    }

    /// Every record that lies in the segments, live or not, with its place.
    public static func records(of path: String, _ output: ToolOutput) throws(StorageToolError) -> Bool {
        let view = try StoreView(path)
        let reading = try view.read(output.progress)
        let snapshot = reading.snapshot
        var audit = JournalAudit(meta: snapshot.meta, witness: snapshot.witness, headers: snapshot.headers)
        for (place, segment) in audit.segments.enumerated() {
            let bytes = try view.bytes(of: segment, snapshot)
            let end = place == audit.segments.count - 1 ? reading.tail?.offset : nil
            var failure: StorageToolError?
            audit.read(bytes.prefix(end ?? bytes.count)) { found in
                guard failure == nil else { return }
                do throws(StorageToolError) {
                    try output.line(JSON.object(line(found, JournalFormat.segmentName(segment))).text)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }
        return note(reading, view, output)
    }

    private static func note(_ reading: StoreView.Reading, _ view: StoreView, _ output: ToolOutput) -> Bool {
        guard let refusal = reading.refusal else { return true }
        let error = StorageError.corrupt(refusal, directory: view.path)
        output.note("the journal is damaged, and this is what is whole of it: \(error)")
        return false
    }

    private static func job(_ id: JobID, _ bytes: ArraySlice<UInt8>, isRunning: Bool = false) -> JSONObject {
        if let record = try? JobRecord(decoding: bytes) { return JobText.json(record, isRunning: isRunning, .readable) }
        return ["id": .string(id.description), "unreadable": .string(Base64.text(Array(bytes)))]
    }

    private static func line(_ found: AuditedRecord, _ file: String) -> JSONObject {
        var object: JSONObject = [
            "file": .string(file), "offset": .int(Int64(found.offset)),
            "sequence": .int(Int64(clamping: found.sequence)),
        ]
        switch found.record {
        case .put(let key, let age, let value):
            object["record"] = "put"
            object["first_put"] = .int(Int64(clamping: found.sequence - age))
            object["job"] = .object(job(JobID(key), value))
        case .remove(let key):
            object["record"] = "remove"
            object["id"] = .string(JobID(key).description)
        case .seal: object["record"] = "seal"
        case .close: object["record"] = "close"
        case .skipped(let type):
            object["record"] = "skipped"
            object["type"] = .int(Int64(type))
        }
        return object
    }
}
