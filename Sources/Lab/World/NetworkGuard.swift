import Glibc
public import NetCore

/// The networks that no builder may change: the starter's, and that of the machine's first process.
public struct NetworkGuard: Hashable, Sendable {
    private let forbidden: Set<NetworkNamespace.Identity>

    /// The calling thread's own, and that of process 1.
    public static let watched = ["/proc/thread-self/ns/net", "/proc/1/ns/net"]

    /// Those that the paths lead to. The first must: a process that cannot tell where it is itself builds nothing. Of the others those
    /// that may be looked at: the network of a process that may not be looked at cannot be changed either.
    public init(_ paths: [String] = watched) throws(LabError) {
        guard let first = paths.first, let own = NetworkNamespace.Identity(path: first) else {
            throw LabError(
                .guarded, "cannot tell which network this process is in",
                cause: "stat \(paths.first ?? "nothing"): \(Errno.current)",
                fix: "mount /proc: mount -t proc proc /proc")
        }
        forbidden = Set([own] + paths.dropFirst().compactMap { NetworkNamespace.Identity(path: $0) })
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
