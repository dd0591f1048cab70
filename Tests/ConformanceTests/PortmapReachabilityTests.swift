import JSON
import NetCore
import TestSupport
import Testing

@Suite("portmap: who reaches a published port, and as whom (N-2, N-5, N-7)")
struct PortmapReachabilityTests {
    /// Port 8080 of the host is port 80 of c1 for every transport; c2 is a neighbour without ports.
    static let everyTransport: JSON = .array(Transport.allCases.map { Ports.one($0, 8080, 80).array![0] })

    static func setUp(_ host: PrivateHost, ports: JSON = everyTransport, bridgeNetfilter: Bool = false) throws
        -> Attached
    {
        try host.makeUplink()
        // With br_netfilter on the bridge itself sends a translated packet back: that takes hairpin mode, which is what
        // the lists of podman, nerdctl and containerd set.
        let network = TestNetwork.bridged(TestNetwork.portmap, keys: ["hairpinMode": .bool(bridgeNetfilter)])
        let published = try host.attach(network, "c1", ports: ports)
        _ = try host.attach(network, "c2")
        for file in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            try host.must("tee /proc/sys/net/bridge/\(file)", input: bridgeNetfilter ? "1" : "0")
        }
        return published
    }

    @Test("from outside, with the client's own address", arguments: AddressFamily.allCases, Transport.allCases)
    func outside(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            let published = try PortmapReachabilityTests.setUp(host)
            let seen = try host.converse(
                transport, from: "outside", to: Endpoint(Uplink.host(family), 8080), at: "c1",
                listening: Endpoint(published.address(family)!, 80))
            host.expect(seen?.address, is: Uplink.outside(family), "the client as the container sees it")
        }
    }

    @Test(
        "from the host by its own address, with that address kept", arguments: AddressFamily.allCases,
        Transport.allCases)
    func host(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            let published = try PortmapReachabilityTests.setUp(host)
            let seen = try host.converse(
                transport, from: nil, to: Endpoint(Uplink.host(family), 8080), at: "c1",
                listening: Endpoint(published.address(family)!, 80))
            host.expect(seen?.address, is: Uplink.host(family), "the client as the container sees it")
        }
    }

    @Test(
        "from the host by 127.0.0.1, and by any address of 127/8", arguments: ["127.0.0.1", "127.3.2.1"],
        Transport.allCases)
    func localhost(_ address: String, _ transport: Transport) throws {
        try PrivateHost.run { host in
            let published = try PortmapReachabilityTests.setUp(host)
            let seen = try host.converse(
                transport, from: nil, to: Endpoint(address, 8080), at: "c1",
                listening: Endpoint(published.address(.v4)!, 80))
            host.expect(seen?.address, is: published.gateway(.v4), "the client as the container sees it")
        }
    }

    @Test(
        "from the container itself and from its neighbour (hairpin), with br_netfilter off and on",
        arguments: [
            ("c1", AddressFamily.v4, false), ("c1", .v4, true), ("c1", .v6, false), ("c1", .v6, true),
            ("c2", .v4, false), ("c2", .v4, true), ("c2", .v6, false), ("c2", .v6, true),
        ])
    func hairpin(_ client: String, _ family: AddressFamily, _ bridgeNetfilter: Bool) throws {
        try PrivateHost.run { host in
            let published = try PortmapReachabilityTests.setUp(host, bridgeNetfilter: bridgeNetfilter)
            for address in [Uplink.host(family), published.gateway(family)!] {
                for transport in Transport.allCases {
                    let seen = try host.converse(
                        transport, from: client, to: Endpoint(address, 8080), at: "c1",
                        listening: Endpoint(published.address(family)!, 80))
                    host.expect(seen != nil, "\(client) does not reach \(address) by \(transport)")
                }
            }
        }
    }

    @Test("everybody reaches it where the host filters by reverse path", arguments: ["1", "2"])
    func reversePathFilter(_ mode: String) throws {
        try PrivateHost.run { host in
            for link in ["all", "default"] {
                try host.must("tee /proc/sys/net/ipv4/conf/\(link)/rp_filter", input: mode)
            }
            let published = try PortmapReachabilityTests.setUp(host)
            for (client, address) in [
                ("outside", "192.0.2.1"), (nil, "192.0.2.1"), (nil, "127.0.0.1"), ("c1", "192.0.2.1"),
                ("c2", "192.0.2.1"),
            ] {
                for transport in Transport.allCases {
                    let seen = try host.converse(
                        transport, from: client, to: Endpoint(address, 8080), at: "c1",
                        listening: Endpoint(published.address(.v4)!, 80))
                    host.expect(seen != nil, "\(client ?? "the host") does not reach \(address) by \(transport)")
                }
            }
        }
    }

    @Test("N-5 a port for ::1, which no rule can serve, is never taken in silence")
    func sixLocalhost() throws {
        try PrivateHost.run { host in
            let plain = try host.attach(.bridged(), "c1")
            var told = Attached(network: TestNetwork([TestNetwork.portmap]), id: "c1", namespace: "c1")
            told.runtimeConfig["portMappings"] = Ports.one(.tcp, 8080, 80, hostIP: "::1")
            let answer = try host.call(told.call(0, "ADD", previous: plain.result))
            host.expect((answer.sentence + answer.outcome.errorOutput).contains("::1"), "no word of ::1: \(answer)")
        }
    }

    @Test("from a container of another network, which keeps its address", arguments: AddressFamily.allCases)
    func otherNetwork(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let published = try PortmapReachabilityTests.setUp(host)
            let other = try host.attach(
                .bridged(name: "net2", bridge: "cni1", v4: "10.33.0.0/24", v6: "fd33::/64"), "c3")
            let seen = try host.converse(
                .tcp, from: "c3", to: Endpoint(Uplink.host(family), 8080), at: "c1",
                listening: Endpoint(published.address(family)!, 80))
            // The other network masquerades what leaves it, and it leaves it here.
            host.expect(
                seen?.address == other.address(family) || seen?.address == published.gateway(family)
                    || seen?.address == Uplink.host(family), "seen as \(seen as Any)")
        }
    }

    @Test("a port for one host address is reached by that one alone", arguments: AddressFamily.allCases)
    func specificAddress(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let mapping = Ports.one(.tcp, 8080, 80, hostIP: "\(Uplink.host(family))")
            let published = try PortmapReachabilityTests.setUp(host, ports: mapping)
            let listener = Endpoint(published.address(family)!, 80)
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(family), 8080), at: "c1", listening: listener)
                    != nil, "the address itself is not reached")
            let other = published.gateway(family)!
            host.expect(
                try host.converse(
                    .tcp, from: "c2", to: Endpoint(other, 8080), at: "c1", listening: listener, milliseconds: 300)
                    == nil, "\(other) is reached too")
        }
    }

    @Test("the mapping of one address comes before the one for any", arguments: AddressFamily.allCases)
    func specificFirst(_ family: AddressFamily) throws {
        // A conflict within one network (N-3), so the specific one serves another port of the same container.
        try PrivateHost.run { host in
            let ports: JSON = .array(
                Ports.one(.tcp, 8080, 81, hostIP: "\(Uplink.host(family))").array! + Ports.one(.tcp, 8081, 80).array!)
            let published = try PortmapReachabilityTests.setUp(host, ports: ports)
            for (port, inside) in [(UInt16(8080), UInt16(81)), (8081, 80)] {
                host.expect(
                    try host.converse(
                        .tcp, from: "outside", to: Endpoint(Uplink.host(family), port), at: "c1",
                        listening: Endpoint(published.address(family)!, inside)) != nil, "port \(port)")
            }
        }
    }

    @Test("0.0.0.0 publishes IPv4 alone and :: IPv6 alone", arguments: AddressFamily.allCases)
    func unspecified(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let any = family == .v4 ? "0.0.0.0" : "::"
            let published = try PortmapReachabilityTests.setUp(host, ports: Ports.one(.tcp, 8080, 80, hostIP: any))
            for one in AddressFamily.allCases {
                let seen = try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(one), 8080), at: "c1",
                    listening: Endpoint(published.address(one)!, 80), milliseconds: 500)
                host.expect((seen != nil) == (one == family), "IPv\(one.rawValue) published for \(any): \(seen as Any)")
            }
        }
    }

    @Test(
        "a range of ports is one element, reached from its first to its last and no further",
        arguments: AddressFamily.allCases)
    func range(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let ports: JSON = [["hostPort": 20000, "containerPort": 20000, "protocol": "tcp", "range": 100]]
            let published = try PortmapReachabilityTests.setUp(host, ports: ports)
            for (port, reached) in [
                (UInt16(19999), false), (20000, true), (20050, true), (20099, true), (20100, false),
            ] {
                let seen = try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(family), port), at: "c1",
                    listening: Endpoint(published.address(family)!, port), milliseconds: reached ? 1000 : 200)
                host.expect((seen != nil) == reached, "port \(port): \(seen as Any)")
            }
            guard !TestBackend.current.isIptables else { return }
            let elements = try host.state().lines.filter {
                $0.hasPrefix("nft table inet berth") && $0.contains("20000-20099")
            }
            host.expect(elements.count <= 2, "the range takes \(elements.count) elements: \(elements)")
            host.expect(!elements.isEmpty, "no element has the range")
        }
    }

    @Test("a range that is shifted serves each port", arguments: AddressFamily.allCases)
    func shiftedRange(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let ports: JSON = [["hostPort": 21000, "containerPort": 9000, "protocol": "udp", "range": 5]]
            let published = try PortmapReachabilityTests.setUp(host, ports: ports)
            for offset in [UInt16(0), 2, 4] {
                let seen = try host.converse(
                    .udp, from: "outside", to: Endpoint(Uplink.host(family), 21000 + offset), at: "c1",
                    listening: Endpoint(published.address(family)!, 9000 + offset))
                host.expect(seen != nil, "port \(21000 + offset)")
            }
        }
    }

    @Test("protocols are read in any case", arguments: ["TCP", "Udp", "SCTP"])
    func upperCase(_ name: String) throws {
        try PrivateHost.run { host in
            let ports: JSON = [["hostPort": 8080, "containerPort": 80, "protocol": .string(name)]]
            let published = try PortmapReachabilityTests.setUp(host, ports: ports)
            let seen = try host.converse(
                Transport(rawValue: name.lowercased())!, from: "outside", to: Endpoint(Uplink.host(.v4), 8080),
                at: "c1",
                listening: Endpoint(published.address(.v4)!, 80))
            host.expect(seen != nil, "\(name) is not reached")
        }
    }

    @Test("snat false leaves every source as it is; masqAll hides every one")
    func sourceKeys() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            var portmap = TestNetwork.portmap
            portmap["masqAll"] = true
            let hidden = try host.attach(.bridged(portmap), "c1", ports: Ports.tcp8080)
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8080), at: "c1",
                    listening: Endpoint(hidden.address(.v4)!, 80))?.address, is: hidden.gateway(.v4), "with masqAll")
            portmap = TestNetwork.portmap
            portmap["snat"] = false
            let plain = try host.attach(
                .bridged(portmap, name: "net2", bridge: "cni1", v4: "10.33.0.0/24", v6: nil), "c2",
                ports: Ports.one(.tcp, 8081, 80))
            host.expect(try host.sysctl("net/ipv4/conf/cni1/route_localnet"), is: "0", "route_localnet without snat")
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8081), at: "c2",
                    listening: Endpoint(plain.address(.v4)!, 80))?.address, is: Uplink.outside(.v4), "without snat")
        }
    }

    @Test("without ports ADD hands the result on and makes nothing")
    func noPorts() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            var configuration = TestNetwork.portmap
            configuration["prevResult"] = attached.result
            for runtimeConfig: JSON in [nil, [:], ["portMappings": []]] {
                configuration["runtimeConfig"] = runtimeConfig
                try host.expectUnchanged {
                    let answer = try host.call(Call(.portmap, "ADD", configuration))
                    host.expect(answer.json, is: attached.result, "the result")
                }
            }
        }
    }

    @Test(
        "a port that is none is refused with code 7, key and value named",
        arguments: [
            ["hostPort": 0, "containerPort": 80, "protocol": "tcp"],
            ["hostPort": 65536, "containerPort": 80, "protocol": "tcp"],
            ["hostPort": -1, "containerPort": 80, "protocol": "tcp"],
            ["hostPort": 8080, "containerPort": 0, "protocol": "tcp"],
            ["hostPort": 8080, "containerPort": 70000, "protocol": "tcp"],
            ["hostPort": 8080, "containerPort": 80, "protocol": "icmp"],
            ["hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.0.0.256"],
            ["hostPort": 65000, "containerPort": 65000, "protocol": "tcp", "range": 1000],
            ["hostPort": "8080", "containerPort": 80, "protocol": "tcp"],
        ] as [JSON])
    func badPorts(_ mapping: JSON) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            var configuration = TestNetwork.portmap
            configuration["prevResult"] = attached.result
            configuration["runtimeConfig"] = ["portMappings": [mapping]]
            try host.expectUnchanged {
                try host.expectError(7, naming: ["portMappings"], Call(.portmap, "ADD", configuration), mapping.text)
            }
        }
    }

    @Test("one port twice in a call is refused with code 7")
    func duplicate() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            var configuration = TestNetwork.portmap
            configuration["prevResult"] = attached.result
            configuration["runtimeConfig"] = [
                "portMappings": .array(Ports.one(.tcp, 8080, 80).array! + Ports.one(.tcp, 8080, 81).array!)
            ]
            try host.expectUnchanged { try host.expectError(7, naming: ["8080"], Call(.portmap, "ADD", configuration)) }
        }
    }
}
