import NetCore

/// What resources need of our nftables table: chains that are immutable once made (their names carry a digest of their
/// rules), elements that belong to an owner, and elements that several share.
public struct NetfilterChanges: Hashable, Sendable {
    public var chains: [NftChain] = []
    public var owned: [NftElement] = []
    /// Chains that the constant chain `admin` calls.
    public var adminChains: [String] = []
    /// Elements that several share and that must not be.
    public var absent: [NftElementKey] = []
    public var shared: [NftElement] = []

    public init(
        chains: [NftChain] = [], owned: [NftElement] = [], shared: [NftElement] = [], adminChains: [String] = [],
        absent: [NftElementKey] = []
    ) {
        self.absent = absent
        self.chains = chains
        self.adminChains = adminChains
        self.owned = owned
        self.shared = shared
    }

    public var isEmpty: Bool { chains.isEmpty && owned.isEmpty && shared.isEmpty && adminChains.isEmpty && absent.isEmpty }

    mutating func add(_ other: NetfilterChanges) {
        for chain in other.chains where !chains.contains(chain) { chains.append(chain) }
        owned += other.owned
        adminChains += other.adminChains
        absent += other.absent
        for element in other.shared where !shared.contains(element) { shared.append(element) }
    }

    /// The rule by which `admin` calls an administrator's chain; its comment says so.
    static func call(_ chain: String) -> NftRule { NftRule(.jump(chain), comment: "calls \(chain)") }

    /// As `nft -f` takes it, on a host without our table.
    public var commands: [String] {
        let table = BerthTable.name
        let all = BerthTable.chains + chains
        return ["add table inet \(table)"] + BerthTable.sets.map { $0.command(table: table) }
            + BerthTable.constants.map { $0.command(table: table) }
            + all.map { $0.command(table: table) } + all.flatMap { $0.ruleCommands(table: table) }
            + adminChains.flatMap { chain in
                ["add chain inet \(table) \(chain)", "add rule inet \(table) \(BerthTable.admin) \(NetfilterChanges.call(chain))"]
            }
            + (shared + owned).map { $0.command(table: table) }
    }
}
