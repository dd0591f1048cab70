import CContainer
import Glibc
import NetCore

/// A user namespace and a network namespace that it owns, made before there is a process in them: those of a container before the
/// container is.
public struct UserNamespace: ~Copyable {
    public let descriptor: OwnedDescriptor

    /// `users` and `groups` as /proc/PID/uid_map and gid_map take them (man 7 user_namespaces): inside, outside, count a line.
    /// Throws what the kernel said, and which of its limits may stand behind it.
    public init(users: String, groups: String) throws(KernelError) {
        var number: Int32 = -1
        let pid = berth_hold_namespaces(NamespaceSpec.Kind.user.flag, &number)
        guard pid > 0 else { throw UserNamespace.refused("make a user namespace") }
        let handle = OwnedDescriptor(taking: number)
        defer { UserNamespace.end(pid, handle.number) }
        try ContainerCreation.write("/proc/\(pid)/uid_map", users)
        try ContainerCreation.write("/proc/\(pid)/gid_map", groups)
        descriptor = try OwnedDescriptor(open: "/proc/\(pid)/ns/user", O_RDONLY)
    }

    /// One that is there already.
    public init(open path: String) throws(KernelError) {
        descriptor = try OwnedDescriptor(open: path, O_RDONLY | O_NONBLOCK)
    }

    /// It has the name in the directory, as NamedNamespace.add gives it; gives its path. Throws EEXIST for a name in use.
    public func hold(_ name: String, directory: String) throws(KernelError) -> String {
        try NamedNamespace.add(name, directory: directory, descriptor.number)
    }

    /// A new network namespace that this one owns has the name in the directory. Throws EEXIST for a name in use.
    public func holdNetwork(_ name: String, directory: String) throws(KernelError) {
        var number: Int32 = -1
        let pid = berth_hold_network_of(descriptor.number, &number)
        guard pid > 0 else { throw UserNamespace.refused("make the network namespace of a user namespace") }
        let handle = OwnedDescriptor(taking: number)
        defer { UserNamespace.end(pid, handle.number) }
        let network = try OwnedDescriptor(open: "/proc/\(pid)/ns/net", O_RDONLY)
        _ = try NamedNamespace.add(name, directory: directory, network.number)
    }

    private static func end(_ pid: pid_t, _ handle: Int32) {
        berth_pidfd_signal(handle, SIGKILL)
        var status: Int32 = 0
        _ = berth_wait_child(pid, &status)
    }

    private static func refused(_ operation: String) -> KernelError {
        let code = Errno.current
        let advice: String? =
            switch code.rawValue {
            case ENOSPC:
                "this host allows no more of them: raise the sysctls user.max_user_namespaces and user.max_net_namespaces"
            case EINVAL, ENOSYS: "this kernel is built without them (CONFIG_USER_NS): run without --userns-remap"
            case EPERM: "it takes root (CAP_SYS_ADMIN), and no chroot"
            default: nil
            }
        return KernelError(operation, code, advice)
    }
}
