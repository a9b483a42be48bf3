import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// The socket over which a program says what it does (`NOTIFY_SOCKET`). One for each process: what an earlier one has
/// said late goes nowhere.
final class NoticeSocket {
    /// As the program knows it.
    let address: String
    private let userID: UInt32
    private let descriptor: Descriptor
    private let loop: Loop
    private var watch: Handle?
    private var gate: NoticeGate
    private let place: (Int32) -> NoticeGate.Place
    private let heard: (ServiceNotice) -> Void
    private let refused: (String) -> Void

    /// What is to be done with what comes.
    struct Handlers {
        /// Where a process is, seen from the program.
        var place: (Int32) -> NoticeGate.Place
        var heard: (ServiceNotice) -> Void
        /// Something came that does not count; said a few times at most.
        var refused: (String) -> Void
    }

    /// - Parameters:
    ///   - socket: Of ``Sockets/openNotices(at:)``, or had from a predecessor of this program.
    ///   - userID: Whose process it is.
    init(
        _ socket: Handover.Notices, _ loop: Loop, _ handlers: Handlers
    ) throws(SystemError) {
        descriptor = Descriptor(owning: socket.descriptor)
        address = socket.address
        userID = socket.userID
        gate = NoticeGate(userID: socket.userID)
        self.loop = loop
        place = handlers.place
        heard = handlers.heard
        refused = handlers.refused
        watch = try loop.watchReadable(descriptor.raw) { [weak self] _ in self?.read() }
    }

    /// All that another program needs to go on with it; nil when nothing more is expected.
    var handed: Handover.Notices? {
        watch == nil ? nil : Handover.Notices(descriptor: descriptor.raw, address: address, userID: userID)
    }

    /// Reads what is there: called before a process's end is told, so that what it said last still counts.
    func read() {
        while watch != nil, let notice = try? Sockets.nextNotice(descriptor.raw, longest: ServiceNotice.longest) {
            let verdict = gate.judge(
                notice.bytes, isCut: notice.isCut, from: notice.pid, of: notice.userID, place(notice.pid))
            switch verdict {
            case .take(let notice): heard(notice)
            case .refuse(let text): refused(text)
            case .nothing: break
            }
        }
    }

    /// Nobody is listened to any more.
    func close() {
        guard let watch else { return }
        loop.unwatch(watch)
        self.watch = nil
        if address.hasPrefix("/") { try? Files.remove(address) }
    }
}

/// Programs that say by themselves that they are ready.
extension Supervisor {
    /// The socket for the next process of an instance, before that is there.
    ///
    /// - Parameter user: Whose process it is to be, where that is another one than ours. He does not get into our
    ///   directory, so that the socket has no place in it then; nor has one whose path is too long.
    func openNotices(_ position: Int, _ incarnation: Int, of user: Account?) throws(SystemError) -> NoticeSocket {
        let path = "\(runtime.notices)/\(plan.instances[position].name)"
        let isInside = user == nil && path.utf8.count <= SocketAddress.longestPath
        if isInside { try Files.makeDirectories(runtime.notices, mode: 0o700) }
        let made = try Sockets.openNotices(at: isInside ? path : nil)
        let socket = Handover.Notices(
            descriptor: made.socket, address: made.address, userID: user?.userID ?? SystemProgram.userID)
        return try listen(to: socket, position, incarnation)
    }

    func listen(
        to socket: Handover.Notices, _ position: Int, _ incarnation: Int
    ) throws(SystemError) -> NoticeSocket {
        try NoticeSocket(
            socket, loop,
            NoticeSocket.Handlers(
                place: { [weak self] in self?.place(of: $0, from: position) ?? .outside },
                heard: { [weak self] in self?.heard($0, position, incarnation) },
                refused: { [weak self] in self?.note(position, $0) }))
    }

    private func place(of pid: Int32, from position: Int) -> NoticeGate.Place {
        guard pid > 0, let child = slots[position].child else { return .outside }
        if pid == child.pid { return .inside }
        guard let facts = Processes.facts(of: pid) else { return .gone }
        if facts.groupID == child.pid { return .inside }
        return slots[position].controlGroup?.members.contains(pid) == true ? .inside : .outside
    }

    private func heard(_ notice: ServiceNotice, _ position: Int, _ incarnation: Int) {
        guard cluster.members[position].machine.incarnation == incarnation else { return }
        if let status = notice.status {
            slots[position].said = status.isEmpty ? nil : status
            statusChanged()
        }
        let reports: [Report?] = [
            notice.isReady ? .ready : nil, notice.isAlive ? .alive : nil, notice.isHung ? .hung : nil,
            notice.isStopping ? .stopping : nil,
        ]
        for report in reports.compactMap(\.self) {
            tell(.instance(position, .reported(report, incarnation: incarnation)))
        }
    }
}
