import CKernel

/// A rule as the kernel tells it: its comment, and its expressions as names with their attributes.
public struct NftRuleFound: Hashable, Sendable {
    public let comment: String?
    private let expressions: [Expression]

    private struct Expression: Hashable, Sendable {
        let name: String
        /// Attribute type → bytes, registers left out: the kernel numbers them in its own way; and counts.
        let attributes: [Int: [UInt8]]
    }

    /// Does the rule say what `rule` says? The kernel may tell more of an expression than was sent, never less.
    public func matches(_ rule: NftRule) -> Bool {
        guard comment == rule.comment, let wanted = NftRuleFound.sent(rule) else { return false }
        return matches(wanted)
    }

    /// As above, of a rule's own message.
    func matches(_ request: NetlinkRequest) -> Bool { matches(NftRuleFound.sent(request)) }

    private func matches(_ wanted: [Expression]) -> Bool {
        wanted.count == expressions.count
            && zip(expressions, wanted).allSatisfy { found, wanted in
                found.name == wanted.name && wanted.attributes.allSatisfy { found.attributes[$0.key] == $0.value }
            }
    }

    init(_ attributes: [Attribute]) {
        comment = NftRuleFound.comment(attributes)
        expressions = NftRuleFound.expressions(attributes)
    }

    static func comment(_ attributes: [Attribute]) -> String? {
        attributes[type: Int(NFTA_RULE_USERDATA.rawValue)].flatMap { NftMessage.comment($0.payload) }
    }

    /// What a rule's own message says; nil when it cannot be made.
    private static func sent(_ rule: NftRule) -> [Expression]? {
        do throws(KernelError) {
            return sent(try rule.message(table: "", chain: ""))
        } catch {
            return nil
        }
    }

    private static func sent(_ message: NetlinkRequest) -> [Expression] {
        NetlinkReply.list(message.bytes[...]).first.map { expressions($0.attributes(after: 4)) } ?? []
    }

    private static func expressions(_ attributes: [Attribute]) -> [Expression] {
        (attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested ?? []).map { element in
            let name = element.nested[type: Int(NFTA_EXPR_NAME.rawValue)]?.text ?? ""
            let data = element.nested[type: Int(NFTA_EXPR_DATA.rawValue)]?.nested ?? []
            let registers = registerAttributes[name] ?? []
            let kept = data.filter { !registers.contains($0.type) }.map { ($0.type, withoutFlags($0)) }
            return Expression(name: name, attributes: Dictionary(kept, uniquingKeysWith: { $1 }))
        }
    }

    /// The kernel's nests do not bear NLA_F_NESTED, which ours do: what looks like a list of attributes is told without it.
    private static func withoutFlags(_ attribute: Attribute) -> [UInt8] {
        let parts = attribute.nested
        guard !parts.isEmpty, parts.reduce(0, { $0 + ($1.payload.count + 7) & ~3 }) == attribute.payload.count else {
            return Array(attribute.payload)
        }
        return parts.flatMap { [UInt8(truncatingIfNeeded: $0.type), UInt8($0.type >> 8)] + withoutFlags($0) }
    }

    private static let registerAttributes: [String: [Int]] = [
        "meta": [Int(NFTA_META_DREG.rawValue), Int(NFTA_META_SREG.rawValue)],
        "cmp": [Int(NFTA_CMP_SREG.rawValue)],
        "payload": [Int(NFTA_PAYLOAD_DREG.rawValue)],
        "bitwise": [Int(NFTA_BITWISE_SREG.rawValue), Int(NFTA_BITWISE_DREG.rawValue)],
        "lookup": [Int(NFTA_LOOKUP_SREG.rawValue), Int(NFTA_LOOKUP_DREG.rawValue)],
        "fib": [Int(NFTA_FIB_DREG.rawValue)],
        "ct": [Int(NFTA_CT_DREG.rawValue)],
        "nat": [Int(NFTA_NAT_REG_ADDR_MIN.rawValue), Int(NFTA_NAT_REG_PROTO_MIN.rawValue)],
        "immediate": [Int(NFTA_IMMEDIATE_DREG.rawValue)],
        "range": [Int(NFTA_RANGE_SREG.rawValue)],
        // What it has counted is nothing that the rule says.
        "counter": [Int(NFTA_COUNTER_BYTES.rawValue), Int(NFTA_COUNTER_PACKETS.rawValue)],
    ]
}
