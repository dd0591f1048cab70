import Glibc
import JSON
import NetCore

/// A control group: one directory in each hierarchy of this host, v1, v2 or both (man 7 cgroups).
public struct Cgroup: Sendable {
    /// The OCI cgroupsPath, absolute under every hierarchy's root: "/berth/ID".
    public let path: String

    /// The host's hierarchies by /proc/self/mountinfo and /proc/self/cgroup; nothing is made yet. Throws EINVAL for a path that
    /// cannot be one, ENODEV on a host without control groups.
    public init(path: String) throws(KernelError) { self.path = path; throw .unwritten }

    /// The group exists in every hierarchy with these limits (OCI `linux.resources`), before any process is in it; on failure
    /// none of it is left.
    public func make(_ resources: JSONObject?) throws(KernelError) { throw .unwritten }

    /// The process is in the group, in every hierarchy.
    public func add(_ pid: pid_t) throws(KernelError) { throw .unwritten }

    /// The group has these limits from now on; what is not named stays.
    public func apply(_ resources: JSONObject) throws(KernelError) { throw .unwritten }

    /// No process of it runs, until `thaw()`.
    public func freeze() throws(KernelError) { throw .unwritten }
    public func thaw() throws(KernelError) { throw .unwritten }

    /// SIGKILL to every process of the group and of those below.
    public func kill() throws(KernelError) { throw .unwritten }

    /// The processes of the group and of those below.
    public func pids() throws(KernelError) -> [pid_t] { throw .unwritten }

    /// The group and those below are gone. Throws EBUSY when processes stay in it for more than two seconds.
    public func remove() throws(KernelError) { throw .unwritten }

    /// How many of its processes the kernel killed for want of memory; nil where it does not say.
    public var oomKills: Int? { nil }

    public func statistics() throws(KernelError) -> CgroupStatistics { throw .unwritten }

    /// The tightest limit per resource and whose it is; a resource without any limit is left out.
    public func effective() throws(KernelError) -> [EffectiveLimit] { throw .unwritten }

    /// What a request asks that an ancestor does not have, in sentences for people.
    public func exceeding(_ resources: JSONObject) throws(KernelError) -> [String] { throw .unwritten }
}

extension KernelError {
    fileprivate static var unwritten: KernelError { KernelError("use control groups", Errno(ENOSYS), "not written yet") }
}
