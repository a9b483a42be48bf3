import JRBase
import JRSystem

/// Which build of this program is running: what a compiled job file must have been compiled against.
///
/// A job file calls the library inside the program, whose types have no stable layout: compiled against another build
/// it would load, and then read memory wrongly.
struct BuildIdentity: Sendable, Equatable {
    /// Letters and digits, fit for a symbol.
    let text: String

    /// Of the executable, from the id that the linker put into it; without one, from its size and date.
    static func ofThisProgram() throws(SystemError) -> BuildIdentity {
        // Not the path: after an upgrade it leads to the new file while the old one is running.
        let path = "/proc/self/exe"
        let file = try Files.open(path, .read)
        if let id = try? ELF.buildID(reading: { try? Files.read(file.raw, at: $0, count: $1) }) {
            return BuildIdentity(text: hexadecimal(id))
        }
        let status = try Files.status(of: file.raw)
        return BuildIdentity(text: "s\(status.size)m\(status.modifiedMilliseconds)")
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] }, as: UTF8.self)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

/// As much of the format of executables as finding a build id takes (`elf(5)`), for 64-bit little-endian ones.
enum ELF {
    private static let noteSegment: UInt32 = 4
    private static let buildIDNote: UInt32 = 3
    private static let noteLimit: UInt64 = 1 << 20

    /// - Parameter read: so many bytes from an offset, fewer at the end of the file.
    static func buildID(reading read: (Int64, Int) -> [UInt8]?) throws(ByteReader.Failure) -> [UInt8]? {
        var header = ByteReader(read(0, 64) ?? [])
        guard Array(try header.take(6)) == [0x7F, 0x45, 0x4C, 0x46, 2, 1] else { return nil }
        _ = try header.take(26)
        let tableOffset: UInt64 = try header.littleEndian()
        _ = try header.take(14)
        let entrySize: UInt16 = try header.littleEndian()
        let entryCount: UInt16 = try header.littleEndian()
        for index in 0..<UInt64(entryCount) {
            let offset = tableOffset + index * UInt64(entrySize)
            var entry = ByteReader(read(Int64(clamping: offset), Int(entrySize)) ?? [])
            guard try entry.littleEndian(UInt32.self) == noteSegment else { continue }
            _ = try entry.take(4)
            let start: UInt64 = try entry.littleEndian()
            _ = try entry.take(16)
            let size: UInt64 = try entry.littleEndian()
            guard size <= noteLimit, let notes = read(Int64(clamping: start), Int(size)) else { continue }
            if let id = try buildID(inNotes: notes) { return id }
        }
        return nil
    }

    private static func buildID(inNotes bytes: [UInt8]) throws(ByteReader.Failure) -> [UInt8]? {
        var reader = ByteReader(bytes)
        while reader.remaining >= 12 {
            let nameSize = Int(try reader.littleEndian(UInt32.self))
            let size = Int(try reader.littleEndian(UInt32.self))
            let kind: UInt32 = try reader.littleEndian()
            let name = Array(try reader.take((nameSize + 3) & ~3).prefix(nameSize))
            let content = try reader.take(size)
            // The last note's padding may lie outside the segment.
            _ = try reader.take(min(-size & 3, reader.remaining))
            if kind == buildIDNote, name == Array("GNU\0".utf8), size > 0 { return Array(content) }
        }
        return nil
    }
}
