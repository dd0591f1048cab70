import CKernel
import Glibc

/// A rule of one of iptables' chains as nf_tables tells it. A chain may have thousands, of which few are asked for more than
/// the beginning of their comment: only where things stand is read at once.
public struct IptablesRuleFound: Sendable {
    public let chain: IptablesChain
    /// nf_tables' own number for the rule.
    public let handle: UInt64
    private let payload: ArraySlice<UInt8>
    private var commentPlace: Range<Int>?
    private var jumpPlace: Range<Int>?
    private var portsPlace: Range<Int>?

    /// Nil for a rule of another table than those in which berth has rules. `chain` where it is known already.
    init?(_ reply: NetlinkReply, chain known: IptablesChain? = nil) {
        payload = reply.payload
        var handle: UInt64?
        var chain = known
        var (comment, jump, ports): (Range<Int>?, Range<Int>?, Range<Int>?)
        reply.payload.withUnsafeBytes { bytes in
            var name: Range<Int>?
            var table: Range<Int>?
            RuleBytes.each(bytes, 4..<bytes.count) { type, place in
                switch type {
                case Int(NFTA_RULE_TABLE.rawValue): table = place
                case Int(NFTA_RULE_CHAIN.rawValue): name = place
                case Int(NFTA_RULE_HANDLE.rawValue) where place.count == 8:
                    handle = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place.lowerBound, as: UInt64.self))
                case Int(NFTA_RULE_USERDATA.rawValue): comment = RuleBytes.comment(bytes, place)
                case Int(NFTA_RULE_EXPRESSIONS.rawValue):
                    RuleBytes.each(bytes, place) { _, element in
                        RuleBytes.look(bytes, element, &comment, &jump, &ports)
                    }
                default: break
                }
            }
            if chain == nil, let name, let table,
                let known = IptablesTable(rawValue: RuleBytes.text(bytes, table))
            {
                chain = IptablesChain(known, RuleBytes.text(bytes, name))
            }
        }
        guard let handle, let chain else { return nil }
        (self.handle, self.chain) = (handle, chain)
        (commentPlace, jumpPlace, portsPlace) = (comment, jump, ports)
    }

    public var comment: String? { text(commentPlace) }
    /// The chain to which it leads.
    public var jump: String? { text(jumpPlace) }

    private func text(_ place: Range<Int>?) -> String? {
        guard let place else { return nil }
        return payload.withUnsafeBytes { RuleBytes.text($0, place) }
    }

    /// Does its comment begin so?
    public func isCommented(_ prefix: String) -> Bool {
        guard let place = commentPlace, place.count >= prefix.utf8.count else { return false }
        return payload.withUnsafeBytes { bytes in
            bytes[place.lowerBound..<(place.lowerBound + prefix.utf8.count)].elementsEqual(prefix.utf8)
        }
    }

    /// Does it say what `rule` says, as iptables-nft would have written it?
    public func says(_ rule: IptablesRule, _ family: AddressFamily) -> Bool {
        let wanted = rule.comment
        guard wanted == nil ? commentPlace == nil : isCommented(wanted!), comment == wanted else { return false }
        do throws(KernelError) {
            let attributes = Attribute.list(payload.dropFirst(4))
            return NftRuleFound(attributes).matches(try rule.nftMessage(chain, family, .end))
        } catch {
            return false
        }
    }

    /// The ports of its multiport match; nil without one.
    public var ports: [ClosedRange<UInt16>]? {
        guard let place = portsPlace else { return nil }
        return IptablesExtension.ports(
            in: payload[(payload.startIndex + place.lowerBound)..<(payload.startIndex + place.upperBound)])
    }
}

/// Finds its way through the attributes of a rule without making anything of them.
private enum RuleBytes {
    /// Calls `body` with type and place of each attribute; stops at one whose length does not fit.
    static func each(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>, _ body: (Int, Range<Int>) -> Void) {
        var at = place.lowerBound
        while at + 4 <= place.upperBound {
            let length = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
            guard length >= 4, at + length <= place.upperBound else { return }
            let type = Int(bytes.loadUnaligned(fromByteOffset: at + 2, as: UInt16.self)) & 0x3fff
            body(type, (at + 4)..<(at + length))
            at += (length + 3) & ~3
        }
    }

    static func look(
        _ bytes: UnsafeRawBufferPointer, _ element: Range<Int>, _ comment: inout Range<Int>?,
        _ jump: inout Range<Int>?, _ ports: inout Range<Int>?
    ) {
        var name: Range<Int>?
        var data: Range<Int>?
        each(bytes, element) { type, place in
            if type == Int(NFTA_EXPR_NAME.rawValue) { name = place }
            if type == Int(NFTA_EXPR_DATA.rawValue) { data = place }
        }
        guard let name, let data else { return }
        if has(bytes, name, "match") {
            var kind: Range<Int>?
            var info: Range<Int>?
            each(bytes, data) { type, place in
                if type == Int(NFTA_MATCH_NAME.rawValue) { kind = place }
                if type == Int(NFTA_MATCH_INFO.rawValue) { info = place }
            }
            guard let kind, let info else { return }
            if has(bytes, kind, "comment") { comment = upToNUL(bytes, info) }
            if has(bytes, kind, "multiport") { ports = info }
        } else if has(bytes, name, "immediate") {
            var found: Range<Int>?
            each(bytes, data) { type, place in
                guard type == Int(NFTA_IMMEDIATE_DATA.rawValue) else { return }
                each(bytes, place) { _, verdict in
                    each(bytes, verdict) { type, place in
                        if type == Int(NFTA_VERDICT_CHAIN.rawValue) { found = upToNUL(bytes, place) }
                    }
                }
            }
            if let found { jump = found }
        }
    }

    /// The comment in user data: type 0, length, text.
    static func comment(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>) -> Range<Int>? {
        guard place.count > 2, bytes[place.lowerBound] == 0 else { return nil }
        let end = place.lowerBound + 2 + Int(bytes[place.lowerBound + 1])
        return end <= place.upperBound ? upToNUL(bytes, (place.lowerBound + 2)..<end) : nil
    }

    static func text(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[upToNUL(bytes, place)]), as: UTF8.self)
    }

    private static func upToNUL(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>) -> Range<Int> {
        var end = place.lowerBound
        while end < place.upperBound, bytes[end] != 0 { end += 1 }
        return place.lowerBound..<end
    }

    /// A name with its final NUL.
    private static func has(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>, _ name: StaticString) -> Bool {
        guard place.count == name.utf8CodeUnitCount + 1 else { return false }
        return memcmp(bytes.baseAddress! + place.lowerBound, name.utf8Start, name.utf8CodeUnitCount) == 0
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
        let known = chain.map { IptablesChain(table, $0) }
        return replies.compactMap {
            $0.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) ? IptablesRuleFound($0, chain: known) : nil
        }
    }

    /// The first rules of a chain, at least up to the one at which `isEnough` says so: the rest is not read. By a socket of
    /// its own, for what was not read would be in the way of the next question.
    public static func firstIptablesRules(
        _ chain: IptablesChain, _ family: AddressFamily, upTo isEnough: (IptablesRuleFound) -> Bool
    ) throws(KernelError) -> [IptablesRuleFound] {
        var socket = try NetlinkSocket(NETLINK_NETFILTER)
        let request = try NftMessage.make(
            "list the first rules of chain \(chain.name) of table \(chain.table.rawValue)", NFT_MSG_GETRULE, NLM_F_DUMP,
            family: family.netfilterNumber
        ) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), chain.table.rawValue)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain.name)
        }
        _ = try socket.send([request], flags: 0)
        var found: [IptablesRuleFound] = []
        while true {
            var isOver = false
            for reply in try socket.receive(request.operation) {
                switch Int32(reply.type) {
                case NLMSG_ERROR, NLMSG_DONE:
                    if let failure = NetlinkSocket.failure(reply, request.operation), failure.errno != .noSuchFile {
                        throw failure
                    }
                    return found
                default:
                    guard let rule = IptablesRuleFound(reply, chain: chain) else { continue }
                    found.append(rule)
                    if isEnough(rule) { isOver = true }
                }
            }
            if isOver { return found }
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
