import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@Suite("What ioctl(2) tells of a link (man 7 netdevice)")
struct LinkAnswerTests {
    @Test("a name is lacking in the socket's own namespace, not where it stands, and not where it cannot be a name")
    func lacks() throws {
        try PrivateHost.run { host in
            try host.must("ip netns add other")
            try host.must("ip link add here type bridge")
            try host.must("ip -n other link add there type bridge")
            let longest = "a-name-of-15-by"
            try host.must("ip link add \(longest) type bridge")
            let route = try NetlinkSocket(NETLINK_ROUTE)
            for (name, isLacking) in [
                ("here", false), ("there", true), ("lo", false), (longest, false), ("a-name-of-15-bz", true),
                // Not said: who asks goes on and is told why by the kernel.
                ("a-name-of-sixteen", false),
            ] {
                host.expect(route.lacks(name), is: isLacking, "lacks \(name)")
            }
            try host.must("ip link del here")
            host.expect(route.lacks("here"), is: true, "lacks here, deleted")
        }
    }

    @Test("the index of a link by its name, in the socket's own namespace; nil where there is none")
    func index() throws {
        try PrivateHost.run { host in
            try host.must("ip netns add other")
            try host.must("ip link add here type bridge")
            try host.must("ip -n other link add there type bridge")
            var route = try NetlinkSocket(NETLINK_ROUTE)
            host.expect(route.index(ofLink: "here"), is: try route.link("here").index, "index of here")
            host.expect(route.index(ofLink: "lo"), is: 1, "index of lo")
            for name in ["there", "a-name-of-sixteen", ""] {
                host.expect(route.index(ofLink: name), is: nil, "index of \(name)")
            }
            try host.must("ip link del here")
            host.expect(route.index(ofLink: "here"), is: nil, "index of here, deleted")
        }
    }

    @Test("the thread's own namespace, there and on a visit to another")
    func ownNamespace() throws {
        try PrivateHost.run { host in
            try host.must("ip netns add other")
            let path = "/proc/thread-self/ns/net"
            let home = NetworkNamespace.Identity(path: path)
            host.expect(NetworkNamespace.Identity.own(), is: home, "this host's")
            let other = try NetworkNamespace(open: "/run/netns/other")
            let seen = try other.inside { () throws(KernelError) in NetworkNamespace.Identity.own() }
            host.expect(seen, is: try other.identity(), "the other's, inside")
            host.expect(seen == home, is: false, "they are the same")
            host.expect(NetworkNamespace.Identity.own(), is: home, "this host's, after the visit")
        }
    }

    @Test("the MTU of a link by its index; nil of one that is not there")
    func mtu() throws {
        try PrivateHost.run { host in
            try host.must("ip link add wide type bridge")
            try host.must("ip link set wide mtu 1234")
            var route = try NetlinkSocket(NETLINK_ROUTE)
            let wide = try route.link("wide")
            host.expect(route.mtu(ofLink: wide.index), is: 1234, "MTU of wide")
            host.expect(route.mtu(ofLink: wide.index), is: wide.mtu, "MTU as netlink tells it")
            host.expect(route.mtu(ofLink: try route.link("lo").index), is: 65536, "MTU of lo")
            try host.must("ip link del wide")
            for index in [wide.index, 0, -1, Int32.max] {
                host.expect(route.mtu(ofLink: index), is: nil, "MTU of link \(index)")
            }
        }
    }
}
