import NetCore

/// What resources need of our nftables table: chains that are immutable once made (their names carry a digest of their
/// rules), elements that belong to an owner, and elements that several share.
public struct NetfilterChanges: Hashable, Sendable {
    public var chains: [NftChain] = []
    public var owned: [NftElement] = []
    public var shared: [NftElement] = []

    public init(chains: [NftChain] = [], owned: [NftElement] = [], shared: [NftElement] = []) {
        self.chains = chains
        self.owned = owned
        self.shared = shared
    }

    public var isEmpty: Bool { chains.isEmpty && owned.isEmpty && shared.isEmpty }

    mutating func add(_ other: NetfilterChanges) {
        for chain in other.chains where !chains.contains(chain) { chains.append(chain) }
        owned += other.owned
        for element in other.shared where !shared.contains(element) { shared.append(element) }
    }

    /// As `nft -f` takes it, on a host without our table.
    public var commands: [String] {
        let table = BerthTable.name
        let all = BerthTable.chains + chains
        return ["add table inet \(table)"] + BerthTable.sets.map { $0.command(table: table) }
            + BerthTable.constants.map { $0.command(table: table) }
            + all.map { $0.command(table: table) } + all.flatMap { $0.ruleCommands(table: table) }
            + (shared + owned).map { $0.command(table: table) }
    }
}
