import TestSupport
import Testing

@Suite("no step takes more of memory, or asks more of the system, than before", .mayBlock)
struct AllocationTests {
    /// Another compiler may need more or fewer, and other flags do.
    private static var isComparable: Bool {
        #if compiler(>=6.3) && compiler(<6.4) && DEBUG
        true
        #else
        false
        #endif
    }

    @Test("allocations of each step and of the whole path are those of the fixture", .enabled(if: isComparable))
    func allocations() throws {
        try Baseline(
            probe: "AllocationProbe", library: AllocationCounter.source, fixture: "allocations.json",
            what: "allocations"
        ).check()
    }

    @Test("system calls of a turn, of a commit and of the whole path are those of the fixture")
    func systemCalls() throws {
        try Baseline(
            probe: "SystemCallProbe", library: CallCounter.source, fixture: "system-calls.json", what: "system calls"
        ).check()
    }
}
