import CKernel
import Glibc

/// An open network namespace. A socket opened while inside it belongs to it for ever (man 7 network_namespaces),
/// so one visit is enough; only sysctls need further ones.
public struct NetworkNamespace: ~Copyable {
    private let descriptor: OwnedDescriptor
    public let path: String

    /// The open descriptor: for a message that names the namespace.
    public var number: Int32 { descriptor.number }

    /// Which namespace this is: equal for equal namespaces, whatever path led there.
    public struct Identity: Hashable, Sendable {
        public private(set) var device: UInt64
        public private(set) var inode: UInt64

        public init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }

        /// Of the namespace at a path; nil when there is nothing. It is not opened: stat(2) follows links and mounts.
        public init?(path: String) {
            var found = stat()
            guard stat(path, &found) == 0 else { return nil }
            self.init(device: UInt64(found.st_dev), inode: UInt64(found.st_ino))
        }

        /// Of the calling thread's own namespace; nil when the kernel does not tell it.
        public static func own() -> Identity? {
            let number = berth_own_netns()
            guard number >= 0 else { return nil }
            defer { close(number) }
            var identity = Identity(device: 0, inode: 0)
            guard berth_netns_inode(number, &identity.device, &identity.inode) == 0 else { return nil }
            return identity
        }
    }

    /// A descriptor of the calling thread's own namespace, the way back to it. Throws what the kernel said.
    public static func own() throws(KernelError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try check("open this thread's network namespace") { berth_own_netns() })
    }

    /// Opens a namespace file (`/run/netns/x`, `/proc/812/ns/net`). Throws ENOENT and friends, and EINVAL when the
    /// file is no network namespace.
    public init(open path: String) throws(KernelError) {
        // A pipe of that name must not make us wait for a writer.
        let descriptor = try OwnedDescriptor(open: path, O_RDONLY | O_NONBLOCK)
        guard berth_is_netns(descriptor.number) == 1 else {
            throw KernelError("open network namespace \(path)", .invalidArgument, "the file is not a network namespace")
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// Is there a namespace at that path?
    public static func isOpenable(_ path: String) -> Bool {
        let number = berth_open_cloexec(path, O_RDONLY | O_NONBLOCK, 0)
        guard number >= 0 else { return false }
        defer { close(number) }
        return berth_is_netns(number) == 1
    }

    /// The calling thread's own namespace.
    public static func current() throws(KernelError) -> NetworkNamespace {
        try NetworkNamespace(open: "/proc/thread-self/ns/net")
    }

    public func identity() throws(KernelError) -> Identity {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        try check("stat network namespace \(path)") { berth_netns_inode(descriptor.number, &device, &inode) }
        return Identity(device: device, inode: inode)
    }

    /// Runs `body` with the calling thread inside the namespace, and comes back. When the way back fails the process
    /// ends: going on in a stranger's namespace would be worse.
    public func inside<R>(_ body: () throws(KernelError) -> R) throws(KernelError) -> R {
        let home = try NetworkNamespace.own()
        return try inside(home: home.number, body)
    }

    /// As `inside(_:)`, for who comes often: `home` is the calling thread's own namespace, opened before.
    public func inside<R>(home: Int32, _ body: () throws(KernelError) -> R) throws(KernelError) -> R {
        try check("enter network namespace \(path)") { berth_setns(descriptor.number, berth_clone_newnet()) }
        defer {
            if berth_setns(home, berth_clone_newnet()) != 0 {
                fatalError("cannot leave network namespace \(path): \(Errno.current)")
            }
        }
        return try body()
    }

    /// Puts the calling thread there for good (tests and `berth netns exec`).
    public func enter() throws(KernelError) {
        try check("enter network namespace \(path)") { berth_setns(descriptor.number, berth_clone_newnet()) }
    }
}
