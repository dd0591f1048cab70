import NetCore

extension BrokenWorld {
    static let bigPackets = BrokenWorld(
        id: "b06", symptom: "TLS hangs, ping works",
        story:
            "web and app store their data with client, port 443. ping goes through, connections are made, and small requests are "
            + "answered. isp and inet are not yours to change.",
        minutes: 9, world: .withProvider, services: [],
        whole: .site
            + Both(
                LessonCommand("client", "berth lab-load client 443"),
                LessonCommand("inet", "ip link set dev eth1 mtu 1300"),
                LessonCommand("isp", "ip link set dev eth0 mtu 1300")),
        symptoms: ["web", "app"].map { .uploads($0, "203.0.113.10", 443, 20_000, to: "client") },
        guards: [
            .routersAreHeard("web", "203.0.113.10"), .routersAreHeard("app", "203.0.113.10"),
            .uploads("web", "203.0.113.10", 443, 100, to: "client"),
        ],
        variants: [
            Variant(
                name: "forward",
                cause:
                    "the link between isp and inet takes 1300 bytes. isp said so to web, and a rule of host's forward dropped that "
                    + "message: web sent the same packet of 1500 bytes again and again. Small packets, and pings, fit.",
                look:
                    "berth lab exec web -- ping -c1 -W1 -M do -s 1472 203.0.113.10, and the same with -s 1200. Who should complain?",
                idea:
                    "A router that cannot send a packet on tells its sender by ICMP: destination unreachable, fragmentation needed. Find "
                    + "where that is dropped.",
                damage: .rules(
                    nft: "insert rule ip lab forward icmp type != { echo-request, echo-reply } drop",
                    iptables:
                        "iptables -I FORWARD -p icmp -j DROP; iptables -I FORWARD -p icmp --icmp-type echo-request -j ACCEPT; "
                        + "iptables -I FORWARD -p icmp --icmp-type echo-reply -j ACCEPT"),
                solution: .rules(
                    nft: "insert rule ip lab forward icmp type destination-unreachable accept",
                    iptables: "iptables -I FORWARD -p icmp --icmp-type destination-unreachable -j ACCEPT",
                    "what routers say of a packet that is too big")),
            Variant(
                name: "raw",
                cause:
                    "the link between isp and inet takes 1300 bytes. isp said so, and a rule at prerouting, before everything else, "
                    + "dropped that message in host: web and app sent the same packets of 1500 bytes again and again.",
                look:
                    "berth lab exec web -- ping -c1 -W1 -M do -s 1472 203.0.113.10, and the same with -s 1200. Who should complain?",
                idea:
                    "A router's ICMP message (fragmentation needed) comes in by eth0 and passes prerouting first: also chains of a "
                    + "priority before conntrack, iptables' table raw.",
                damage: .rules(
                    nft: """
                        table ip shield {
                         chain early {
                          type filter hook prerouting priority -300;
                          iifname "eth0" icmp type != { echo-request, echo-reply } drop
                         }
                        }
                        """,
                    iptables: "iptables -t raw -A PREROUTING -i eth0 -p icmp --icmp-type echo-request -j ACCEPT; "
                        + "iptables -t raw -A PREROUTING -i eth0 -p icmp --icmp-type echo-reply -j ACCEPT; "
                        + "iptables -t raw -A PREROUTING -i eth0 -p icmp -j DROP"),
                solution: .rules(
                    nft: "insert rule ip shield early icmp type destination-unreachable accept",
                    iptables: "iptables -t raw -I PREROUTING -p icmp --icmp-type destination-unreachable -j ACCEPT",
                    "what routers say of a packet that is too big")),
            Variant(
                name: "input",
                cause:
                    "the link between isp and inet takes 1300 bytes. isp said so, host passed it on, and web and app had a firewall "
                    + "of their own, which let in pings and no other ICMP.",
                look:
                    "berth lab exec web -- ping -c1 -W1 -M do -s 1472 203.0.113.10: does a complaint come back as far as host, and "
                    + "further?",
                idea: "Not only host can have rules: look into web, and into app.",
                damage: .ownFirewall,
                solution: Both(
                    nft: ["web", "app"].map {
                        LessonCommand(
                            $0, "nft insert rule ip own input icmp type destination-unreachable accept",
                            "what routers say of a packet that is too big")
                    },
                    iptables: ["web", "app"].map {
                        LessonCommand(
                            $0, "iptables -I INPUT -p icmp --icmp-type destination-unreachable -j ACCEPT",
                            "what routers say of a packet that is too big")
                    })),
        ])
}

extension Both {
    fileprivate static let ownFirewall = Both(
        nft: ["web", "app"].map {
            LessonCommand(
                $0,
                "nft 'add table ip own; add chain ip own input { type filter hook input priority 0; }; "
                    + "add rule ip own input icmp type != { echo-request, echo-reply } drop'")
        },
        iptables: ["web", "app"].map {
            LessonCommand(
                $0,
                "iptables -A INPUT -p icmp --icmp-type echo-request -j ACCEPT; "
                    + "iptables -A INPUT -p icmp --icmp-type echo-reply -j ACCEPT; iptables -A INPUT -p icmp -j DROP")
        })
}

extension WorldDescription {
    /// One more router between inet and host.
    fileprivate static let withProvider: WorldDescription = {
        var world = StandardWorlds.standard.changing("inet") {
            $0.routes.append(RouteDescription(.init("198.51.100.0/24")!, via: .init("192.0.2.2")!))
        }
        world.title = "client, inet, isp, host with bridge br0, web and app"
        var isp = NodeDescription("isp")
        isp.forwards = true
        isp.routes = [RouteDescription(.init("0.0.0.0/0")!, via: .init("192.0.2.1")!)]
        world.nodes.append(isp)
        // A kernel that guesses by itself hides the fault.
        for place in world.nodes.indices {
            world.nodes[place].parameters.append(.init("net/ipv4/tcp_mtu_probing", "0"))
        }
        world.cables[1] = CableDescription(
            .init("inet", "eth1", addresses: [.init("192.0.2.1/24")!]),
            .init("isp", "eth0", addresses: [.init("192.0.2.2/24")!]))
        world.cables.append(
            CableDescription(
                .init("isp", "eth1", addresses: [.init("198.51.100.1/24")!]),
                .init("host", "eth0", addresses: [.init("198.51.100.2/24")!])))
        world.changeRoutesOfHost()
        return world
    }()

    /// No IPv6 beyond host here: its route would have no router.
    private mutating func changeRoutesOfHost() {
        self = changing("host") { $0.routes.removeAll { $0.gateway.family == .v6 } }
    }
}
