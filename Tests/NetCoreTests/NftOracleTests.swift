import CKernel
import Glibc
import TestSupport
import Testing

@testable import NetCore

/// `nft` itself as the judge: what we send by netlink must list exactly as what our own text loads, to the byte code.
@Suite("nftables, judged by nft")
struct NftOracleTests {
    /// A table with one of everything.
    struct Sample: Sendable {
        var sets: [NftSet]
        var chains: [NftChain]
        var elements: [NftElement]
        var family = NftFamily.inet

        var commands: [String] {
            ["add table \(family) t"] + sets.map { $0.command(table: "t") } + chains.map { $0.command(table: "t") }
                + chains.flatMap { $0.ruleCommands(table: "t") } + elements.map { $0.command(table: "t") }
        }

        func transaction() throws(KernelError) -> NftTransaction {
            var transaction = NftTransaction(table: "t")
            try transaction.addTable(family)
            for set in sets { try transaction.add(set) }
            for chain in chains { try transaction.add(chain) }
            for chain in chains { try transaction.addRules(chain.rules, to: chain.name, family) }
            for element in elements { try transaction.add(element, exclusive: true) }
            return transaction
        }
    }

    /// What nft lists, and the byte code of its rules, after `make`.
    static func listing(_ make: @escaping @Sendable (PrivateHost) throws -> Void) throws -> (
        text: [String], code: [String]
    ) {
        try PrivateHost.run { host in
            try make(host)
            let code = try host.must("nft --debug=netlink list ruleset").split(separator: "\n").map(String.init)
            // Hash sets list in any order; what is indented by two blanks is byte code.
            return (
                try host.state(folders: []).matching { $0.hasPrefix("nft ") }.lines, code.filter { $0.hasPrefix("  [") }
            )
        }
    }

    static func compare(_ sample: Sample) throws -> (
        ours: (text: [String], code: [String]), nft: (text: [String], code: [String])
    ) {
        let ours = try listing { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try socket.commit(try sample.transaction())
        }
        let text = sample.commands.joined(separator: "\n") + "\n"
        return (ours, try listing { try $0.must("nft -f -", input: text) })
    }

    static let flat = NftSet("flat", [.ipv4])
    static let verdicts = NftSet("verdicts", [.ipv6], .verdict)
    static let names = NftSet("names", [.ifname], .verdict)
    static let closed = NftSet("closed", [.ifname])
    static let protocols = NftSet("protocols", [.proto])
    static let ports = NftSet("ports", [.port])
    static let any4 = NftSet("any4", [.proto, .port], .fields([.ipv4, .port]))
    static let any6 = NftSet("any6", [.proto, .port], .fields([.ipv6, .port]))
    static let at4 = NftSet("at4", [.ipv4, .proto, .port], .fields([.ipv4, .port]))
    static let at6 = NftSet("at6", [.ipv6, .proto, .port], .fields([.ipv6, .port]))
    static let range4 = NftSet("range4", [.proto, .port], .fields([.ipv4]), interval: true)
    static let range6 = NftSet("range6", [.ipv6, .proto, .port], .fields([.ipv6]), interval: true)
    static let sets = [flat, verdicts, names, closed, protocols, ports, any4, any6, at4, at6, range4, range6]

    static func ip(_ text: String) -> NftField { .address(IPAddress(text)!) }
    static func prefix(_ text: String) -> IPPrefix { IPPrefix(text)! }

    /// A chain a rule, so that a difference names its clause.
    static func sample(_ clauses: [NftClause]...) -> Sample {
        let targets = [NftChain("target", rules: [])]
        return Sample(
            sets: sets,
            chains: targets
                + clauses.enumerated().map { NftChain("c\($0)", rules: [NftRule($1, comment: "rule \($0)")]) },
            elements: [])
    }

    @Test("every kind of clause means to the kernel what its text means to nft")
    func clauses() throws {
        let (ours, nft) = try NftOracleTests.compare(
            NftOracleTests.sample(
                [.incoming("eth0")], [.incoming("lo", not: true), .drop], [.outgoing("fifteen-bytes15"), .accept],
                [.outgoing("br-1.5", not: true), .comeBack], [.incomingMap(NftOracleTests.names)],
                [.outgoingIn(NftOracleTests.closed), .drop],
                [.address(.destination, NftOracleTests.prefix("10.88.0.2/32"), not: true)],
                [.address(.source, NftOracleTests.prefix("10.88.0.3/31"))],
                [.address(.destination, NftOracleTests.prefix("224.0.0.0/4"), not: true)],
                [.address(.source, NftOracleTests.prefix("172.16.0.0/12"))],
                [.address(.destination, NftOracleTests.prefix("::1/128")), .comeBack],
                [.address(.source, NftOracleTests.prefix("2001:db8::/37"))],
                [.network(.source, NftOracleTests.prefix("10.88.0.0/24"))],
                [.network(.destination, NftOracleTests.prefix("172.16.0.0/12"))],
                [.network(.source, NftOracleTests.prefix("fd00:88::/64"))],
                [.network(.source, NftOracleTests.prefix("10.88.0.2/32"))],
                [.addressIn(.source, .v4, NftOracleTests.flat), .accept],
                [.addressIn(.destination, .v4, NftOracleTests.flat)],
                [.addressMap(.source, .v6, NftOracleTests.verdicts)],
                [.addressMap(.destination, .v6, NftOracleTests.verdicts)],
                [.toThisHost], [.protocolIn(NftOracleTests.protocols)], [.proto(58, name: "ipv6-icmp"), .accept],
                [.destinationPort(.tcp, 53), .accept], [.destinationPort(.udp, 547), .accept],
                [.destinationPort(.sctp, 65535)],
                [.established, .accept], [.translated], [.jump("target")], [.accept], [.drop], [.comeBack]))
        #expect(ours.text == nft.text)
        #expect(ours.code == nft.code)
        #expect(ours.text.count > 60)
    }

    @Test("prefixes of whole bytes list alike, though nft loads fewer bytes for them")
    func wholeBytes() throws {
        let (ours, nft) = try NftOracleTests.compare(
            NftOracleTests.sample(
                [.address(.source, NftOracleTests.prefix("10.88.0.2/16"))],
                [.address(.destination, NftOracleTests.prefix("fd00:1::/64"))],
                [.address(.source, NftOracleTests.prefix("ff00::/8"), not: true)],
                [.address(.destination, NftOracleTests.prefix("127.0.0.0/8")), .drop]))
        #expect(ours.text == nft.text)
    }

    @Test("translations mean to the kernel what their text means to nft")
    func translations() throws {
        let after = NftChain("after", .postrouting("nat", 100), rules: [])
        var sample = NftOracleTests.sample()
        let nat: [[NftClause]] = [
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v4, NftOracleTests.any4)],
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v6, NftOracleTests.any6)],
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v4, NftOracleTests.at4)],
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v6, NftOracleTests.at6)],
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v4, NftOracleTests.range4)],
            [.protocolIn(NftOracleTests.protocols), .translateDestination(.v6, NftOracleTests.range6)],
        ]
        sample.chains += nat.enumerated().map { NftChain("d\($0)", rules: [NftRule($1)]) }
        let source: [[NftClause]] = [
            [.masquerade()], [.masquerade(fullyRandom: true)], [.translateSource(IPAddress("192.0.2.1")!)],
            [.translateSource(IPAddress("2001:db8::1")!)],
            [.destinationPort(.tcp, 8080), .counter, .sendTo(IPAddress("10.88.0.2")!, 80)],
            [.destinationPort(.udp, 53), .counter, .sendTo(IPAddress("fd00:88::2")!, 5353)],
        ]
        sample.chains += source.enumerated().map { NftChain("s\($0)", rules: [NftRule($1)]) } + [after]
        let (ours, theirs) = try NftOracleTests.compare(sample)
        #expect(ours.text == theirs.text)
        // Before an interval map nft turns the protocol's one byte round, which changes nothing.
        #expect(ours.code == theirs.code.filter { !$0.contains("byteorder") })
    }

    @Test("base chains of every hook list alike")
    func hooks() throws {
        let chains = [
            NftChain("a", .prerouting("filter", -300), rules: []), NftChain("b", .prerouting("nat", -100), rules: []),
            NftChain("c", .output("nat", -100), rules: []), NftChain("d", .postrouting("nat", 100), rules: []),
            NftChain("e", .forward("filter", 0), rules: []), NftChain("f", .input("filter", 7), rules: []),
            NftChain("g", rules: []),
        ]
        let (ours, nft) = try NftOracleTests.compare(Sample(sets: [], chains: chains, elements: []))
        #expect(ours.text == nft.text)
    }

    @Test("elements of every kind of set list alike")
    func elements() throws {
        let ip = NftOracleTests.ip
        let longest = String(repeating: "c", count: 127)
        let elements = [
            NftElement(NftOracleTests.flat, [ip("10.88.0.2")], comment: "firewall 0123-4567 net/c1/eth0"),
            NftElement(NftOracleTests.flat, [ip("255.255.255.255")], comment: nil),
            NftElement(NftOracleTests.verdicts, [ip("fd00::2")], .jump("target"), comment: longest),
            NftElement(NftOracleTests.names, [.name("cni0")], .jump("target"), comment: nil),
            NftElement(NftOracleTests.closed, [.name("fifteen-bytes15")], comment: "日本 {};#, ok"),
            NftElement(NftOracleTests.protocols, [.proto(.tcp)], comment: nil),
            NftElement(NftOracleTests.protocols, [.proto(.sctp)], comment: nil),
            NftElement(NftOracleTests.ports, [.port(80)], comment: nil),
            NftElement(NftOracleTests.ports, [.port(65535)], comment: nil),
            NftElement(
                NftOracleTests.any4, [.proto(.tcp), .port(8080)], .fields([ip("10.88.0.2"), .port(80)]), comment: "x"),
            NftElement(
                NftOracleTests.any6, [.proto(.udp), .port(1)], .fields([ip("fd00::2"), .port(65535)]), comment: "x"),
            NftElement(
                NftOracleTests.at4, [ip("127.0.0.1"), .proto(.tcp), .port(8080)],
                .fields([ip("10.88.0.2"), .port(80)]), comment: "x"),
            NftElement(
                NftOracleTests.at6, [ip("2001:db8::1"), .proto(.sctp), .port(8080)],
                .fields([ip("fd00::2"), .port(80)]), comment: "x"),
            NftElement(
                NftOracleTests.range4, [.proto(.tcp), .port(8000)], to: [.proto(.tcp), .port(8010)],
                .fields([ip("10.88.0.2")]), comment: "x"),
            NftElement(
                NftOracleTests.range4, [.proto(.udp), .port(53)], .fields([ip("10.88.0.2")]), comment: "one port"),
            NftElement(
                NftOracleTests.range4, [.proto(.sctp), .port(1)], to: [.proto(.sctp), .port(65535)],
                .fields([ip("10.88.0.3")]), comment: "all"),
            NftElement(
                NftOracleTests.range6, [ip("2001:db8::1"), .proto(.tcp), .port(8000)],
                to: [ip("2001:db8::1"), .proto(.tcp), .port(9000)],
                .fields([ip("fd00::2")]), comment: "x"),
        ]
        var sample = NftOracleTests.sample()
        sample.elements = elements
        let (ours, nft) = try NftOracleTests.compare(sample)
        #expect(ours.text == nft.text)
        #expect(ours.text.filter { $0.contains(" element ") }.count == elements.count)
    }

    @Test("a table of a bridge's frames lists alike, rules, elements and all")
    func frames() throws {
        let ports = NftSet("ports", [.ifname], family: .bridge)
        let senders = NftSet("senders", [.ifname, .mac], family: .bridge)
        let mac = NftField.mac(MACAddress("c2:00:0a:00:00:01")!)
        let sample = Sample(
            sets: [ports, senders],
            chains: [
                NftChain(
                    "c", .prerouting("filter", -300), family: .bridge,
                    rules: [
                        NftRule(.incomingIn(ports), .senderIn(senders, not: true), .drop, comment: "x"),
                        NftRule(.senderIn(senders), .accept),
                    ])
            ],
            elements: [
                NftElement(ports, [.name("veth0123456789a")], comment: "bridge 0123-4567 net/c1/eth0"),
                NftElement(senders, [.name("veth0123456789a"), mac], comment: "bridge 0123-4567 net/c1/eth0"),
                NftElement(senders, [.name("x"), mac], comment: nil),
            ], family: .bridge)
        let (ours, nft) = try NftOracleTests.compare(sample)
        #expect(ours.text == nft.text)
        #expect(ours.code == nft.code)
        #expect(ours.text.filter { $0.contains(" element ") }.count == 3 && ours.code.count > 5)
    }

    @Test("what is committed is found again by key and in the list, with comment and data; nothing else is")
    func readBack() throws {
        let ip = NftOracleTests.ip
        let elements = [
            NftElement(
                NftOracleTests.any4, [.proto(.tcp), .port(8080)], .fields([ip("10.88.0.2"), .port(80)]),
                comment: "portmap a-b net/c1/eth0"),
            NftElement(
                NftOracleTests.range4, [.proto(.tcp), .port(8000)], to: [.proto(.tcp), .port(8010)],
                .fields([ip("10.88.0.2")]), comment: "r"),
            NftElement(NftOracleTests.verdicts, [ip("fd00::2")], .jump("target"), comment: nil),
            NftElement(NftOracleTests.names, [.name("cni0")], .jump("target"), comment: "n"),
        ]
        var sample = NftOracleTests.sample()
        sample.elements = elements
        let committed = sample
        let (found, listed, missing) = try PrivateHost.run { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try socket.commit(try committed.transaction())
            var found: [NftElementFound?] = []
            var listed: [[NftElementFound]] = []
            for element in elements {
                found.append(try socket.element(element.identity, table: "t"))
                listed.append(try socket.elements(ofSet: element.set.name, table: "t"))
            }
            let absent = [
                NftElementKey(set: "any4", key: [6, 0, 0, 0, 0, 1, 0, 0], keyEnd: nil),
                NftElementKey(set: "nosuch", key: [1, 2, 3, 4], keyEnd: nil),
                NftElementKey(
                    set: "range4", key: [6, 0, 0, 0, 0x1f, 0x41, 0, 0], keyEnd: [6, 0, 0, 0, 0x1f, 0x42, 0, 0]),
            ]
            var missing = 0
            for key in absent where try socket.element(key, table: "t") == nil { missing += 1 }
            if try socket.element(elements[0].identity, table: "nosuch") == nil { missing += 1 }
            if try socket.elements(ofSet: "nosuch", table: "t").isEmpty { missing += 1 }
            return (found, listed, missing)
        }
        for (index, element) in elements.enumerated() {
            #expect(found[index]?.identity == element.identity)
            #expect(found[index]?.comment == element.comment)
            #expect(found[index]?.matches(element) == true)
            #expect(listed[index].map(\.identity) == [element.identity])
        }
        #expect(missing == 5)
        let other = NftElement(
            NftOracleTests.any4, [.proto(.tcp), .port(8080)], .fields([ip("10.88.0.2"), .port(81)]), comment: nil)
        #expect(found[0]?.matches(other) == false)
        #expect(
            found[2]?.matches(NftElement(NftOracleTests.verdicts, [ip("fd00::2")], .jump("elsewhere"), comment: nil))
                == false)
    }

    @Test("many elements are looked up in one call, more than one send takes, each answer in its place")
    func lookUpMany() throws {
        let ip = { NftField.address(IPAddress(family: .v4, value: 0x0a58_0000 + $0)) }
        var sample = NftOracleTests.sample()
        sample.elements = (0..<60).map {
            NftElement(
                NftOracleTests.any4, [.proto(.tcp), .port(UInt16(8000 + $0))], .fields([ip(UInt128($0)), .port(80)]),
                comment: "portmap a-b net/c\($0)/eth0")
        }
        let committed = sample
        let (found, seen) = try PrivateHost.run { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try socket.commit(try committed.transaction())
            // Every other one is not there.
            let keys = committed.elements.flatMap {
                [$0.identity, NftElementKey(set: "any4", key: [17, 0, 0, 0] + $0.identity.key[4...], keyEnd: nil)]
            }
            let found = try socket.elements(keys, table: "t")
            return (found, try socket.look(table: "t", chains: ["nosuch", "target"], elements: Array(keys.prefix(2))))
        }
        #expect(found.map(\.identity) == sample.elements.map(\.identity))
        #expect(found.map(\.comment) == sample.elements.map(\.comment))
        #expect(
            seen.families == [.inet] && seen.chains == ["target"]
                && seen.elements.map(\.identity) == [found[0].identity])
    }

    @Test("N-6 base chains that drop are told for every IP family, whatever their table; uses and comments are counted")
    func lookUps() throws {
        let (answers, drops) = try PrivateHost.run { host in
            let foreign = [
                "add table ip filter",
                "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }",
                "add table ip6 mine",
                "add chain ip6 mine f { type filter hook forward priority 5; policy drop; }",
                "add chain ip6 mine g { type filter hook forward priority 6; policy accept; }",
                "add chain ip6 mine i { type filter hook input priority 0; policy drop; }", "add table bridge b",
                "add chain bridge b f { type filter hook forward priority 0; policy drop; }", "add table inet t",
                "add chain inet t c",
                "add rule inet t c accept comment \"first\"", "add rule inet t c drop", "add chain inet t d",
                "add rule inet t d jump c",
                "add chain inet t own { type filter hook forward priority 9; policy drop; }",
                "add table inet t2", "add chain inet t2 f { type filter hook forward priority 9; policy drop; }",
            ]
            try host.must("nft -f -", input: foreign.joined(separator: "\n") + "\n")
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            let comments = try socket.ruleComments(ofChain: "c", table: "t")
            let answers = [
                try socket.hasTable("t"), try !socket.hasTable("filter"), try socket.hasChain("c", table: "t"),
                try !socket.hasChain("e", table: "t"),
                comments == ["first", nil], try socket.ruleComments(ofChain: "nosuch", table: "t").isEmpty,
                try socket.uses(ofChain: "c", table: "t") == 3, try socket.uses(ofChain: "nosuch", table: "t") == nil,
            ]
            return (answers, try socket.foreignChains(hook: 2, except: "t").filter(\.drops).map(\.description))
        }
        #expect(answers == [Bool](repeating: true, count: 8))
        #expect(drops.sorted() == ["inet t2 f", "ip filter FORWARD", "ip6 mine f"])
    }
}
