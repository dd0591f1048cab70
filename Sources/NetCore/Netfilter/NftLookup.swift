import CKernel
import Glibc

extension NetlinkSocket {
    /// Has this kernel nf_tables at all?
    public var knowsNftables: Bool {
        mutating get {
            do throws(KernelError) {
                _ = try ask(
                    try NftMessage.make(
                        "ask for the generation of nftables' rules", NFT_MSG_GETGEN, 0, family: Int32(NFPROTO_UNSPEC)))
                return true
            } catch {
                return false
            }
        }
    }

    /// Is there a table of that name and family?
    public mutating func hasTable(_ table: String, _ family: NftFamily = .inet) throws(KernelError) -> Bool {
        try found(try tableRequest(table, family))
    }

    private func tableRequest(_ table: String, _ family: NftFamily) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make("look up table \(family) \(table)", NFT_MSG_GETTABLE, 0, family: family.number) {
            $0.put(Int(NFTA_TABLE_NAME.rawValue), table)
        }
    }

    /// What stands: in which families a table of that name, which of those chains (family inet), which of those elements.
    /// One send.
    public mutating func look(
        table: String, _ families: [NftFamily] = [.inet], chains: [String], elements: [NftElementKey]
    ) throws(KernelError) -> NftSeen {
        var requests: [NetlinkRequest] = []
        for family in families { requests.append(try tableRequest(table, family)) }
        for chain in chains { requests.append(try chainRequest(chain, table: table)) }
        for element in elements { requests.append(try elementRequest(element, table: table)) }
        let answers = try ask(each: requests)
        var seen = NftSeen()
        for (family, answer) in zip(families, answers) where answer != nil { seen.families.append(family) }
        for (chain, answer) in zip(chains, answers.dropFirst(families.count)) where answer != nil {
            seen.chains.append(chain)
        }
        for (key, answer) in zip(elements, answers.dropFirst(families.count + chains.count)) {
            // An interval map answers with the range that the key lies in.
            if let found = answer.map(NftElementFound.list)?.first(where: { $0.identity == key }) {
                seen.elements.append(found)
            }
        }
        return seen
    }

    /// Is there a chain of that name?
    public mutating func hasChain(_ chain: String, table: String, _ family: NftFamily = .inet) throws(KernelError)
        -> Bool
    {
        try found(try chainRequest(chain, table: table, family))
    }

    private mutating func found(_ request: NetlinkRequest) throws(KernelError) -> Bool {
        try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } != nil
    }

    private func chainRequest(_ chain: String, table: String, _ family: NftFamily = .inet) throws(KernelError)
        -> NetlinkRequest
    {
        try NftMessage.make(
            "look up chain \(chain) of table \(table)", NFT_MSG_GETCHAIN, 0, family: family.number
        ) {
            $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
            $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain)
        }
    }

    /// Base chains of the IP families and inet at one hook, each with what it does to a packet that no rule of it judged.
    /// The chains of the tables named `own` are passed over unread.
    public mutating func foreignChains(hook: UInt32, except own: String = "") throws(KernelError) -> [ForeignChain] {
        let mine = Array(own.utf8) + [0]
        let request = try NftMessage.make(
            "list base chains", NFT_MSG_GETCHAIN, NLM_F_DUMP, family: Int32(NFPROTO_UNSPEC))
        let families = { (number: UInt8) -> String? in
            switch Int32(number) {
            case Int32(NFPROTO_INET): "inet"
            case Int32(NFPROTO_IPV4): "ip"
            case Int32(NFPROTO_IPV6): "ip6"
            default: nil
            }
        }
        return try ask(request).compactMap { reply in
            // The table's name is the first attribute.
            guard !reply.payload.dropFirst(8).starts(with: mine) else { return nil }
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first.flatMap(families),
                let at = attributes[type: Int(NFTA_CHAIN_HOOK.rawValue)]?.nested[type: Int(NFTA_HOOK_HOOKNUM.rawValue)],
                at.bigEndian32 == hook, let table = attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text,
                let name = attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text
            else { return nil }
            let policy = attributes[type: Int(NFTA_CHAIN_POLICY.rawValue)]?.bigEndian32
            return ForeignChain(family: family, table: table, name: name, drops: policy == UInt32(NF_DROP))
        }
    }

    /// How many rules and elements refer to a chain, its own rules included; nil when it is not there.
    public mutating func uses(ofChain chain: String, table: String) throws(KernelError) -> Int? {
        let request = try chainRequest(chain, table: table)
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) }
        return replies?.first?.attributes(after: 4)[type: Int(NFTA_CHAIN_USE.rawValue)]?.bigEndian32.map { Int($0) }
    }

    /// The element with exactly that key; nil when it, its set or the table is not there.
    public mutating func element(_ element: NftElementKey, table: String) throws(KernelError) -> NftElementFound? {
        try self.elements([element], table: table).first
    }

    /// Those of the elements, with exactly these keys, that are there. One send.
    public mutating func elements(_ keys: [NftElementKey], table: String) throws(KernelError) -> [NftElementFound] {
        var requests: [NetlinkRequest] = []
        for key in keys { requests.append(try elementRequest(key, table: table)) }
        return zip(keys, try ask(each: requests)).compactMap { key, answer in
            // An interval map answers with the range that the key lies in.
            answer.map(NftElementFound.list)?.first { $0.identity == key }
        }
    }

    private func elementRequest(_ element: NftElementKey, table: String) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make(
            "look up an element of \(element.set)", NFT_MSG_GETSETELEM, 0, family: element.family.number
        ) {
            $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
            $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), element.set)
            $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) }
            }
        }
    }

    /// Every element of a set; empty when it or the table is not there. Time grows with the set. Throws EAGAIN when the
    /// kernel was resizing the set during each of ten readings.
    public mutating func elements(ofSet set: String, table: String, _ family: NftFamily = .inet) throws(KernelError)
        -> [NftElementFound]
    {
        let request = try NftMessage.make(
            "list set \(set)", NFT_MSG_GETSETELEM, NLM_F_DUMP, family: family.number
        ) {
            $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
            $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set)
        }
        // A hash set that has grown or shrunk is resized in the background, and that is no change that interrupts a
        // dump: it goes on at the same count in the new order, so that what it tells twice stands for what it misses
        // (nft_rhash_walk in the kernel). Each element once is therefore all of them.
        for attempt in 0..<10 {
            if attempt > 0 { usleep(1000 << attempt) }
            guard let replies = try ignoring(.noSuchFile, do: { () throws(KernelError) in try ask(request) }) else {
                return []
            }
            let found = replies.flatMap(NftElementFound.list)
            if found.count < 2 || Set(found.map(\.identity)).count == found.count { return found }
        }
        throw KernelError(request.operation, .tryAgain, "the kernel resized the set during each of ten readings")
    }

    /// A chain's rules, in order. Empty when the chain is not there.
    public mutating func rules(ofChain chain: String, table: String, _ family: NftFamily = .inet) throws(KernelError)
        -> [NftRuleFound]
    {
        try ruleMessages(ofChain: chain, table: table, family).map { NftRuleFound($0.attributes(after: 4)) }
    }

    mutating func ruleMessages(
        ofChain chain: String, table: String, _ family: NftFamily = .inet
    ) throws(KernelError) -> [NetlinkReply] {
        let request = try NftMessage.make(
            "list rules of chain \(chain)", NFT_MSG_GETRULE, NLM_F_DUMP, family: family.number
        ) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), table)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
        }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } ?? []
        return replies.filter { $0.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) }
    }

    /// The comments of a chain's rules, in order; nil for a rule without one. Empty when the chain is not there.
    public mutating func ruleComments(ofChain chain: String, table: String) throws(KernelError) -> [String?] {
        try ruleMessages(ofChain: chain, table: table).map { NftRuleFound.comment($0.attributes(after: 4)) }
    }
}

/// What stands of what was looked for.
public struct NftSeen: Sendable {
    public var families: [NftFamily] = []
    public var chains: [String] = []
    public var elements: [NftElementFound] = []
}

/// A base chain of somebody else's: "ip filter FORWARD".
public struct ForeignChain: Hashable, Sendable, CustomStringConvertible {
    public let family: String
    public let table: String
    public let name: String
    /// Its policy is drop.
    public let drops: Bool

    public var description: String { "\(family) \(table) \(name)" }
}
