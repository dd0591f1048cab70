import CNI
import JSON
import NetCore
import NetPlan
import Testing

@testable import Inspect

@Suite struct PlanTests {
    @Test("a list is told in words", arguments: Sample.all + [Sample.foreign])
    func words(_ sample: Sample) throws {
        try expectGolden(try sample.plan().words, "plan/\(sample.name).words.txt")
    }

    /// The table that is the same on every host stands in one of them.
    @Test("a list is told as commands", arguments: Sample.all + [Sample.foreign])
    func commands(_ sample: Sample) throws {
        var script = try sample.plan().script
        let table = BerthTable.shellCommands().joined(separator: "\n")
        if sample.name != "podman" { script.replace(table, with: "(berth's table)") }
        try expectGolden(script, "plan/\(sample.name).commands.txt")
    }

    @Test("a list is told as JSON", arguments: ["podman", "foreign"])
    func json(_ name: String) throws {
        let sample = try #require((Sample.all + [Sample.foreign]).first { $0.name == name })
        let json = try sample.plan().json
        #expect(try JSON(parsing: Array(json.prettyText.utf8)) == json)
        // The table's commands are those of the script; only what is the plugin's own is looked at here.
        let constant = Set(BerthTable.shellCommands())
        let own = JSON.array(
            (json["plugins"]?.array ?? []).map { plugin in
                guard var object = plugin.object, let nft = object["nft"]?.array else { return plugin }
                object["nft"] = .array(nft.filter { !constant.contains($0.string ?? "") })
                return .object(object)
            })
        var object = try #require(json.object)
        object["plugins"] = own
        try expectGolden(JSON.object(object).prettyText + "\n", "plan/\(name).json")
    }

    @Test("the samples have every kind of resource")
    func everyKind() throws {
        let kinds = Set(
            try Sample.all.flatMap { try $0.plan().members.flatMap { $0.plan?.resources ?? [] } }.map(\.kind))
        let all: Set = [
            "bridge", "vethPair", "bridgePort", "sysctl", "address", "linkUp", "linkDown", "knownAddress",
            "senderCheck", "route", "forgottenNeighbour",
            "linkSettings", "macvlan", "functionalBlock", "tokenBucket", "ingressRedirect",
            "masquerade", "portForward", "hairpin", "firewallMember", "isolation", "adminChain",
        ]
        #expect(kinds == all)
    }

    @Test("without --address it is what host-local gives first, and said to be assumed")
    func firstAddress() throws {
        var sample = Sample.all[1]
        sample.addresses = []
        let plan = try sample.plan()
        #expect(plan.result.ips.map { "\($0.address)" } == ["10.244.1.20/24", "fd00:10:244:1::2/64"])
        #expect(plan.assumptions[0].hasPrefix("10.244.1.20/24 and fd00:10:244:1::2/64, what host-local gives first"))
    }

    @Test("2.4 what static gives the list says: nothing is assumed, unless --address names another")
    func staticAddresses() throws {
        var sample = Sample(
            name: "static",
            list: """
                { "cniVersion": "1.1.0", "name": "fixed", "plugins": [
                    { "type": "bridge", "bridge": "fixed0", "mtu": 1500, "ipam": { "type": "static",
                      "addresses": [{ "address": "10.77.0.10/24", "gateway": "10.77.0.1" }] } } ] }
                """)
        let plan = try sample.plan()
        #expect(plan.result.ips.map { "\($0.address) \($0.gateway!)" } == ["10.77.0.10/24 10.77.0.1"])
        #expect(plan.assumptions == [])
        sample.addresses = ["10.77.0.11/24"]
        let other = try sample.plan()
        #expect(other.result.ips.map { "\($0.address)" } == ["10.77.0.11/24"])
        #expect(other.assumptions == ["10.77.0.11/24, as --address says"])
    }

    @Test("an address that cannot be had is refused, and the reason named")
    func badAddresses() throws {
        for (address, reason) in [
            ("10.1.0.5/24", "failed to allocate all requested IPs: 10.1.0.5"),
            ("10.244.1.20/16", "--address 10.244.1.20/16 has another length than its subnet"),
            ("10.244.1.1", "requested ip 10.244.1.1 is subnet's gateway"), ("web", "--address web is no IP address"),
        ] {
            var sample = Sample.all[1]
            sample.addresses = [address]
            // The gateway stands before the range's start.
            let expected = address == "10.244.1.1" ? "failed to allocate all requested IPs: 10.244.1.1" : reason
            let error = try #require(throws: InspectError.self) { try sample.plan() }
            #expect(error.message.contains(expected), "\(error)")
            #expect(error.code == .address)
        }
        var foreign = Sample.foreign
        foreign.addresses = []
        let error = try #require(throws: InspectError.self) { try foreign.plan() }
        #expect(error.message.contains(#"the addresses that "dhcp" would give are not known"#))
        var plain = Sample(
            name: "lo", list: #"{"cniVersion": "1.0.0", "name": "lo", "plugins": [{"type": "loopback"}]}"#)
        #expect(try plain.plan().words.contains("lo in the container is up"))
        plain.addresses = ["10.0.0.1/8"]
        #expect(try #require(throws: InspectError.self) { try plain.plan() }.code == .address)
    }

    @Test("a port for a list that publishes none is refused, with the plugin to add")
    func noPortmap() throws {
        var sample = Sample.all[3]
        sample.ports = ["80:80"]
        let error = try #require(throws: InspectError.self) { try sample.plan() }
        #expect(error.code == .publish && error.fix.contains(#""type": "portmap""#))
    }

    @Test("what a plugin would refuse is refused here, in its words")
    func refusal() throws {
        let sample = Sample(
            name: "bad", list: #"{"cniVersion": "1.0.0", "name": "bad", "plugins": [{"type": "bridge", "vlan": 7}]}"#)
        let error = try #require(throws: InspectError.self) { try sample.plan() }
        #expect(error.message.hasPrefix(#"plugin bridge of network "bad": "#) && error.message.contains(#""vlan": 7"#))
    }

    @Test("a value from a configuration can neither leave its word in the script nor move a terminal's cursor")
    func quoting() throws {
        let sample = Sample(
            name: "evil",
            list: #"""
                {"cniVersion": "1.0.0", "name": "evil", "plugins": [
                    {"type": "bridge", "bridge": "a;reboot", "ipam": {}},
                    {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.tag": "1'; reboot; \u001b[2J $(reboot)"}}]}
                """#)
        let plan = try sample.plan(netns: "/run/netns/it's")
        #expect(plan.script.contains("ip link set 'a;reboot' up\n"))
        #expect(!plan.script.contains("\u{1b}") && !plan.words.contains("\u{1b}"))
        #expect(
            ShellWriter.word("it's") == #"'it'\''s'"# && ShellWriter.word("") == "''"
                && ShellWriter.word("eth0") == "eth0")
    }
}

@Suite struct PublishedPortTests {
    @Test(
        "ports are read as people write them",
        arguments: [
            ("8080:80", nil, 8080...8080, 80, "tcp"), ("127.0.0.1:53:5353/udp", "127.0.0.1", 53...53, 5353, "udp"),
            ("[2001:db8::1]:443:8443/SCTP", "2001:db8::1", 443...443, 8443, "sctp"),
            ("2000-2003:3000-3003", nil, 2000...2003, 3000, "tcp"), ("2000-2003:3000", nil, 2000...2003, 3000, "tcp"),
        ] as [(String, String?, ClosedRange<UInt16>, UInt16, String)])
    func good(_ text: String, _ address: String?, _ ports: ClosedRange<UInt16>, _ container: UInt16, _ proto: String)
        throws
    {
        let port = try PublishedPort(text)
        #expect(port.hostAddress?.description == address && port.hostPorts == ports)
        #expect(port.containerPort == container && port.proto.rawValue == proto)
    }

    @Test(
        "what is no port is refused with an example",
        arguments: [
            "", "80", ":80", "80:", "0:80", "80:70000", "a:b", "90-80:1", "80-81:1-3", "80:80/icmp", "80:80/tcp/x",
            "1.2.3:80:80",
            "[::1]80:80", "::1:80:80", "[10.0.0.1]:80:80", "65000-65010:65530", "80-:80", "1:2:3:4",
        ])
    func bad(_ text: String) throws {
        let error = try #require(throws: InspectError.self) { try PublishedPort(text) }
        #expect(error.code == .publish && error.fix.contains("8080:80"))
    }
}

@Suite struct InspectErrorTests {
    @Test("an error says what, why and how to mend it, with its code at the right")
    func threeParts() {
        let error = InspectError(
            KernelError(
                "make network namespace web", .alreadyExists, "/run/netns/web exists: remove it or take another name"))
        #expect(
            error.description == """
                berth: cannot make network namespace web                              [E-EXISTS]
                  why: /run/netns/web exists: remove it or take another name
                  fix: remove what has the name, or take another

                """)
        #expect(InspectError(KernelError("list x", .accessDenied)).description.contains("  fix: run it as root"))
    }
}
