import NetCore

/// Where a thing is: in the namespace that runs the plugin, or in the container's.
public enum Place: String, Hashable, Sendable {
    case host
    case container
}

/// What must be true of the kernel for one attachment. ADD applies it, CHECK looks for what is missing, everything else
/// only reads it.
public struct Plan: Hashable, Sendable {
    public let owner: Owner
    /// The container's namespace, as CNI_NETNS names it; nil when nothing happens there.
    public var namespace: String?
    /// Brought about when missing, used by many, never removed by DEL.
    public var shared: [Resource]
    /// Made new, removed in reverse.
    public var owned: [Resource]
    /// An address had another holder before: neighbours are told once the attachment works.
    public var announces = false
    /// What its netfilter half is made by.
    public var backend = Backend.nftables

    /// Whose rules make NAT and filtering (cni.md C-4).
    public enum Backend: Hashable, Sendable {
        /// The tables `inet berth` and `bridge berth`.
        case nftables
        /// iptables' own tables: of the variant, or of the host's.
        case iptables(IptablesVariant?)
    }

    public init(owner: Owner, namespace: String?, shared: [Resource] = [], owned: [Resource] = []) {
        self.owner = owner
        self.namespace = namespace
        self.shared = shared
        self.owned = owned
    }

    public var resources: [Resource] { shared + owned }

    /// The half of our own nftables tables, as one transaction would make it. With iptables only what is about frames.
    public var netfilter: NetfilterChanges {
        resources.reduce(into: NetfilterChanges()) { changes, resource in
            if backend != .nftables, resource.isInIptables { return }
            changes.add(resource.netfilter(owner: owner))
        }
    }

    /// The half that stands in firewalld.
    public var zoneSources: [ZoneSource] {
        resources.compactMap { if case .zoneSource(let it) = $0 { it } else { nil } }
    }

    /// The half of iptables' tables, for each family that has something there; empty with nftables.
    public var iptables: [IptablesChanges] {
        guard backend != .nftables else { return [] }
        return AddressFamily.allCases.map(iptables).filter { !$0.isEmpty }
    }
}

/// One thing that must be so. An ordered list of kinds, one file a kind; no graph, no general engine.
public enum Resource: Hashable, Sendable {
    case bridge(Bridge)
    case vethPair(VethPair)
    case bridgePort(BridgePort)
    case knownAddress(KnownAddress)
    case sysctl(SysctlSetting)
    case address(PlannedAddress)
    case linkUp(LinkUp)
    case linkDown(LinkDown)
    case route(PlannedRoute)
    case forgottenNeighbour(ForgottenNeighbour)
    case linkSettings(LinkSettings)
    case macvlan(Macvlan)
    case functionalBlock(FunctionalBlock)
    case tokenBucket(TokenBucket)
    case ingressRedirect(IngressRedirect)
    case senderCheck(SenderCheck)
    case masquerade(Masquerade)
    case portForward(PortForward)
    case hairpin(Hairpin)
    case firewallMember(FirewallMember)
    case isolation(Isolation)
    case adminChain(AdminChain)
    case zoneSource(ZoneSource)

    /// One line for people.
    public var words: String {
        switch self {
        case .bridge(let it): it.words
        case .vethPair(let it): it.words
        case .bridgePort(let it): it.words
        case .knownAddress(let it): it.words
        case .sysctl(let it): it.words
        case .address(let it): it.words
        case .linkUp(let it): it.words
        case .linkDown(let it): it.words
        case .route(let it): it.words
        case .forgottenNeighbour(let it): it.words
        case .linkSettings(let it): it.words
        case .macvlan(let it): it.words
        case .functionalBlock(let it): it.words
        case .tokenBucket(let it): it.words
        case .ingressRedirect(let it): it.words
        case .senderCheck(let it): it.words
        case .masquerade(let it): it.words
        case .portForward(let it): it.words
        case .hairpin(let it): it.words
        case .firewallMember(let it): it.words
        case .isolation(let it): it.words
        case .adminChain(let it): it.words
        case .zoneSource(let it): it.words
        }
    }

    /// The same by iproute2 and a shell; netfilter's part stands in `NetfilterChanges.commands`.
    public func commands(_ shell: ShellWriter) -> [String] {
        switch self {
        case .bridge(let it): it.commands(shell)
        case .vethPair(let it): it.commands(shell)
        case .bridgePort(let it): it.commands(shell)
        case .knownAddress(let it): it.commands(shell)
        case .sysctl(let it): it.commands(shell)
        case .address(let it): it.commands(shell)
        case .linkUp(let it): it.commands(shell)
        case .linkDown(let it): it.commands(shell)
        case .route(let it): it.commands(shell)
        case .forgottenNeighbour(let it): it.commands(shell)
        case .linkSettings(let it): it.commands(shell)
        case .macvlan(let it): it.commands(shell)
        case .functionalBlock(let it): it.commands(shell)
        case .tokenBucket(let it): it.commands(shell)
        case .ingressRedirect(let it): it.commands(shell)
        case .zoneSource(let it): it.commands(shell)
        case .senderCheck, .masquerade, .portForward, .hairpin, .firewallMember, .isolation, .adminChain: []
        }
    }

    /// Is it made by the nftables transaction alone?
    public var isNetfilter: Bool {
        switch self {
        case .senderCheck, .masquerade, .portForward, .hairpin, .firewallMember, .isolation, .adminChain: true
        default: false
        }
    }

    /// Is it in iptables' tables where the plan is made by iptables? Only what is about frames is not.
    public var isInIptables: Bool {
        if case .senderCheck = self { false } else { isNetfilter }
    }

    /// Does it filter or translate, by whatever?
    public var isRule: Bool {
        if case .zoneSource = self { true } else { isNetfilter }
    }

    /// What the resource needs of our nftables tables.
    func netfilter(owner: Owner) -> NetfilterChanges {
        switch self {
        case .senderCheck(let it): it.netfilter(owner)
        case .masquerade(let it): it.netfilter(owner)
        case .portForward(let it): it.netfilter(owner)
        case .hairpin(let it): it.netfilter(owner)
        case .firewallMember(let it): it.netfilter(owner)
        case .isolation(let it): it.netfilter()
        case .adminChain(let it): it.netfilter()
        default: NetfilterChanges()
        }
    }
}

/// One way in which the kernel differs from a plan (cni.md P-55).
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    public let object: String
    public let expected: String
    public let found: String

    public init(_ object: String, expected: String, found: String) {
        self.object = object
        self.expected = expected
        self.found = found
    }
    public var description: String { "\(object): expected \(expected), found \(found)" }
}
