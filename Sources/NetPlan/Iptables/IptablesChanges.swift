import NetCore

/// What a plan needs of iptables' tables, for one family of addresses: rules that several share, and rules and chains that
/// are an attachment's own.
public struct IptablesChanges: Hashable, Sendable {
    public struct Placement: Hashable, Sendable {
        public let chain: IptablesChain
        public let rule: IptablesRule
        /// Before all others of its chain, rather than after them.
        public let isFirst: Bool

        public init(_ chain: IptablesChain, _ rule: IptablesRule, isFirst: Bool = false) {
            self.chain = chain
            self.rule = rule
            self.isFirst = isFirst
        }
    }

    /// A port that an attachment publishes.
    public struct Claim: Hashable, Sendable {
        public let family: AddressFamily
        public let proto: TransportProtocol
        public let ports: ClosedRange<UInt16>
        /// Nil: any address of the host.
        public let address: IPAddress?

        public init(
            _ family: AddressFamily, _ proto: TransportProtocol, _ ports: ClosedRange<UInt16>, at address: IPAddress?
        ) {
            self.family = family
            self.proto = proto
            self.ports = ports
            self.address = address
        }
    }

    public let family: AddressFamily
    /// With what the comments of the owner's rules begin.
    public var ownerPrefix = ""
    public var shared: [Placement] = []
    /// Shared rules that must not be.
    public var absent: [Placement] = []
    public var owned: [Placement] = []
    /// The attachment's own chains: nobody else's rule stands in them.
    public var ownChains: [IptablesChain] = []
    /// Somebody else's chains, to which rules lead.
    public var required: [IptablesChain] = []
    public var claims: [Claim] = []

    public init(_ family: AddressFamily) { self.family = family }

    public var isEmpty: Bool { shared.isEmpty && absent.isEmpty && owned.isEmpty && ownChains.isEmpty }

    /// The chains in which it has rules or to which its rules lead, in the order in which they are first named.
    public var chains: [IptablesChain] {
        var chains: [IptablesChain] = []
        for placement in shared + owned {
            var named = [placement.chain]
            if case .jump(let name) = placement.rule.target { named.append(IptablesChain(placement.chain.table, name)) }
            for chain in named where !chains.contains(chain) && !required.contains(chain) { chains.append(chain) }
        }
        for chain in ownChains where !chains.contains(chain) { chains.append(chain) }
        return chains
    }

    /// Throws ENOENT for somebody else's chain to which rules are to lead and that does not stand.
    public func requireChains(where stands: (IptablesChain) -> Bool) throws(KernelError) {
        for chain in required where !stands(chain) {
            throw KernelError(
                "lead to chain \(chain.name) of table \(chain.table.rawValue)", .noSuchFile,
                "the configuration names this chain (externalSetMarkChain), and iptables has none of that name: make it first"
            )
        }
    }

    mutating func share(_ chain: IptablesChain, _ rule: IptablesRule, first: Bool = false) {
        let placement = Placement(chain, rule, isFirst: first)
        if !shared.contains(placement) { shared.append(placement) }
    }
    mutating func own(_ chain: IptablesChain, _ rule: IptablesRule, first: Bool = false) {
        owned.append(Placement(chain, rule, isFirst: first))
    }
}

/// The names of the reference plugins' chains, which are berth's too (cni.md C-4).
public enum IptablesNames {
    public static let destinations = IptablesChain(.nat, "CNI-HOSTPORT-DNAT")
    static let masquerading = IptablesChain(.nat, "CNI-HOSTPORT-MASQ")
    static let forward = IptablesChain(.filter, "CNI-FORWARD")
    static let isolation = IptablesChain(.filter, "CNI-ISOLATION-STAGE-1")
    /// The same rules for published ports that keep to the policies.
    static let published = IptablesChain(.filter, "CNI-ISOLATION-PUBLISHED")
    static let closed = IptablesChain(.filter, "CNI-ISOLATION-STAGE-2")
    static let strict = IptablesChain(.filter, "CNI-STRICT-INPUT")
    static let prerouting = IptablesChain(.nat, "PREROUTING")
    static let output = IptablesChain(.nat, "OUTPUT")
    static let postrouting = IptablesChain(.nat, "POSTROUTING")

    /// The chain that marks for masquerading by a bit of the mark; the reference's default is bit 13.
    static func setMark(_ bit: Int) -> IptablesChain {
        IptablesChain(.nat, bit == defaultMarkBit ? "CNI-HOSTPORT-SETMARK" : "CNI-HOSTPORT-SETMARK-\(bit)")
    }
    public static let defaultMarkBit = 13

    /// The chain of an attachment's masquerading.
    static func masquerade(_ attachment: Attachment) -> IptablesChain {
        IptablesChain(.nat, "CNI-\(digest(attachment, 24))")
    }
    /// The chain of an attachment's published ports.
    static func ports(_ attachment: Attachment) -> IptablesChain {
        IptablesChain(.nat, "CNI-DN-\(digest(attachment, 21))")
    }

    private static func digest(_ attachment: Attachment, _ length: Int) -> String {
        hex(Digest.sha256("\(attachment)"), digits: length)
    }

    /// Is that the name of some attachment's own chain, berth's or the reference's?
    public static func isAttachments(_ name: String) -> Bool {
        guard name.hasPrefix("CNI-") else { return false }
        let rest = name.hasPrefix("CNI-DN-") ? name.dropFirst(7) : name.dropFirst(4)
        return (21...24).contains(rest.utf8.count)
            && rest.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

extension IptablesChanges {
    /// Lines of a shell script that bring it about, as often as it is run. What comes first is put in from the last on, so
    /// that the order holds.
    public var shellCommands: [String] {
        let program = family == .v4 ? "iptables" : "ip6tables"
        var lines: [String] = []
        for chain in chains where !chain.isBuiltIn {
            lines.append("\(program) -t \(chain.table.rawValue) -N \(chain.name) 2>/dev/null || true")
        }
        for chain in ownChains { lines.append("\(program) -t \(chain.table.rawValue) -F \(chain.name)") }
        let all = shared + owned
        for placement in all.filter(\.isFirst).reversed() + all.filter({ !$0.isFirst }) {
            let table = "\(program) -t \(placement.chain.table.rawValue)"
            let rule = "\(placement.chain.name) \(placement.rule.words.joined(by: " "))"
            lines.append("\(table) -C \(rule) 2>/dev/null || \(table) \(placement.isFirst ? "-I" : "-A") \(rule)")
        }
        for placement in absent {
            let table = "\(program) -t \(placement.chain.table.rawValue)"
            let rule = "\(placement.chain.name) \(placement.rule.words.joined(by: " "))"
            lines.append("\(table) -D \(rule) 2>/dev/null || true")
        }
        return lines
    }
}
