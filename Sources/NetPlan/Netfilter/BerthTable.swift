import NetCore

/// Our table `inet berth`, and beside it `bridge berth` (FrameTable): constant chains whose rules ask sets and maps, so that neither the number of rules nor
/// the cost of a packet grows with the number of containers (cni.md N-1, N-2, N-8; docs/architecture.md draws it).
public enum BerthTable {
    public static let name = "berth"

    // MARK: sets and maps

    static let withPorts = NftSet("with_ports", [.proto])
    /// Source address → the network's masquerade chain.
    static func masquerade(_ family: AddressFamily) -> NftSet {
        NftSet("masq\(family.rawValue)", [.address(family)], .verdict)
    }
    /// Container address → its subnet's hairpin chain.
    static func hairpin(_ family: AddressFamily) -> NftSet {
        NftSet("hairpin\(family.rawValue)", [.address(family)], .verdict)
    }
    /// Published at one host address.
    public static func forwardAddress(_ family: AddressFamily) -> NftSet {
        NftSet("fwd_addr\(family.rawValue)", [.address(family), .proto, .port], .fields([.address(family), .port]))
    }
    /// Published at any host address.
    public static func forwardAny(_ family: AddressFamily) -> NftSet {
        NftSet("fwd_any\(family.rawValue)", [.proto, .port], .fields([.address(family), .port]))
    }
    /// A range that keeps its ports, at one host address.
    public static func rangeAddress(_ family: AddressFamily) -> NftSet {
        NftSet(
            "range_addr\(family.rawValue)", [.address(family), .proto, .port], .fields([.address(family)]),
            interval: true)
    }
    /// A range that keeps its ports, at any host address.
    public static func rangeAny(_ family: AddressFamily) -> NftSet {
        NftSet("range_any\(family.rawValue)", [.proto, .port], .fields([.address(family)]), interval: true)
    }
    /// Containers behind the firewall plugin.
    static func members(_ family: AddressFamily) -> NftSet { NftSet("members\(family.rawValue)", [.address(family)]) }
    /// Those whose published ports other networks may use.
    static func published(_ family: AddressFamily) -> NftSet {
        NftSet("published\(family.rawValue)", [.address(family)])
    }
    /// Bridge → the chain of its ingress policy.
    static let policies = NftSet("policies", [.ifname], .verdict)
    /// Bridges that take nothing from other bridges with a policy.
    static let closed = NftSet("closed", [.ifname])
    /// Bridges whose containers may not use the host's services.
    static let strict = NftSet("strict", [.ifname], .verdict)

    private static let families = AddressFamily.allCases

    static let sets: [NftSet] =
        [withPorts] + families.map(masquerade) + families.map(hairpin) + families.map(forwardAddress)
        + families.map(forwardAny) + families.map(rangeAddress) + families.map(rangeAny) + families.map(members)
        + families.map(published) + [policies, closed, strict]

    /// The plugins that fill sets with elements of attachments.
    public static let owners = ["bridge", "firewall", "portmap", "ptp"]

    /// The sets whose elements have owners, by the plugin that fills them.
    public static func ownedSets(of plugin: String) -> [NftSet] {
        switch plugin {
        case "portmap":
            families.flatMap { [forwardAddress($0), forwardAny($0), rangeAddress($0), rangeAny($0), hairpin($0)] }
        case "firewall": families.flatMap { [members($0), published($0)] }
        case "bridge": families.map(masquerade) + FrameTable.sets
        case "ptp": families.map(masquerade)
        default: []
        }
    }

    static let constants: [NftElement] = TransportProtocol.allCases.map {
        NftElement(withPorts, [.proto($0)], comment: nil)
    }

    // MARK: chains

    static let masqueradeAll = "masquerade_all"
    static let strictChain = "strict_input"
    /// Where the administrator's own chains are called from, before any of our verdicts.
    static let admin = "admin"

    private static let loopback = IPPrefix("127.0.0.0/8")!
    private static func rules(_ rules: [NftClause]...) -> [NftRule] { rules.map { NftRule($0) } }

    /// The names of `chains`, for who need not know their rules.
    public static let chainNames = [
        "raw_prerouting", "prerouting", "output", "publish", "postrouting", masqueradeAll, admin, "forward", "input",
        strictChain,
    ]

    public static let chains: [NftChain] = [
        // 127.0.0.0/8 stays on this host, whatever route_localnet says (CVE-2020-8558, cni.md N-5, N-7).
        NftChain(
            "raw_prerouting", .prerouting("filter", -300),
            rules: rules(
                [.incoming("lo", not: true), .address(.destination, loopback), .drop],
                [.incoming("lo", not: true), .address(.source, loopback), .drop])),
        // Only what is addressed to this host (CVE-2025-67499); the address asked for before any address.
        NftChain(
            "prerouting", .prerouting("nat", -100),
            rules: rules([.toThisHost, .protocolIn(withPorts), .jump("publish")])),
        NftChain(
            "output", .output("nat", -100),
            rules: rules(
                // No kernel routes from ::1 to a container: refused at once is better than lost.
                [.address(.destination, IPPrefix("::1/128")!), .comeBack],
                [.toThisHost, .protocolIn(withPorts), .jump("publish")])),
        NftChain(
            "publish",
            rules: (families.map { [.protocolIn(withPorts), .translateDestination($0, forwardAddress($0))] }
                + families.map { [.protocolIn(withPorts), .translateDestination($0, rangeAddress($0))] }
                + families.map { [.protocolIn(withPorts), .translateDestination($0, forwardAny($0))] }
                + families.map { [.protocolIn(withPorts), .translateDestination($0, rangeAny($0))] }).map {
                    NftRule($0)
                }),
        NftChain(
            "postrouting", .postrouting("nat", 100),
            rules: (families.map { [.translated, .addressMap(.destination, $0, hairpin($0))] }
                + families.map { [.addressMap(.source, $0, masquerade($0))] }).map { NftRule($0) }),
        NftChain(masqueradeAll, rules: rules([.masquerade()])),
        NftChain(admin, rules: []),
        NftChain(
            "forward", .forward("filter", 0),
            rules: rules(
                [.jump(admin)], [.established, .accept],
                [.translated, .addressIn(.destination, .v4, published(.v4)), .accept],
                [.translated, .addressIn(.destination, .v6, published(.v6)), .accept],
                [.incomingMap(policies)],
                // Containers of networks without a policy of their own.
                [.addressIn(.source, .v4, members(.v4)), .outgoingIn(closed), .drop],
                [.addressIn(.source, .v6, members(.v6)), .outgoingIn(closed), .drop],
                [.addressIn(.source, .v4, members(.v4)), .accept], [.addressIn(.source, .v6, members(.v6)), .accept])),
        NftChain("input", .input("filter", 0), rules: rules([.incomingMap(strict)])),
        NftChain(
            strictChain,
            rules: rules(
                [.established, .accept], [.destinationPort(.udp, 53), .accept], [.destinationPort(.tcp, 53), .accept],
                [.destinationPort(.udp, 67), .accept], [.destinationPort(.udp, 547), .accept],
                [.proto(58, name: "ipv6-icmp"), .accept], [.drop])),
    ]

    // MARK: by family

    static func sets(_ family: NftFamily) -> [NftSet] { family == .inet ? sets : FrameTable.sets }
    static func constants(_ family: NftFamily) -> [NftElement] { family == .inet ? constants : [] }
    static func chains(_ family: NftFamily) -> [NftChain] { family == .inet ? chains : FrameTable.chains }

    /// All of a table that is the same on every host, as `nft -f` takes it where there is none yet.
    static func commands(_ family: NftFamily) -> [String] {
        let chains = chains(family)
        return ["add table \(family) \(name)"] + sets(family).map { $0.command(table: name) }
            + constants(family).map { $0.command(table: name) } + chains.map { $0.command(table: name) }
            + chains.flatMap { $0.ruleCommands(table: name) }
    }

    /// Lines of a shell script that make it where there is none yet.
    public static func shellCommands(_ family: NftFamily = .inet) -> [String] {
        ["nft list table \(family) \(name) >/dev/null 2>&1 || nft -f - <<'EOF'"] + commands(family) + ["EOF"]
    }

    /// A chain of rules that never change: its name carries their digest.
    static func immutableChain(_ stem: String, _ rules: [NftRule]) -> NftChain {
        let digest = hex(Digest.sha256(rules.map(\.description).joined(by: "\n")), digits: 8)
        // nft could not read back all that may stand in a link's name; the digest keeps such names apart.
        let readable = String(
            decoding: stem.utf8.map { byte in
                let isPlain =
                    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2d || byte == 0x2e
                return isPlain ? byte : 0x5f
            }, as: UTF8.self)
        return NftChain("\(readable)_\(digest)", rules: rules)
    }
}
