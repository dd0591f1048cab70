import NetCore

extension IptablesRule: IptablesStandingRule {
    public var jump: String? { if case .jump(let chain) = target { chain } else { nil } }
    public var ports: [ClosedRange<UInt16>]? {
        for case .ports(let ranges) in matches { return ranges }
        return nil
    }
    public func says(_ rule: IptablesRule, _ family: AddressFamily) -> Bool { self == rule }
}

/// Tables that are only thought of: what iptables would hold had it made what stands by other means, and the fake kernel's.
public struct IptablesImage: Hashable, Sendable {
    public private(set) var chains: [IptablesChain: [IptablesRule]] = [:]
    public let family: AddressFamily

    public init(_ family: AddressFamily) { self.family = family }

    public var standing: IptablesStanding<IptablesRule> { IptablesStanding(family, chains) }

    /// The edits are made, as the kernel would make them.
    public mutating func apply(_ edits: IptablesEdits) {
        for chain in edits.newChains { chains[chain] = [] }
        for (chain, slots) in edits.chains {
            let rules = chains[chain] ?? []
            chains[chain] = slots.map { slot in
                switch slot {
                case .standing(let index): rules[index]
                case .new(let rule): rule
                }
            }
        }
        for chain in edits.goneChains { chains[chain] = nil }
    }

    private func ordered(_ table: IptablesTable) -> [IptablesChain] {
        let builtIn = IptablesChain.builtIn(table).map { IptablesChain(table, $0) }
        return builtIn + chains.keys.filter { $0.table == table && !$0.isBuiltIn }.sorted { $0.name < $1.name }
    }

    /// As `iptables -t TABLE -n -L` prints it.
    public func listed(_ table: IptablesTable) -> String {
        let ordered = ordered(table)
        return ordered.map { chain in
            let calls = ordered.flatMap { chains[$0] ?? [] }.filter { $0.target == .jump(chain.name) }.count
            let note = chain.isBuiltIn ? "policy ACCEPT" : "\(calls) references"
            let header = "target     prot opt source               destination         "
            let lines = (chains[chain] ?? []).map { $0.listed(family) }
            return (["Chain \(chain.name) (\(note))", header] + lines).map { $0 + "\n" }.joined()
        }.joined(by: "\n")
    }

    /// As `iptables-restore` reads it on a host without these chains.
    public func commands(_ table: IptablesTable) -> String {
        let ordered = ordered(table)
        let rules = ordered.flatMap { chain in (chains[chain] ?? []).map { $0.command(chain: chain.name) } }
        return
            (["*\(table.rawValue)"] + ordered.filter { !$0.isBuiltIn }.map { ":\($0.name) - [0:0]" } + rules
            + ["COMMIT"]).map { $0 + "\n" }.joined()
    }
}
