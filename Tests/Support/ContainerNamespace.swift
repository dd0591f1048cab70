import CKernel
import Glibc
import NetCore

extension PrivateHost {
    /// A new network namespace held by a bind mount at /run/netns/`name`, as `ip netns add` makes it; gives its path.
    @discardableResult
    public func makeNamespace(_ name: String) throws -> String {
        let path = "/run/netns/\(name)"
        do {
            _ = try OwnedDescriptor(open: path, O_RDONLY | O_CREAT | O_EXCL, mode: 0o444)
        }
        // A thread of its own: the host's thread stays where it is. It shares the host's mounts.
        try HostThread.run {
            try check("make namespace \(name)") { berth_unshare(berth_clone_newnet()) }
            try PrivateHost.mount("/proc/thread-self/ns/net", path, "none", MS_BIND)
        }
        return path
    }

    /// The namespace's name is gone; so is the namespace, unless somebody is still in it.
    public func removeNamespace(_ name: String) throws {
        let path = "/run/netns/\(name)"
        try check("unmount \(path)") { umount2(path, Int32(MNT_DETACH)) }
        try Files.remove(path)
    }

    /// Runs `body` with the thread inside the namespace at `path` (or of that name below /run/netns), then comes back.
    @discardableResult
    public func inside<Value>(_ namespace: String, _ body: () throws -> Value) throws -> Value {
        let path = namespace.utf8.first == UInt8(ascii: "/") ? namespace : "/run/netns/\(namespace)"
        let before = try OwnedDescriptor(open: "/proc/thread-self/ns/net", O_RDONLY)
        do {
            let target = try OwnedDescriptor(open: path, O_RDONLY)
            try check("enter \(path)") { berth_setns(target.number, berth_clone_newnet()) }
        }
        defer {
            // Nothing sensible can follow in the wrong namespace.
            guard berth_setns(before.number, berth_clone_newnet()) == 0 else { fatalError("cannot leave \(path)") }
        }
        return try body()
    }

    /// A veth pair between the thread's namespace and another: both ends up, addresses usable at once.
    public func cable(
        _ near: String, _ nearAddresses: [String], to namespace: String, _ far: String, _ farAddresses: [String]
    ) throws {
        // Ends of the same index in two fresh namespaces look like a link that is its own lower one: the kernel then
        // takes up to a second to notice the carrier (linkwatch_urgent_event), and IPv6 is deaf meanwhile.
        nextIndex += 1
        try must("ip link add \(near) index \(nextIndex) type veth peer name \(far) netns \(namespace)")
        for address in nearAddresses { try must("ip address add \(address) dev \(near)\(HostAddress.option(address))") }
        try must("ip link set \(near) up")
        try inside(namespace) {
            try must("ip link set lo up")
            for address in farAddresses {
                try must("ip address add \(address) dev \(far)\(HostAddress.option(address))")
            }
            try must("ip link set \(far) up")
        }
    }
}

enum HostAddress {
    /// Without duplicate address detection an IPv6 address serves at once (RFC 4862 section 5.4).
    static func option(_ address: String) -> String { address.contains(":") ? " nodad" : "" }
}
