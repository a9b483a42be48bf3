import JRCore
import JRReactor
import JRSystem

/// The nodes that a distributor dials. One connection serves a pair: where the node has dialled as well and its
/// connection is the one that stays, no further call is made until that one ends.
///
/// A class, because a dialler reports its failures while it is told to dial.
final class DialledNodes {
    private struct Entry {
        var dialler: Dialler
        var link: LinkID?
        /// The node that answered there, once one has.
        var name: String?
        /// Not dialled, because the node is connected otherwise.
        var isParked = false
        var hasFailed = false
    }

    private var entries: [SocketAddress: Entry] = [:]

    func add(_ dialler: Dialler, for address: SocketAddress) {
        entries[address] = Entry(dialler: dialler)
    }

    /// True once for each absence, so that it is told once.
    func isFirstFailure(_ address: SocketAddress) -> Bool {
        guard entries[address]?.hasFailed == false else { return false }
        entries[address]?.hasFailed = true
        return true
    }

    func opened(_ link: LinkID, by address: SocketAddress) {
        entries[address]?.link = link
    }

    func greeted(_ link: LinkID, _ name: String) {
        guard let address = entries.first(where: { $0.value.link == link })?.key else { return }
        entries[address]?.name = name
        entries[address]?.hasFailed = false
        entries[address]?.dialler.succeeded()
    }

    func closed(_ link: LinkID, node: String?, isThereStill: Bool, _ reason: String, on loop: Loop) {
        for (address, entry) in entries {
            if entry.link == link {
                entries[address]?.link = nil
                entries[address]?.isParked = isThereStill
                if !isThereStill { entry.dialler.dialAgain(reason, on: loop) }
            } else if entry.isParked, !isThereStill, entry.name == node {
                entries[address]?.isParked = false
                entry.dialler.dialAgain(reason, on: loop)
            }
        }
    }

    func stop(on loop: Loop) {
        for entry in entries.values { entry.dialler.stop(on: loop) }
        entries = [:]
    }
}
