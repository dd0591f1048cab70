import Glibc
public import NetCore

/// The networks that no builder may change: the starter's, and that of the machine's first process.
public struct NetworkGuard: Hashable, Sendable {
    private let forbidden: Set<NetworkNamespace.Identity>

    /// Those of the calling thread and of process 1, as far as it may be looked at: where it may not, its network cannot be
    /// changed either. Throws when the process cannot tell where it is itself.
    public init() throws(LabError) {
        guard let own = NetworkNamespace.Identity(path: "/proc/thread-self/ns/net") else {
            throw LabError(
                .guarded, "cannot tell which network this process is in",
                cause: "stat /proc/thread-self/ns/net: \(Errno.current)", fix: "mount /proc: mount -t proc proc /proc")
        }
        var found: Set = [own]
        if let first = NetworkNamespace.Identity(path: "/proc/1/ns/net") { found.insert(first) }
        forbidden = found
    }

    /// Returns when the namespace may be changed. Throws E-GUARD, whose exit code is 3, when it is one of the forbidden.
    public func permit(_ namespace: borrowing NetworkNamespace) throws(LabError) {
        let path = namespace.path
        let identity: NetworkNamespace.Identity
        do throws(KernelError) {
            identity = try namespace.identity()
        } catch {
            throw LabError(error, "tell which network \(path) is")
        }
        guard !forbidden.contains(identity) else {
            throw LabError(
                .guarded, "refused to build in \(path): nothing was changed",
                cause: "it is the network of whoever started the lab, or of the machine, and not one of the lab's own",
                fix: "this is an error of berth's: please report it with the kernel's version (uname -r)")
        }
    }
}
