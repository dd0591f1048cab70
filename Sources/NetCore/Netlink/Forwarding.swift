import CKernel
import Glibc

extension NetlinkSocket {
    /// Whether packets of the family are forwarded (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding), by RTM_GETNETCONF:
    /// with a thousand namespaces the name below /proc/sys is one of a thousand alike, and looking it up takes a
    /// millisecond. Throws what the kernel said, EOPNOTSUPP without the family.
    public mutating func isForwarding(_ family: AddressFamily) throws(KernelError) -> Bool? {
        var header = netconfmsg()
        header.ncm_family = family.constant
        let request = try NetlinkRequest(
            "ask whether \(family) packets are forwarded", type: RTM_GETNETCONF, flags: 0, header: header
        ) { $0.put(Int(NETCONFA_IFINDEX), UInt32(bitPattern: NETCONFA_IFINDEX_ALL)) }
        return try ask(request).first?.attributes(after: 1)[type: Int(NETCONFA_FORWARDING)]?.u32.map { $0 != 0 }
    }
}
