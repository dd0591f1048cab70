import JSON
import NetCore
import TestSupport
import Testing

@Suite("portmap and bridge: what must not be reached")
struct PortmapSecurityTests {
    /// `namespace` sends to 127.0.0.1 over its link, as an attacker on the same wire does.
    static func aimAtLocalhost(_ host: PrivateHost, from namespace: String, by gateway: IPAddress) throws {
        try host.inside(namespace) {
            try host.must("ip address flush dev lo")
            try host.must("ip link set lo down")
            _ = try host.run(["ip", "route", "delete", "local", "127.0.0.0/8", "table", "local"])
            _ = try host.run(["ip", "route", "delete", "local", "127.0.0.1", "table", "local"])
            for link in ["all", "eth0"] {
                try host.must("tee /proc/sys/net/ipv4/conf/\(link)/route_localnet", input: "1")
            }
            try host.must("ip route add 127.0.0.1/32 via \(gateway) dev eth0")
        }
    }

    @Test("the attack works on a host that lets it: else the next tests would prove nothing")
    func control() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            try PortmapSecurityTests.aimAtLocalhost(host, from: "outside", by: Uplink.host(.v4))
            try host.must("tee /proc/sys/net/ipv4/conf/wan0/route_localnet", input: "1")
            let service = Endpoint("127.0.0.1", 7000)
            host.expect(
                try host.converse(
                    .udp, from: "outside", source: Endpoint(Uplink.outside(.v4), 4000), to: service, at: nil,
                    listening: service) != nil,
                "the attack does not work")
        }
    }

    @Test("N-7 a port published for 127.0.0.1 is not reached from the wire", arguments: [Transport.tcp, .udp])
    func publishedLocally(_ transport: Transport) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let ports = Ports.one(transport, 8080, 80, hostIP: "127.0.0.1")
            let published = try host.attach(.bridged(TestNetwork.portmap), "c1", ports: ports)
            _ = try host.attach(.bridged(TestNetwork.portmap), "c2", ports: Ports.one(.tcp, 9999, 80))
            let listener = Endpoint(published.address(.v4)!, 80)
            host.expect(
                try host.converse(transport, from: nil, to: Endpoint("127.0.0.1", 8080), at: "c1", listening: listener)
                    != nil,
                "the host does not reach it")
            for (client, gateway) in [("outside", Uplink.host(.v4)), ("c2", published.gateway(.v4)!)] {
                host.expect(
                    try host.converse(
                        transport, from: client, to: Endpoint(gateway, 8080), at: "c1", listening: listener,
                        milliseconds: 200) == nil,
                    "\(client) reaches it by the host's address")
                try PortmapSecurityTests.aimAtLocalhost(host, from: client, by: gateway)
                host.expect(
                    try host.converse(
                        transport, from: client,
                        source: Endpoint(client == "outside" ? Uplink.outside(.v4) : IPAddress("10.22.0.3")!, 4000),
                        to: Endpoint("127.0.0.1", 8080), at: "c1", listening: listener, milliseconds: 300) == nil,
                    "\(client) reaches it by 127.0.0.1")
            }
        }
    }

    @Test(
        "N-5 CVE-2020-8558 a container does not reach the host's 127.0.0.1, though route_localnet is on",
        arguments: [Transport.tcp, .udp])
    func localService(_ transport: Transport) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(.bridged(TestNetwork.portmap), "c1", ports: Ports.tcp8080)
            host.expect(try host.sysctl("net/ipv4/conf/cni0/route_localnet"), is: "1", "route_localnet of the bridge")
            host.expect(try host.sysctl("net/ipv4/conf/all/route_localnet"), is: "0", "route_localnet of all")
            host.expect(try host.sysctl("net/ipv4/conf/wan0/route_localnet"), is: "0", "route_localnet of the uplink")
            try PortmapSecurityTests.aimAtLocalhost(host, from: "c1", by: attached.gateway(.v4)!)
            let service = Endpoint("127.0.0.1", 7000)
            host.expect(
                try host.converse(
                    transport, from: "c1", source: Endpoint(attached.address(.v4)!, 4000), to: service, at: nil,
                    listening: service,
                    milliseconds: 500) == nil, "the container reaches the host's 127.0.0.1:7000")
        }
    }

    @Test(
        "CVE-2025-67499 what is not for the host goes its own way", arguments: AddressFamily.allCases,
        Transport.allCases)
    func notLocal(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            _ = try PortmapReachabilityTests.setUp(host)
            let target = Endpoint(Uplink.outside(family), 8080)
            for client in ["c2", "c1", nil] {
                let seen = try host.converse(transport, from: client, to: target, at: "outside", listening: target)
                host.expect(seen?.address, is: Uplink.host(family), "\(client ?? "the host") as the outside sees it")
            }
            // And from one container straight to another.
            let neighbour = Endpoint(family == .v4 ? "10.22.0.3" : "fd22::3", 8080)
            host.expect(
                try host.converse(transport, from: "c1", to: neighbour, at: "c2", listening: neighbour) != nil,
                "a neighbour's own port 8080")
        }
    }

    @Test("CVE-2020-10749 a container's router advertisement changes nothing on the host")
    func routerAdvertisement() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(v6: nil), "c1")
            host.expect(try host.sysctl("net/ipv6/conf/all/forwarding"), is: "0", "IPv6 forwarding")
            // The same on a cable whose host end believes it: the advertisement is a good one.
            try host.makeNamespace("router")
            try host.cable("trusting0", [], to: "router", "eth0", [])
            try host.must("ip -n router link add pulled type veth peer name plug")
            try host.must("ip -n router link set pulled up")
            host.expect(
                try !host.advertiseRouter(from: "router", link: "pulled"), "a cable without its other end sends")
            try host.must("tee /proc/sys/net/ipv6/conf/trusting0/accept_ra", input: "2")
            func isAccepted(_ link: String) throws -> Bool {
                try host.must("ip -6 route show dev \(link)").contains("2001:db8:bad::/64")
            }
            var sent = 0
            for _ in 0..<200 where try sent == 0 || !isAccepted("trusting0") {
                // Carriers and link-local addresses take a moment to be usable.
                try host.advertiseRouter(from: "router", link: "eth0")
                if try host.advertiseRouter(from: attached.namespace, link: "eth0") { sent += 1 }
                usleepMilliseconds(50)
            }
            host.expect(try isAccepted("trusting0"), "not even a trusting link believes the advertisement")
            for _ in 0..<5 {
                host.expect(try host.advertiseRouter(from: attached.namespace, link: "eth0"), "the container is heard")
                usleepMilliseconds(20)
            }
            host.expect(try !isAccepted("cni0"), "the bridge believes the advertisement")
        }
    }
}
