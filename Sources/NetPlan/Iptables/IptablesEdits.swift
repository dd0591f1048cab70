import NetCore

/// A rule that stands in a chain: in nf_tables, in a legacy table, or in a table that is only thought of.
public protocol IptablesStandingRule: Sendable {
    var comment: String? { get }
    /// The chain to which it leads.
    var jump: String? { get }
    /// The ports of its multiport match; nil without one.
    var ports: [ClosedRange<UInt16>]? { get }
    /// Does its comment begin so?
    func isCommented(_ prefix: String) -> Bool
    /// Does it say what `rule` says?
    func says(_ rule: IptablesRule, _ family: AddressFamily) -> Bool
}

extension IptablesStandingRule {
    public func isCommented(_ prefix: String) -> Bool { comment?.hasPrefix(prefix) ?? false }
}

extension IptablesRuleFound: IptablesStandingRule {}

/// The chains of one family that were looked at, with their rules in order. A chain that is not there is not in it.
public struct IptablesStanding<Rule: IptablesStandingRule>: Sendable {
    public let family: AddressFamily
    public var chains: [IptablesChain: [Rule]]

    public init(_ family: AddressFamily, _ chains: [IptablesChain: [Rule]] = [:]) {
        self.family = family
        self.chains = chains
    }
}

/// What has to be changed of one family's tables.
public struct IptablesEdits: Sendable {
    /// A place in a chain as it will be: the rule that stands at that index, or a new one.
    public enum Slot: Hashable, Sendable {
        case standing(Int)
        case new(IptablesRule)
    }
    public let family: AddressFamily
    public var newChains: [IptablesChain] = []
    /// The chains whose rules change, each with all of its rules as they will be.
    public var chains: [(chain: IptablesChain, slots: [Slot])] = []
    /// Chains that go, with what is in them.
    public var goneChains: [IptablesChain] = []

    public init(_ family: AddressFamily) { self.family = family }

    public var isEmpty: Bool { newChains.isEmpty && chains.isEmpty && goneChains.isEmpty }
}

extension IptablesStanding {
    /// What makes the changes so. Rules of others stay where they are; what is so already is left alone.
    public func edits(toMake changes: IptablesChanges) -> IptablesEdits {
        var edits = IptablesEdits(family)
        var touched = changes.chains
        for chain in touched where chains[chain] == nil { edits.newChains.append(chain) }
        for placement in changes.absent where !touched.contains(placement.chain) { touched.append(placement.chain) }
        for chain in touched {
            let rules = chains[chain] ?? []
            var slots = rules.indices.map { IptablesEdits.Slot.standing($0) }
            let owned = changes.owned.filter { $0.chain == chain }
            if changes.ownChains.contains(chain) {
                let isSame = rules.count == owned.count && zip(rules, owned).allSatisfy { $0.says($1.rule, family) }
                if !isSame { edits.chains.append((chain, owned.map { .new($0.rule) })) }
                continue
            }
            let unwanted = changes.absent.filter { $0.chain == chain }.map(\.rule)
            let isNew = chains[chain] == nil
            if !isNew {
                slots.removeAll { slot in
                    guard case .standing(let index) = slot else { return false }
                    let rule = rules[index]
                    if unwanted.contains(where: { rule.says($0, family) }) { return true }
                    guard !changes.ownerPrefix.isEmpty, rule.isCommented(changes.ownerPrefix) else { return false }
                    return !owned.contains { rule.says($0.rule, family) }
                }
            }
            // An attachment's own exception is asked before what all share.
            let shared = changes.shared.filter { $0.chain == chain }
            place(owned.filter(\.isFirst) + shared + owned.filter { !$0.isFirst }, among: rules, &slots)
            if slots != rules.indices.map({ .standing($0) }) { edits.chains.append((chain, slots)) }
        }
        return edits
    }

    /// Those that go first stand in their order before all that is new, the others at the end.
    private func place(
        _ placements: [IptablesChanges.Placement], among rules: [Rule], _ slots: inout [IptablesEdits.Slot]
    ) {
        var next = 0
        for placement in placements {
            let found = slots.firstIndex { slot in
                if case .standing(let index) = slot { rules[index].says(placement.rule, family) } else { false }
            }
            if let found {
                if placement.isFirst { next = max(next, found + 1) }
            } else if placement.isFirst {
                slots.insert(.new(placement.rule), at: next)
                next += 1
            } else {
                slots.append(.new(placement.rule))
            }
        }
    }

    /// What takes away an owner's rules, or all dead owners'.
    public func edits(toRemove removal: IptablesRemoval) -> IptablesEdits {
        var edits = IptablesEdits(family)
        var gone = Set(removal.chains)
        for (chain, rules) in chains.sorted(by: { $0.key.description < $1.key.description }) {
            var kept: [Int] = []
            for (index, rule) in rules.enumerated() {
                guard removal.takes(rule, in: chain, family) else {
                    kept.append(index)
                    continue
                }
                if let jump = rule.jump, IptablesNames.isAttachments(jump) {
                    gone.insert(IptablesChain(chain.table, jump))
                }
            }
            guard kept.count < rules.count else { continue }
            if kept.isEmpty, IptablesNames.isAttachments(chain.name) { gone.insert(chain) }
            edits.chains.append((chain, kept.map { .standing($0) }))
        }
        if removal.isCollection {
            // An attachment's chain that is empty and to which nothing leads is nobody's.
            let named = Set(
                chains.flatMap { chain, rules in rules.compactMap(\.jump).map { IptablesChain(chain.table, $0) } })
            for (chain, rules) in chains where rules.isEmpty && IptablesNames.isAttachments(chain.name) {
                if !named.contains(chain) { gone.insert(chain) }
            }
        }
        edits.goneChains = gone.filter { chains[$0] != nil }.sorted { $0.description < $1.description }
        edits.chains.removeAll { gone.contains($0.chain) }
        return edits
    }

    /// The comments of rules that publish one of the ports, but for those whose beginning `known` names: whose ports these
    /// are, and at which address, is for the caller to say.
    public func holders(of claims: [IptablesChanges.Claim], except known: [String]) -> [String] {
        guard !claims.isEmpty else { return [] }
        var holders: [String] = []
        for rule in chains[IptablesNames.destinations] ?? [] {
            guard let ports = rule.ports,
                claims.contains(where: { claim in ports.contains { $0.overlaps(claim.ports) } }),
                !known.contains(where: rule.isCommented), let comment = rule.comment
            else { continue }
            if !holders.contains(comment) { holders.append(comment) }
        }
        return holders
    }
}

/// Whose rules go.
public struct IptablesRemoval: Hashable, Sendable {
    /// Rules whose comment begins with one of these …
    public var prefixes: [String] = []
    /// … and with none of these.
    public var kept: [String] = []
    /// Rules without a comment, told by what they say.
    public var rules: [IptablesChanges.Placement] = []
    /// Chains of the owner's own.
    public var chains: [IptablesChain] = []
    /// All dead owners of a network are meant, and with them chains that nothing leads to.
    public var isCollection = false

    public init() {}

    func takes(_ rule: some IptablesStandingRule, in chain: IptablesChain, _ family: AddressFamily) -> Bool {
        if prefixes.contains(where: { IptablesRemoval.begins(rule, $0) }) {
            return !kept.contains { IptablesRemoval.begins(rule, $0) }
        }
        return !rules.isEmpty && rule.comment == nil
            && rules.contains { $0.chain == chain && rule.says($0.rule, family) }
    }

    /// A prefix that ends with a line feed is all of the comment.
    private static func begins(_ rule: some IptablesStandingRule, _ prefix: String) -> Bool {
        guard prefix.utf8.last == UInt8(ascii: "\n") else { return rule.isCommented(prefix) }
        let whole = String(prefix.dropLast())
        return rule.isCommented(whole) && rule.comment == whole
    }
}
