import JRBase

/// Looks for whole frames wherever they lie in a segment, past damage.
///
/// What is damaged may be what an application has sent, with beginnings of frames wherever it likes. For none of them
/// may all that follows be summed up: every byte is summed once, and the checksum of a body follows from the sums up to
/// its two ends.
struct FrameSearch: Sendable {
    private let bytes: ArraySlice<UInt8>
    private let salt: UInt64
    /// All of it beyond ``bytes`` is zeros.
    private let fileBytes: Int
    /// Of all bytes before each multiple of ``step``, as far as they were asked for.
    private var sums = [CRC32C()]
    private static let step = 64
    /// How many bytes were summed.
    private(set) var summedBytes = 0

    /// - Parameters:
    ///   - bytes: the whole file, or all of it but zeros at its end.
    ///   - salt: of the segment.
    ///   - fileBytes: the length of the file.
    init(_ bytes: ArraySlice<UInt8>, salt: UInt64, fileBytes: Int) {
        self.bytes = bytes
        self.salt = salt
        self.fileBytes = max(fileBytes, bytes.count)
    }

    /// What is at this offset.
    mutating func parse(at offset: Int) -> JournalFrame.Parsed {
        JournalFrame.parse(bytes, at: offset) { header, body in
            checksum(header, body.lowerBound - bytes.startIndex, body.count)
        }
    }

    /// The first whole frame at or after `offset`; of several at one place there is no telling.
    ///
    /// - Parameters:
    ///   - offset: where its header begins, at least.
    ///   - isWanted: asked before its checksum is compared.
    mutating func first(from offset: Int, where isWanted: (JournalFrame) -> Bool = { _ in true }) -> JournalFrame? {
        var next = offset
        while let place = JournalFrame.firstMagic(in: bytes, from: next) {
            next = place + 1
            let header = headerBytes(at: place)
            let (frame, flags) = JournalFrame.header(header, at: header.startIndex, offset: place)
            guard flags & ~JournalFrame.continuesFlag == 0, frame.isPossible,
                frame.bodyBytes <= JournalFormat.longestBodyBytes, frame.end <= fileBytes, isWanted(frame),
                frame.checksum
                    == checksum(header.prefix(JournalFrame.checksumOffset), frame.bodyOffset, frame.bodyBytes)
            else { continue }
            return frame
        }
        return nil
    }

    private func headerBytes(at offset: Int) -> ArraySlice<UInt8> {
        let start = bytes.startIndex + offset
        let found = bytes[start...].prefix(JournalFormat.frameHeaderBytes)
        let missing = JournalFormat.frameHeaderBytes - found.count
        return missing == 0 ? found : found + repeatElement(0, count: missing)
    }

    private mutating func checksum(_ header: ArraySlice<UInt8>, _ bodyOffset: Int, _ bodyBytes: Int) -> UInt32 {
        let (start, end) = (sum(before: bodyOffset), sum(before: bodyOffset + bodyBytes))
        var crc = JournalFrame.sum(header: header, salt: salt)
        crc.update(last: bodyBytes, of: end, after: start)
        return crc.value
    }

    private mutating func sum(before offset: Int) -> CRC32C {
        let known = min(offset, bytes.count)
        let place = known / Self.step
        while sums.count <= place {
            var next = sums[sums.count - 1]
            add((sums.count - 1) * Self.step..<sums.count * Self.step, to: &next)
            sums.append(next)
        }
        var sum = sums[place]
        add(place * Self.step..<known, to: &sum)
        sum.updateZeros(offset - known)
        return sum
    }

    private mutating func add(_ range: Range<Int>, to sum: inout CRC32C) {
        summedBytes += range.count
        sum.update(bytes[bytes.startIndex + range.lowerBound..<bytes.startIndex + range.upperBound])
    }
}
