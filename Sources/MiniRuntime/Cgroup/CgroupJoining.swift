import Glibc
import NetCore

extension Cgroup {
    /// The process is in the group, in every hierarchy. Throws ESRCH for one that has ended.
    ///
    /// To move a process, the kernel first waits until no thread of the machine forks or ends, 6 to 18 ms where none was moved
    /// lately. It does not for a process that is one thread and moves itself in v1, nor for one that is born in the group
    /// (`unifiedDirectory`): a container's first process does both.
    public func add(_ pid: pid_t) throws(KernelError) {
        let isOwn = pid == getpid()
        let isAlone = isOwn && Cgroup.hasOneThread
        let members = isOwn ? try CgroupHierarchy.memberships() : []
        for hierarchy in present {
            do throws(KernelError) {
                switch hierarchy.version {
                case .v1: try hierarchy.write(path, isAlone ? "tasks" : "cgroup.procs", isOwn ? "0" : "\(pid)")
                case .v2:
                    let group = hierarchy.root == "/" ? path : hierarchy.root + path
                    if members.contains(where: { $0.version == .v2 && $0.path == group }) { continue }
                    try hierarchy.write(path, "cgroup.procs", isOwn ? "0" : "\(pid)")
                }
            } catch {
                let advice: String? =
                    switch error.errno {
                    case Errno(ENOSPC): "its cpuset has no processors or no memory nodes: give it cpu.cpus and cpu.mems"
                    case .busy, .notSupported:
                        "in control groups v2 a group has either processes or groups that limits pass to"
                    case .noSuchProcess: "the process has ended"
                    default: nil
                    }
                throw KernelError("put process \(pid) into the control group \(path)", error.errno, advice)
            }
        }
    }

    /// The group's directory in the v2 hierarchy, for clone3(2) with CLONE_INTO_CGROUP; nil on a host without.
    public var unifiedDirectory: String? { present.first { $0.version == .v2 }?.directory(path) }

    private static var hasOneThread: Bool {
        do throws(KernelError) { return try Files.names(in: "/proc/self/task").count == 1 } catch { return false }
    }
}
