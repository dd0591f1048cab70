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
            guard try changes.wait(milliseconds: milliseconds) else { return nil }
            // A reload takes many things away one after the other, and a DEL of ours too.
            try changes.settle(quiet: 20, atMost: 300)
            if hasFailed { usleep(500_000) }
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
            return repair
        } catch  where error.code == .missing {
            return nil
        }
    }
}
