import CKernel
import Glibc

/// A rule of one of iptables' chains as nf_tables tells it. What is asked of every rule of a long chain is read when the
/// rule is; the rest when it is asked for.
public struct IptablesRuleFound: Sendable {
    public let chain: IptablesChain
    /// nf_tables' own number for the rule.
    public let handle: UInt64
    public let comment: String?
    /// The chain to which it leads.
    public let jump: String?
    private let attributes: [Attribute]

    /// Nil for a rule of another table than those in which berth has rules.
    init?(_ reply: NetlinkReply) {
        let attributes = reply.attributes(after: 4)
        guard let name = attributes[type: Int(NFTA_RULE_CHAIN.rawValue)]?.text,
            let table = attributes[type: Int(NFTA_RULE_TABLE.rawValue)].flatMap({ IptablesTable(rawValue: $0.text) }),
            let handle = attributes[type: Int(NFTA_RULE_HANDLE.rawValue)]?.bigEndian64
        else { return nil }
        chain = IptablesChain(table, name)
        self.handle = handle
        self.attributes = attributes
        var comment = NftRuleFound.comment(attributes)
        var jump: String?
        for element in attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested ?? [] {
            let parts = element.nested
            let data = parts[type: Int(NFTA_EXPR_DATA.rawValue)]?.nested ?? []
            switch parts[type: Int(NFTA_EXPR_NAME.rawValue)]?.text {
            case "match" where data[type: Int(NFTA_MATCH_NAME.rawValue)]?.text == "comment":
                comment = data[type: Int(NFTA_MATCH_INFO.rawValue)].map { IptablesExtension.comment(in: $0.payload) }
            case "immediate":
                let verdict = data[type: Int(NFTA_IMMEDIATE_DATA.rawValue)]?.nested.first?.nested ?? []
                jump = verdict[type: Int(NFTA_VERDICT_CHAIN.rawValue)]?.text
            default: break
            }
        }
        self.comment = comment
        self.jump = jump
    }

    /// Does it say what `rule` says, as iptables-nft would have written it?
    public func says(_ rule: IptablesRule, _ family: AddressFamily) -> Bool {
        guard comment == rule.comment else { return false }
        do throws(KernelError) {
            return NftRuleFound(attributes).matches(try rule.nftMessage(chain, family, .end))
        } catch {
            return false
        }
    }

    /// The ports of its multiport match; nil without one.
    public var ports: [ClosedRange<UInt16>]? {
        for element in attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested ?? [] {
            let data = element.nested[type: Int(NFTA_EXPR_DATA.rawValue)]?.nested ?? []
            guard data[type: Int(NFTA_MATCH_NAME.rawValue)]?.text == "multiport",
                let info = data[type: Int(NFTA_MATCH_INFO.rawValue)]?.payload
            else { continue }
            return IptablesExtension.ports(in: info)
        }
        return nil
    }
}

extension IptablesExtension {
    /// The ports in the structure of a multiport match (xt_multiport_v1).
    public static func ports(in data: ArraySlice<UInt8>) -> [ClosedRange<UInt16>]? {
        let room = Int(XT_MULTI_PORTS)
        guard data.count >= 2 + 3 * room else { return nil }
        let start = data.startIndex
        let count = min(Int(data[start + 1]), room)
        var ranges: [ClosedRange<UInt16>] = []
        var first: UInt16?
        for index in 0..<count {
            let at = start + 2 + 2 * index
            let number = UInt16(data[at]) | UInt16(data[at + 1]) << 8
            if let lower = first, lower <= number {
                ranges.append(lower...number)
                first = nil
            } else if data[start + 2 + 2 * room + index] != 0 {
                first = number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges
    }
}

extension NetlinkSocket {
    /// The rules of iptables' tables in nf_tables: of one chain, or of a table's all, in order. Empty where it is not.
    public mutating func iptablesRules(_ table: IptablesTable, chain: String? = nil, _ family: AddressFamily)
        throws(KernelError) -> [IptablesRuleFound]
    {
        let request = try NftMessage.make(
            "list the rules of \(chain.map { "chain \($0) of " } ?? "")table \(table.rawValue)", NFT_MSG_GETRULE,
            NLM_F_DUMP, family: family.netfilterNumber
        ) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), table.rawValue)
            if let chain { $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain) }
        }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } ?? []
        return replies.compactMap {
            $0.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) ? IptablesRuleFound($0) : nil
        }
    }

    /// Which of the chains stand in nf_tables. One send.
    public mutating func iptablesChains(among chains: [IptablesChain], _ family: AddressFamily) throws(KernelError)
        -> [IptablesChain]
    {
        var requests: [NetlinkRequest] = []
        for chain in chains {
            requests.append(
                try NftMessage.make(
                    "look up chain \(chain.name) of table \(chain.table.rawValue)", NFT_MSG_GETCHAIN, 0,
                    family: family.netfilterNumber
                ) {
                    $0.put(Int(NFTA_CHAIN_TABLE.rawValue), chain.table.rawValue)
                    $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain.name)
                })
        }
        return zip(chains, try ask(each: requests)).compactMap { $1 == nil ? nil : $0 }
    }

    /// The names of a table's chains in nf_tables.
    public mutating func iptablesChains(_ table: IptablesTable, _ family: AddressFamily) throws(KernelError)
        -> [IptablesChain]
    {
        let request = try NftMessage.make(
            "list the chains of table \(table.rawValue)", NFT_MSG_GETCHAIN, NLM_F_DUMP, family: family.netfilterNumber)
        return try ask(request).compactMap { reply in
            let attributes = reply.attributes(after: 4)
            guard attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text == table.rawValue,
                let name = attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text
            else { return nil }
            return IptablesChain(table, name)
        }
    }
}
