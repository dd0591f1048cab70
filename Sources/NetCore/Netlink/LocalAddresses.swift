import CKernel
import Glibc

extension NetlinkSocket {
    /// Is this address the host's own, as `fib daddr type local` of nftables asks (`ip route get`)?
    public mutating func isLocal(_ address: IPAddress) throws(KernelError) -> Bool {
        var header = rtmsg()
        header.rtm_family = address.family.constant
        header.rtm_dst_len = UInt8(address.family.bits)
        let request = try NetlinkRequest(
            "look up whether \(address) is the host's", type: RTM_GETROUTE, flags: 0, header: header
        ) { $0.put(Int(RTA_DST.rawValue), bytes: address.bytes) }
        // Without a route to it, or with one that refuses, the address is not the host's.
        let replies = try ignoring(Errno(ENETUNREACH), Errno(EHOSTUNREACH), .accessDenied, .invalidArgument) {
            () throws(KernelError) in try ask(request)
        }
        return (replies ?? []).contains { reply in
            guard reply.type == RTM_NEWROUTE, let header = reply.header(12).map(Array.init) else { return false }
            return Int(header[7]) == Int(RTN_LOCAL)
        }
    }
}
