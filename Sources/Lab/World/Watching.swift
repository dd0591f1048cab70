import Glibc
import NetCore

/// For who looks at a world for long.
extension World {
    /// A descriptor that is readable whenever something in the world may stand otherwise, as its recorder sees it: also rules of
    /// iptables-legacy and programs that listen, of which the kernel tells nobody. The caller reads and closes it. Nil when
    /// there is no recorder.
    public func changes() -> Int32? { RecorderLine.open(.watch, at: recorder) }

    /// Whether it lives by the same processes still.
    public var stands: Bool { state.holder.isAlive && state.root.isAlive }

    /// The world is in use until the descriptor is closed.
    public func use() throws(LabError) -> Int32 { try using() }

    /// The world that stands after one has ended: who builds the next one (`berth lab reset`, `next`) is waited for. Nil when there
    /// is none.
    public static func successor() throws(LabError) -> World? {
        _ = try ProgressLock(try ProgressFile.standard())
        return try running()
    }

    /// Where iptables-legacy takes the world's own lock, for programs that list its rules.
    public var legacyLock: String { "/proc/\(state.root.pid)/root/run/xtables.lock" }
}
