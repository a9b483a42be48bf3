import JRBase
public import JRCore
public import JRReactor
import JRWire

/// When and what of nodes that died is taken over: the registry is read with each renewal of the own hold, and one
/// timer waits for the hold that ends first.
extension RedisStorage {
    public func takeOver(choosing choose: @escaping (Loop, [JobRecord]) -> [TakeOverChoice]?) {
        self.choose = choose
    }

    /// After a time without its server, or at a start, a node waits for a lease: others, whose holds have ended as
    /// well, are on their way to the server too.
    func beginTakeOvers(_ loop: Loop) {
        plan.notBefore = loop.refreshNow().instant + (settings.grace ?? settings.lease)
        if settings.takesOver { readRegistry(loop) } else { leaveRegistry(loop) }
    }

    /// Says that the node lives, and hears of the others.
    func readRegistry(_ loop: Loop) {
        guard settings.takesOver else { return }
        let words = [node, "\(settings.lease.millisecondsRoundedUp)"]
        client?.send(RedisScript.enrol.command(keys: [RedisKeys.registry], words)) { [weak self] loop, result in
            guard let self, self.isOpen, self.isUp else { return }
            switch result {
            case .success(let reply):
                guard let reading = RedisTakeOverPlan.Reading(reply, at: loop.refreshNow().instant) else { return }
                self.cannotTakeOver = nil
                self.step(reading, loop)
            // A lost connection tells of itself.
            case .failure(.refused(_, let text)): self.refusedRegistry(text, loop)
            case .failure: break
            }
        }
    }

    /// Nothing is taken over then; said once.
    private func refusedRegistry(_ text: String, _ loop: Loop) {
        let isPassing = ["LOADING", "READONLY", "MISCONF", "BUSY", "OOM", "CLUSTERDOWN", "TRYAGAIN"]
            .contains { text.hasPrefix($0) }
        guard !isPassing, cannotTakeOver == nil else { return }
        cannotTakeOver = text
        var report = TakeOverReport(node: "")
        report.stopped = "the server answered for the key '\(RedisKeys.registry)': '\(text.prefix(200))'"
        tell(.takeOverEnded(report), loop)
    }

    private func step(_ reading: RedisTakeOverPlan.Reading, _ loop: Loop) {
        if let takeOverTimer { loop.cancel(takeOverTimer) }
        takeOverTimer = nil
        guard isOpen, isUp, takeOver == nil else { return }
        switch plan.step(reading, at: loop.refreshNow().instant, next: nextReading) {
        case .nothing: break
        case .wait(let due):
            takeOverTimer = loop.schedule(at: due) { [weak self] loop in
                self?.takeOverTimer = nil
                self?.step(reading, loop)
            }
        case .take(let row):
            // A node that is stopping or full leaves it to others; it looks again with the next reading.
            guard choose?(loop, []) != nil else { return }
            begin(row, reading, loop)
        }
    }

    private func begin(
        _ row: RedisTakeOverPlan.Row, _ reading: RedisTakeOverPlan.Reading, _ loop: Loop
    ) {
        let takeOver = RedisTakeOver(row, self) { [weak self] loop, ending in
            guard let self else { return }
            self.takeOver = nil
            // On the server's clock, as far as it is known here.
            let passed = max((loop.refreshNow().instant - reading.instant).millisecondsRoundedUp, 0)
            self.ended(ending, row, at: reading.server + passed, loop)
        }
        self.takeOver = takeOver
        takeOver.start(loop)
    }

    private func ended(
        _ ending: RedisTakeOver.Ending, _ row: RedisTakeOverPlan.Row, at server: Int64, _ loop: Loop
    ) {
        let third = settings.renewalOrThird.millisecondsRoundedUp
        switch ending {
        case .interrupted: return
        case .nothing:
            client?.send(RESPCommand("ZREM", RedisKeys.registry, row.node)) { _, _ in }
            plan.put(off: row, until: nil)
        case .held(let rest): plan.put(off: row, until: server + rest.millisecondsRoundedUp + 1)
        case .done(let report):
            // What is left is for others, and stays in the registry for them.
            plan.put(off: row, until: report.left > 0 ? nil : server + third)
            tell(.takeOverEnded(report), loop)
        case .stopped(let report):
            plan.put(off: row, until: server + third)
            tell(.takeOverEnded(report), loop)
        case .unreadable(var report, let why):
            plan.put(off: row, until: nil)
            report.stopped = why
            tell(.takeOverEnded(report), loop)
        }
        if isOpen, isUp { readRegistry(loop) }
    }

    /// Jobs of a dead node that are ours now.
    func took(_ piece: RedisTakeOver.Piece, _ loop: Loop) {
        // Their marks go with the commit in which the owner notes the death: it hears of them now, and the next commit
        // has all that follows.
        unmarked.formUnion(piece.taken.filter(\.wasRunning).map(\.record.id))
        if !piece.taken.isEmpty { tell(.tookOver(piece.taken, from: piece.node), loop) }
    }

    /// Finds out whether jobs whose move was not answered are here.
    func settleMove(_ loop: Loop, _ done: @escaping (Loop) -> Void) {
        guard let piece = unsettled, let token = lease?.token else { return done(loop) }
        let words = [token] + piece.taken.map(\.record.id.description)
        client?.send(RedisScript.present.command(keys, words)) { [weak self] loop, result in
            guard let self, self.isOpen else { return }
            switch result {
            case .success(let reply):
                guard RedisLease.Word(reply) == .done else {
                    self.client?.reset(.unexpected(command: "EVAL"))
                    return
                }
                self.unsettled = nil
                let here = Set((reply.elements ?? []).compactMap(\.text))
                var found = piece
                found.taken = piece.taken.filter { here.contains($0.record.id.description) }
                self.took(found, loop)
                done(loop)
            case .failure(let failure):
                // A connection that ended has said so itself.
                if case .refused = failure { self.client?.reset(failure) }
            }
        }
    }

    func interruptTakeOvers(_ loop: Loop) {
        if let takeOverTimer { loop.cancel(takeOverTimer) }
        takeOverTimer = nil
        takeOver?.interrupt(loop)
        takeOver = nil
    }

    /// A node that ends in good order is not dead: its jobs wait for it.
    func leaveRegistry(_ loop: Loop) {
        client?.send(RESPCommand("ZREM", RedisKeys.registry, node)) { _, _ in }
    }
}
