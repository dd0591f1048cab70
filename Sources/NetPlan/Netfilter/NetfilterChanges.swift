import NetCore

/// What resources need of our nftables tables: chains that are immutable once made (their names carry a digest of their
/// rules), elements that belong to an owner, and elements that several share.
public struct NetfilterChanges: Hashable, Sendable {
    public var chains: [NftChain] = []
    public var owned: [NftElement] = []
    /// Chains that the constant chain `admin` calls.
    public var adminChains: [String] = []
    /// Elements that several share and that must not be; the others only ever stand with the first.
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

    public var isEmpty: Bool {
        chains.isEmpty && owned.isEmpty && shared.isEmpty && adminChains.isEmpty && absent.isEmpty
    }

    /// The tables that this is about: elements alone stand in another than family inet's.
    public var families: [NftFamily] {
        NftFamily.allCases.filter { family in
            (shared + owned).contains { $0.set.family == family }
                || family == .inet && !(chains.isEmpty && adminChains.isEmpty && absent.isEmpty)
        }
    }

    mutating func add(_ other: NetfilterChanges) {
        for chain in other.chains where !chains.contains(chain) { chains.append(chain) }
        owned += other.owned
        adminChains += other.adminChains
        absent += other.absent
        for element in other.shared where !shared.contains(element) { shared.append(element) }
    }

    /// The rule by which `admin` calls an administrator's chain; its comment says so.
    static func call(_ chain: String) -> NftRule { NftRule(.jump(chain), comment: "calls \(chain)") }

    /// As `nft -f` takes it, on a host without our tables.
    public var commands: [String] {
        families.flatMap(BerthTable.commands) + additions + adminChains.map(NetfilterChanges.callCommand)
    }

    /// As `nft -f` takes it, on a host with our tables and as often as it is given: a chain that never changes is emptied
    /// and filled again in one transaction. Without the calls of the administrators' chains.
    private var additions: [String] {
        let table = BerthTable.name
        return chains.flatMap { chain in
            [chain.command(table: table), "flush chain inet \(table) \(chain.name)"] + chain.ruleCommands(table: table)
        } + adminChains.map { "add chain inet \(table) \($0)" } + (shared + owned).map { $0.command(table: table) }
    }

    private static func callCommand(_ chain: String) -> String {
        "add rule inet \(BerthTable.name) \(BerthTable.admin) \(call(chain))"
    }

    /// Lines of a shell script that bring it about on a host with our tables (`BerthTable.shellCommands`).
    public var shellCommands: [String] {
        guard !isEmpty else { return [] }
        let table = BerthTable.name
        let calls = adminChains.map { chain in
            "nft list chain inet \(table) \(BerthTable.admin) | grep -qF 'calls \(chain)' || "
                + "nft \(ShellWriter.word(NetfilterChanges.callCommand(chain)))"
        }
        return ["nft -f - <<'EOF'"] + additions + ["EOF"] + calls
    }
}
