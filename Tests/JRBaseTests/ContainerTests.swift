import JRBase
import Testing

@Suite struct RingTests {
    @Test("it does what an array does, at both ends, over every turn of the circle", arguments: 0..<20 as Range<UInt64>)
    func likeAnArray(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var ring = Ring<Int>()
        var model: [Int] = []
        for step in 0..<2_000 {
            switch random.below(step % 400 < 250 ? 4 : 6) {
            case 0, 1:
                ring.append(step)
                model.append(step)
            case 2:
                ring.prepend(step)
                model.insert(step, at: 0)
            default:
                #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed) step \(step)")
            }
            #expect(ring.count == model.count)
            #expect(ring.first == model.first)
            let place = random.below(model.count + 1)
            #expect(ring[place] == (place < model.count ? model[place] : nil))
        }
        var seen: [Int] = []
        ring.forEach { seen.append($0) }
        #expect(seen == model)
        #expect(ring[-1] == nil)
        ring.removeAll()
        #expect(ring.isEmpty && ring.popFirst() == nil)
    }

    @Test("what is taken out is let go of")
    func releases() {
        final class Token {}
        weak var seen: Token?
        var ring = Ring<Token>()
        do {
            let token = Token()
            seen = token
            ring.append(token)
        }
        #expect(seen != nil)
        ring.popFirst()
        #expect(seen == nil)
    }
}

@Suite struct SlotMapTests {
    @Test("a handle that outlives its element reaches nothing")
    func staleHandles() {
        var map = SlotMap<String>()
        let first = map.insert("a")
        #expect(map[first] == "a")
        #expect(map.remove(first) == "a")
        let second = map.insert("b")
        #expect(second.index == first.index)
        #expect(map[first] == nil)
        #expect(!map.contains(first))
        #expect(map.remove(first) == nil)
        map[first] = "c"
        map[first]? += "d"
        #expect(map[second] == "b")
        map[second]? += "d"
        #expect(map[second] == "bd")
        #expect(map.count == 1)
    }

    @Test("handles that never were reach nothing")
    func foreignHandles() {
        var map = SlotMap<Int>()
        for handle in [Handle(index: -1, generation: 0), Handle(index: 0, generation: 0), Handle(bits: .max)] {
            #expect(map[handle] == nil)
            #expect(map.remove(handle) == nil)
        }
    }

    @Test("an element is looked at and changed in its place, and one that is gone is not")
    func inPlace() {
        var map = SlotMap<[Int]>()
        let handle = map.insert([1])
        #expect(map.with(handle) { $0.count } == 1)
        map.with(handle) { $0.append(2) }
        #expect(map[handle] == [1, 2])
        map.remove(handle)
        let other = map.insert([3])
        map.with(handle) { _ in Issue.record("a handle reached the next element of its place") }
        for wrong in [Handle(index: -1, generation: 0), Handle(index: 9, generation: 0), Handle(bits: .max)] {
            map.with(wrong) { _ in Issue.record("\(wrong) reached an element") }
        }
        #expect(map[other] == [3])
    }

    @Test("an element that is set to nil is gone, and its place is used again")
    func setToNil() {
        var map = SlotMap<Int>()
        let handle = map.insert(1)
        map[handle] = nil
        #expect(!map.contains(handle))
        #expect(map.isEmpty)
        #expect(map.insert(2).index == handle.index)
    }

    @Test("what an element leaves in its place is for the next one there, and for nobody else")
    func leftBehind() {
        var map = SlotMap<[Int]>()
        let nothing = map.reuse { _ in Issue.record("nothing was left") }
        #expect(nothing == nil)
        let (first, second) = (map.insert([1]), map.insert([2]))
        map.leave(first)
        map.leave(first)
        #expect(map.count == 1)
        #expect(map.freeCount == 1)
        #expect(map[first] == nil)
        #expect(!map.contains(first))
        #expect(map.remove(first) == nil)
        #expect(map.handles == [second])
        map.forEach { handle, _ in #expect(handle == second) }
        let third = map.reuse { $0.append(3) }
        #expect(third?.index == first.index)
        #expect(third != first)
        #expect(third.flatMap { map[$0] } == [1, 3])
        #expect(map[first] == nil)
        #expect(map.freeCount == 0)
        // A place that was left may be taken by any element, and one that is empty leaves nothing.
        map.leave(second)
        let fourth = map.insert([4])
        #expect(fourth.index == second.index)
        #expect(map[fourth] == [4])
        map.remove(fourth)
        #expect(map.reuse { _ in Issue.record("an element was left that was taken out") } == nil)
    }

    @Test("handles survive the way through one word")
    func bits() {
        for handle in [
            Handle(index: 0, generation: 0), Handle(index: .max, generation: .max), Handle(index: -1, generation: 7),
        ] {
            #expect(Handle(bits: handle.bits) == handle)
        }
    }

    @Test("all elements are visited, each once")
    func visits() {
        var map = SlotMap<Int>()
        let handles = (0..<10).map { map.insert($0) }
        map.remove(handles[3])
        map.remove(handles[7])
        #expect(map.handles == handles.filter { $0 != handles[3] && $0 != handles[7] })
        var sum = 0
        map.forEach { handle, element in
            #expect(map[handle] == element)
            sum += element
        }
        #expect(sum == 35)
    }
}

@Suite struct FastHashTests {
    @Test("equal numbers hash equally under one seed, and the seed, each number and their order count")
    func counts() {
        let hash = FastHash.hash(1, 2, seed: 3)
        #expect(hash == FastHash.hash(1, 2, seed: 3))
        for other in [
            FastHash.hash(1, 2, seed: 4), FastHash.hash(1, 3, seed: 3), FastHash.hash(2, 2, seed: 3),
            FastHash.hash(2, 1, seed: 3),
        ] {
            #expect(other != hash)
        }
    }

    @Test("numbers in a row, and in steps of powers of two, spread over the buckets of a table", arguments: 0..<64)
    func spreads(shift: Int) {
        // As a table takes it: the low bits. 1,024 numbers into 1,024 buckets leave about 377 empty.
        var buckets = Set<Int>()
        for number in 0..<1_024 as Range<UInt64> {
            buckets.insert(FastHash.hash(number << UInt64(shift), 7, seed: 0) & 1_023)
            buckets.insert(FastHash.hash(7, number << UInt64(shift), seed: 0) & 1_023)
        }
        // Of a number that is shifted out of its word only the bits that are left differ.
        #expect(buckets.count > min(500, (1 << max(0, 64 - shift)) / 2), "shift \(shift): \(buckets.count)")
    }
}

@Suite struct TimerHeapTests {
    @Test("timers come out by deadline, and in the order of adding where it is the same; cancelled ones never")
    func likeASortedList() {
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var heap = TimerHeap<Int>()
            var model: [(deadline: Int64, value: Int, handle: Handle)] = []
            for step in 0..<1_000 {
                if random.chance(3, in: 5) || model.isEmpty {
                    let deadline = Int64(random.below(50))
                    model.append((deadline, step, heap.insert(step, at: Instant(nanoseconds: deadline))))
                } else if random.chance(1, in: 2) {
                    let cancelled = model.remove(at: random.below(model.count))
                    #expect(heap.cancel(cancelled.handle) == cancelled.value)
                    #expect(heap.cancel(cancelled.handle) == nil)
                } else {
                    let now = Int64(random.below(30))
                    let due = model.filter { $0.deadline <= now }.min {
                        ($0.deadline, $0.value) < ($1.deadline, $1.value)
                    }
                    #expect(
                        heap.popDue(at: Instant(nanoseconds: now))?.value == due?.value, "seed \(seed) step \(step)")
                    model.removeAll { $0.value == due?.value }
                }
                #expect(heap.count == model.count)
                #expect(heap.nextDeadline?.nanoseconds == model.map(\.deadline).min())
            }
        }
    }

    @Test("a timer fires at its deadline and not before")
    func due() {
        var heap = TimerHeap<String>()
        let handle = heap.insert("a", at: Instant(nanoseconds: 10))
        #expect(heap.popDue(at: Instant(nanoseconds: 9)) == nil)
        let fired = heap.popDue(at: Instant(nanoseconds: 10))
        #expect(fired?.handle == handle)
        #expect(heap.cancel(handle) == nil)
        #expect(heap.isEmpty)
    }
}
