import CKernel
import Glibc

extension NetlinkSocket {
    /// The number by which the socket's namespace knows another one (`ip netns list-id`), as links tell it of their peers
    /// (IFLA_LINK_NETNSID); nil where it has none for it. Throws what the kernel said.
    public mutating func number(of namespace: borrowing NetworkNamespace) throws(KernelError) -> Int32? {
        let descriptor = UInt32(bitPattern: namespace.number)
        let path = namespace.path
        let request = try NetlinkRequest(
            "ask for the number of namespace \(path)", type: Int(RTM_GETNSID), flags: 0, header: rtgenmsg()
        ) { $0.put(Int(NETNSA_FD), descriptor) }
        let answer = try ask(request).first { $0.type == Int(RTM_NEWNSID) }
        // struct rtgenmsg is one byte; -1 is NETNSA_NSID_NOT_ASSIGNED.
        return answer?.attributes(after: 1)[type: Int(NETNSA_NSID)]?.u32.map { Int32(bitPattern: $0) }
            .flatMap { $0 < 0 ? nil : $0 }
    }
}
