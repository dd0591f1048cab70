import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@Suite("A cable between two namespaces")
struct CableTests {
    @Test("each end stands where it belongs, with its own name and address, and none in between")
    func ends() throws {
        let (near, far, own) = try PrivateHost.run { host in
            try host.must("ip netns add a")
            try host.must("ip netns add b")
            let a = try NetworkNamespace(open: "/run/netns/a")
            let b = try NetworkNamespace(open: "/run/netns/b")
            let ends = [
                LinkRequest.CableEnd(LinkName("left")!, mac: MACAddress("02:00:00:00:01:01")!, namespace: a.number),
                LinkRequest.CableEnd(LinkName("right")!, mac: MACAddress("02:00:00:00:02:01")!, namespace: b.number),
            ]
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            try socket.perform([try LinkRequest.addCable(ends[0], ends[1])])
            return (
                try host.must("ip -n a -o link show left"), try host.must("ip -n b -o link show right"),
                try host.must("ip -o link show")
            )
        }
        #expect(near.contains("02:00:00:00:01:01") && near.contains("link-netns b"))
        #expect(far.contains("02:00:00:00:02:01") && far.contains("link-netns a"))
        #expect(!own.contains("left") && !own.contains("right"))
    }

    @Test("a name that is taken at the far end is refused, and the near end is not there")
    func taken() throws {
        let (code, left) = try PrivateHost.run { host in
            try host.must("ip netns add a")
            try host.must("ip netns add b")
            try host.must("ip -n b link add right type bridge")
            let a = try NetworkNamespace(open: "/run/netns/a")
            let b = try NetworkNamespace(open: "/run/netns/b")
            let mac = MACAddress("02:00:00:00:01:01")!
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            var code: Errno?
            do throws(KernelError) {
                try socket.perform([
                    try LinkRequest.addCable(
                        .init(LinkName("left")!, mac: mac, namespace: a.number),
                        .init(LinkName("right")!, mac: mac, namespace: b.number))
                ])
            } catch { code = error.errno }
            return (code, try host.must("ip -n a -o link show"))
        }
        #expect(code == .alreadyExists)
        #expect(!left.contains("left"))
    }
}
