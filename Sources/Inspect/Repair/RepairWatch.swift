import Glibc
public import NetCore
import NetPlan

/// Repairs within a second of whatever was taken away, woken by the kernel's notifications and by nothing else.
public struct RepairWatch: ~Copyable {
    private var changes: ChangeWatch
    private let state: StateDirectory
    private let network: String?
    /// What could not be mended is tried again with every change, but not a hundred times a second: trying is one.
    private var hasFailed = false
    /// And a few times though nothing changed: firewalld answers some time after its tables came back, and nothing tells
    /// when. Milliseconds from one try to the next.
    private static let pauses: [Int64] =
        [250, 250] + Array(repeating: 500, count: 9) + Array(repeating: 1000, count: 55) + [2000, 4000, 8000]
    private var pausesLeft = RepairWatch.pauses[...]
    private var nextTry: Int64?

    /// From now on nothing is missed. Throws E-PRIVILEGE for one who may not listen.
    public init(of state: StateDirectory, network: String? = nil) throws(InspectError) {
        do throws(KernelError) {
            changes = try ChangeWatch(lockFile: IptablesVariant.lockFile)
        } catch {
            throw InspectError(error)
        }
        self.state = state
        self.network = network
    }

    /// Waits at most that many milliseconds (negative: without end) for something to be taken away, and repairs. Nil when
    /// nothing happened. A network without attachments has nothing to be mended.
    public mutating func next(milliseconds: Int32 = -1) throws(InspectError) -> Repair? {
        do throws(KernelError) {
            var limit = milliseconds
            if let nextTry {
                let left = Int32(max(nextTry - RepairWatch.now, 0))
                if milliseconds < 0 || left < milliseconds { limit = left }
            }
            if try changes.wait(milliseconds: limit) {
                // A reload takes many things away one after the other, and a DEL of ours too.
                try changes.settle(quiet: 20, atMost: 300)
                if hasFailed { usleep(500_000) }
                pausesLeft = RepairWatch.pauses[...]
            } else {
                guard let nextTry, RepairWatch.now >= nextTry else { return nil }
            }
        } catch {
            throw InspectError(error)
        }
        return try now()
    }

    /// Repairs at once.
    public mutating func now() throws(InspectError) -> Repair? {
        do throws(InspectError) {
            let repair = try Repair(of: state, network: network, changes: true)
            hasFailed = !repair.isClean
            if !hasFailed { pausesLeft = RepairWatch.pauses[...] }
            nextTry = hasFailed ? pausesLeft.popFirst().map { RepairWatch.now + $0 } : nil
            return repair
        } catch  where error.code == .missing {
            return nil
        }
    }

    /// Milliseconds of the monotonic clock.
    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
