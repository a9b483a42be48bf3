import Glibc
import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

/// Whether bytes are what a stream that repeats `pattern` for ever has at `start`.
private func repeats(_ pattern: [UInt8], _ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
    var done = 0
    while done < bytes.count {
        let offset = (start + done) % pattern.count
        let count = min(bytes.count - done, pattern.count - offset)
        let isSame = pattern.withUnsafeBytes { pattern in
            guard let left = pattern.baseAddress, let right = bytes.baseAddress else { return false }
            return memcmp(left + offset, right + done, count) == 0
        }
        if !isSame { return false }
        done += count
    }
    return true
}

@Suite("Connections", .mayBlock)
struct ConnectionTests {
    @Test("64 MiB come back unchanged through an echo, over TCP and over a unix socket", arguments: ["tcp", "unix"])
    func echo(kind: String) throws {
        try withTemporaryDirectory { directory in
            let total = 64 << 20
            var random = SeededRandom(seed: 1)
            let pattern = (0..<1 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let received: (count: Int, isSame: Bool, reason: CloseReason) = try onLoop { loop, finish in
                let address = kind == "tcp" ? "127.0.0.1:0" : "unix:\(directory)/echo"
                let listener = try loop.listen(on: SocketAddress(parsing: address)) { _, connection in
                    connection.handler = Echo()
                }
                loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { loop, result in
                    guard let connection = try? result.get() else { return }
                    let collector = Collector()
                    var isSame = true
                    collector.onBytes = { _, _ in
                        let start = collector.count - collector.bytes.count
                        collector.bytes.withUnsafeBytes { isSame = isSame && repeats(pattern, $0, from: start) }
                        collector.bytes.removeAll(keepingCapacity: true)
                    }
                    collector.onClosed = { reason, _ in finish((collector.count, isSame, reason)) }
                    connection.handler = collector
                    for _ in 0..<total / pattern.count { connection.write(pattern) }
                    connection.closeWrite()
                }
            }
            #expect(received.count == total)
            #expect(received.isSame)
            #expect(received.reason == .endOfStream)
        }
    }

    /// Two connections on one loop, each the other's peer.
    static func pair(_ loop: Loop) throws -> (Connection, Connection) {
        let (left, right) = try Sockets.makePair()
        return (
            loop.adopt(Descriptor(owning: left), peer: "left"), loop.adopt(Descriptor(owning: right), peer: "right")
        )
    }

    @Test("the end of a stream is told after every byte before it was delivered")
    func endAfterBytes() throws {
        let (count, reason): (Int, CloseReason) = try onLoop { loop, finish in
            let (reader, writer) = try Self.pair(loop)
            let collector = Collector()
            collector.onClosed = { reason, _ in finish((collector.count, reason)) }
            reader.handler = collector
            reader.pauseReading()
            writer.write([UInt8](repeating: 7, count: 100_000))
            writer.closeAfterFlush()
            loop.schedule(after: .milliseconds(5)) { _ in reader.resumeReading() }
        }
        #expect(count == 100_000)
        #expect(reason == .endOfStream)
    }

    @Test("after this side ended its sending the peer can still answer")
    func halfClose() throws {
        let (answer, reason): ([UInt8], CloseReason) = try onLoop { loop, finish in
            let listener = try loop.listen(on: SocketAddress(parsing: "127.0.0.1:0")) { _, connection in
                let server = Collector()
                server.onEnd = { connection, _ in
                    let question = server.bytes
                    connection.write(question + question)
                    connection.closeAfterFlush()
                }
                connection.handler = server
            }
            loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { _, result in
                guard let connection = try? result.get() else { return }
                let client = Collector()
                client.onClosed = { reason, _ in finish((client.bytes, reason)) }
                connection.handler = client
                connection.write([1, 2])
                connection.closeWrite()
                connection.write([3])
            }
        }
        #expect(answer == [1, 2, 1, 2])
        #expect(reason == .endOfStream)
    }

    @Test("a last word arrives at a peer that is still sending")
    func lastWord() throws {
        let answer: [UInt8] = try onLoop { loop, finish in
            let listener = try loop.listen(on: SocketAddress(parsing: "127.0.0.1:0")) { _, connection in
                let server = Collector()
                server.onBytes = { connection, _ in
                    connection.write([9, 9, 9])
                    connection.closeAfterFlush()
                }
                connection.handler = server
            }
            loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { _, result in
                guard let connection = try? result.get() else { return }
                let client = Collector()
                client.onClosed = { _, _ in finish(client.bytes) }
                connection.handler = client
                connection.write([UInt8](repeating: 0, count: 20 << 20))
            }
        }
        #expect(answer == [9, 9, 9])
    }

    @Test("a peer that does not read makes the connection congested, and at the limit it is closed")
    func outboxLimit() throws {
        let (wasCongested, unsent, reason): (Bool, Int, CloseReason) = try onLoop { loop, finish in
            let (writer, silent) = try Self.pair(loop)
            silent.pauseReading()
            let collector = Collector()
            writer.handler = collector
            writer.write([UInt8](repeating: 0, count: Limits.outboxSoftBytes + 1))
            let wasCongested = writer.isCongested
            let unsent = writer.unsentBytes
            collector.onClosed = { reason, _ in finish((wasCongested, unsent, reason)) }
            func more(_ loop: Loop) {
                writer.write([UInt8](repeating: 0, count: 8 << 20))
                if writer.isOpen { loop.soon(more) }
            }
            loop.soon(more)
        }
        #expect(wasCongested)
        #expect(unsent == Limits.outboxSoftBytes + 1)
        #expect(reason == .outboxFull)
    }

    @Test("a congested connection tells once when the peer has caught up")
    func drained() throws {
        let (drained, isCongested): (Int, Bool) = try onLoop { loop, finish in
            let (writer, reader) = try Self.pair(loop)
            let total = Limits.outboxSoftBytes * 2
            let sink = Collector()
            sink.keeps = false
            let source = Collector()
            var drained = 0
            source.onDrained = { _, _ in drained += 1 }
            sink.onBytes = { _, loop in
                if sink.count == total { loop.soon { _ in finish((drained, writer.isCongested)) } }
            }
            writer.handler = source
            reader.handler = sink
            writer.write([UInt8](repeating: 0, count: total))
        }
        #expect(drained == 1)
        #expect(!isCongested)
    }

    @Test("the close is told exactly once and never from within a call, our own included")
    func closeOnce() throws {
        let (closes, wasInside): (Int, Bool) = try onLoop { loop, finish in
            let (left, right) = try Self.pair(loop)
            let collector = Collector()
            var closes = 0
            var isInside = false
            var wasInside = false
            collector.onClosed = { _, _ in
                closes += 1
                wasInside = wasInside || isInside
            }
            left.handler = collector
            isInside = true
            right.close()
            left.write([1])
            left.close()
            left.close()
            left.closeAfterFlush()
            left.closeWrite()
            left.write([2])
            isInside = false
            loop.schedule(after: .milliseconds(5)) { _ in finish((closes, wasInside)) }
        }
        #expect(closes == 1)
        #expect(!wasInside)
    }

    @Test("a paused connection whose peer is gone does not keep the loop busy, and delivers all once resumed")
    func pausedHangup() throws {
        let (turns, bytes, reason): (Int, [UInt8], CloseReason) = try onLoop { loop, finish in
            let (number, other) = try Sockets.makePair()
            let left = loop.adopt(Descriptor(owning: number), peer: "left")
            let collector = Collector()
            left.handler = collector
            left.pauseReading()
            try Files.writeAll(other, [1, 2, 3])
            _ = Descriptor(owning: other)
            loop.schedule(after: .milliseconds(5)) { loop in
                let before = loop.reactor.turns
                loop.schedule(after: .milliseconds(20)) { loop in
                    let turns = loop.reactor.turns - before
                    collector.onClosed = { reason, _ in finish((turns, collector.bytes, reason)) }
                    left.resumeReading()
                }
            }
        }
        #expect(turns <= 3)
        #expect(bytes == [1, 2, 3])
        #expect(reason == .endOfStream)
    }

    @Test("the write end of a pipe learns that nobody reads any more")
    func brokenPipe() throws {
        let reason: CloseReason = try onLoop { loop, finish in
            let (readEnd, writeEnd) = try Pipe(nonBlocking: true).takeEnds()
            let writer = loop.adopt(Descriptor(owning: writeEnd), peer: "pipe")
            let collector = Collector()
            collector.onClosed = { reason, _ in finish(reason) }
            writer.handler = collector
            let reader = Descriptor(owning: readEnd)
            loop.soon { _ in writer.write([1]) }
            _ = consume reader
        }
        #expect(reason == .error(SystemError(call: "write", code: SystemError.brokenPipe, subject: "pipe")))
    }

    @Test("an event for a descriptor that was closed in the same turn does not reach its successor")
    func staleEvent() throws {
        let (reached, events): (Bool, Int) = try onLoop { loop, finish in
            let first = try Pipe(nonBlocking: true).takeEnds()
            let second = try Pipe(nonBlocking: true).takeEnds()
            for end in [first.write, second.write] { try Files.writeAll(end, [1]) }
            var events = 0
            var reached = false
            var watches: [Handle] = []
            // Both are readable in one turn. The first to be told closes the other and watches an empty pipe in its
            // place, which gets the same number and the same slot.
            func replace(_ raw: Int32) -> (Loop) -> Void {
                { loop in
                    events += 1
                    for watch in watches { loop.unwatch(watch) }
                    guard let empty = try? Pipe(nonBlocking: true).takeEnds() else { return }
                    dup2(empty.read, raw)
                    _ = try? loop.watchReadable(raw) { _ in reached = true }
                    loop.schedule(after: .milliseconds(5)) { _ in
                        let ends = [first.read, first.write, second.read, second.write, empty.read, empty.write]
                        for end in ends { _ = Descriptor(owning: end) }
                        finish((reached, events))
                    }
                }
            }
            watches.append(try loop.watchReadable(first.read, replace(second.read)))
            watches.append(try loop.watchReadable(second.read, replace(first.read)))
        }
        #expect(!reached)
        #expect(events == 1)
    }

    @Test("a unix connection knows who is at the other end")
    func credentials() throws {
        try withTemporaryDirectory { directory in
            let peer: PeerCredentials? = try onLoop { loop, finish in
                let listener = try loop.listen(on: .unix(path: directory + "/socket")) { _, connection in
                    finish(connection.peerCredentials)
                }
                loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { _, _ in }
            }
            #expect(peer?.pid == SystemProgram.pid)
            #expect(peer?.userID == SystemProgram.userID)
            #expect(!Files.exists(directory + "/socket"))
        }
    }

    @Test("connecting fails with the system's reason, or with ETIMEDOUT when its time is over")
    func connectFailures() throws {
        let codes: [Int32] = try onLoop { loop, finish in
            var codes: [Int32] = []
            func note(_ result: Result<Connection, SystemError>) {
                if case .failure(let error) = result { codes.append(error.code) }
                if codes.count == 2 { finish(codes.sorted()) }
            }
            loop.connect(to: .unix(path: "/nonexistent/socket"), timeout: .seconds(Int64(5))) { _, result in
                note(result)
            }
            loop.connect(to: .tcp(host: "name.invalid", port: 1), timeout: .zero) { _, result in note(result) }
        }
        #expect(codes == [SystemError.noSuchFile, SystemError.timedOut])
    }

    @Test("a cancelled connecting is never heard of again")
    func cancelConnecting() throws {
        let isHeard: Bool = try onLoop { loop, finish in
            var isHeard = false
            let listener = try loop.listen(on: SocketAddress(parsing: "127.0.0.1:0")) { _, _ in }
            loop.connect(to: listener.address, timeout: .milliseconds(1)) { _, _ in isHeard = true }.cancel()
            loop.connect(to: .tcp(host: "name.invalid", port: 1), timeout: .milliseconds(1)) { _, _ in isHeard = true }
                .cancel()
            loop.schedule(after: .milliseconds(10)) { _ in finish(isHeard) }
        }
        #expect(!isHeard)
    }

    @Test("without descriptors a listener waits instead of spinning, and accepts when there are some again")
    func descriptorsRunOut() async {
        await #expect(processExitsWith: .success) {
            let reactor = try Reactor(name: "emfile")
            let accepted = Monitor(0)
            try reactor.start { loop in
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = 64
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let listener = try? loop.listen(on: .tcp(host: "127.0.0.1", port: 0)) { _, connection in
                    accepted.update { $0 += 1 }
                    connection.close()
                }
                guard let listener else { return }
                loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { loop, result in
                    // Connected in the backlog: now all numbers are taken before the loop can accept.
                    var held: [Int32] = []
                    while let more = try? IO.eventCounter() { held.append(more.take()) }
                    let before = loop.reactor.turns
                    loop.schedule(after: .milliseconds(250)) { loop in
                        precondition(loop.reactor.turns - before < 10, "the loop was busy without descriptors")
                        for raw in held { _ = Descriptor(owning: raw) }
                    }
                    (try? result.get())?.handler = nil
                }
            }
            let isAccepted = accepted.wait(timeout: .seconds(Int64(10))) { $0 >= 1 ? true : nil }
            exit(isAccepted == true ? 0 : 1)
        }
    }
}
