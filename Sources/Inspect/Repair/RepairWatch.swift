import Glibc
public import NetCore
import NetPlan

/// Repairs within a second of whatever was taken away, woken by the kernel's notifications and by nothing else.
public struct RepairWatch: ~Copyable {
    private var changes: ChangeWatch
    private let state: StateDirectory
    private let network: String?
    private let repairs: Bool
    /// Held by every watch, so that the doctor knows whether one runs.
    private let watching: FileLock
    /// What could not be mended is tried again with every change, but not a hundred times a second: trying is one.
    private var hasFailed = false
    /// And a few times though nothing changed: firewalld answers some time after its tables came back, and nothing tells
    /// when. Milliseconds from one try to the next.
    private static let pauses: [Int64] =
        [250, 250] + Array(repeating: 500, count: 9) + Array(repeating: 1000, count: 55) + [2000, 4000, 8000]
    private var pausesLeft = RepairWatch.pauses[...]
    private var nextTry: Int64?

    /// From now on nothing is missed. Without `repairs` it only tells, and remembers for the doctor. Throws E-PRIVILEGE for one who may not
    /// listen.
    public init(of state: StateDirectory, network: String? = nil, repairs: Bool = true) throws(InspectError) {
        self.init(try RepairWatch.listening(), try RepairWatch.running(state), state, network, repairs)
    }

    private init(
        _ changes: consuming ChangeWatch, _ watching: consuming FileLock, _ state: StateDirectory, _ network: String?,
        _ repairs: Bool
    ) {
        self.changes = changes
        self.watching = watching
        (self.state, self.network, self.repairs) = (state, network, repairs)
    }

    private static func listening() throws(InspectError) -> ChangeWatch {
        do throws(KernelError) { return try ChangeWatch(lockFile: IptablesVariant.lockFile) } catch {
            throw InspectError(error)
        }
    }

    private static func running(_ state: StateDirectory) throws(InspectError) -> FileLock {
        do throws(KernelError) {
            try Files.makeDirectories(state.locks, mode: 0o700)
            return try FileLock(lock(state), .shared, seconds: 5)
        } catch {
            throw InspectError(error)
        }
    }

    private static func lock(_ state: StateDirectory) -> String { "\(state.locks)/watch" }

    /// A watch over this state runs just now. Throws what kept that from being seen.
    public static func isRunning(_ state: StateDirectory) throws(KernelError) -> Bool {
        guard Files.exists(lock(state)) else { return false }
        do throws(KernelError) {
            try FileLock(lock(state), .exclusive, seconds: 0).release()
            return false
        } catch  where error.errno == .timedOut {
            return true
        }
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
            var repair = try Repair(of: state, network: network, changes: repairs)
            remember(&repair)
            hasFailed = repairs && !repair.isClean
            if !hasFailed { pausesLeft = RepairWatch.pauses[...] }
            nextTry = hasFailed ? pausesLeft.popFirst().map { RepairWatch.now + $0 } : nil
            return repair
        } catch  where error.code == .missing {
            return nil
        }
    }

    /// Who took away what was missing, for the log and for the doctor. That it cannot be written down ends no watch.
    private mutating func remember(_ repair: inout Repair) {
        let removals = changes.takeRemovals()
        let missing = repair.missingRules
        guard !missing.isEmpty else {
            if !repairs, network == nil { repair.forget(state) }
            return
        }
        let seconds = time(nil)
        var found: [RemovalMemory.Entry] = []
        do throws(KernelError) {
            try RemovalMemory.change(state) { memory in
                found = memory.entries(of: removals, missing: missing, now: seconds)
                if repairs, repair.isClean { for index in found.indices { found[index].restored = seconds } }
                memory.add(found)
            }
        } catch {
            repair.notes.append("who took rules away could not be written down for berth doctor: \(error)")
        }
        repair.removals = found
    }

    /// Milliseconds of the monotonic clock.
    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
