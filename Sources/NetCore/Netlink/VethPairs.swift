import CKernel
import Glibc

extension LinkRequest {
    /// One end of a cable: its name, its fixed address, and the namespace it comes to stand in, as an open descriptor.
    public struct CableEnd: Hashable, Sendable {
        public let name: LinkName
        public let mac: MACAddress
        public let namespace: Int32

        public init(_ name: LinkName, mac: MACAddress, namespace: Int32) {
            self.name = name
            self.mac = mac
            self.namespace = namespace
        }
    }

    /// `ip link add NAME netns … address … type veth peer name … netns … address …`, both down: one message puts each end
    /// where it belongs, with one queue a side (docs/adr/0003-libnl.md). Throws EMSGSIZE only.
    public static func addCable(_ near: CableEnd, _ far: CableEnd) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "add veth pair \(near.name) and \(far.name)", type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL,
            header: ifinfomsg()
        ) {
            put(near, &$0)
            $0.nest(IFLA_LINKINFO) {
                $0.put(IFLA_INFO_KIND, "veth")
                $0.nest(IFLA_INFO_DATA) {
                    $0.nest(VETH_INFO_PEER) {
                        // The peer's attributes follow a link header of its own, all zero.
                        $0.header(ifinfomsg())
                        put(far, &$0)
                    }
                }
            }
        }
    }

    private static func put(_ end: CableEnd, _ writer: inout AttributeWriter) {
        writer.put(IFLA_IFNAME, end.name.description)
        writer.put(IFLA_ADDRESS, bytes: end.mac.bytes)
        writer.put(IFLA_NUM_TX_QUEUES, UInt32(1))
        writer.put(IFLA_NUM_RX_QUEUES, UInt32(1))
        writer.put(IFLA_NET_NS_FD, UInt32(end.namespace))
    }
}
