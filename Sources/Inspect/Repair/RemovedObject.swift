import JSON
import NetCore

/// What was taken away, beside what a finding of CHECK misses: "nftables table inet berth", "nftables element of fwd_any4", "chain CNI-FORWARD
/// of table filter (iptables-nft)".
extension RuleRemoval.Object {
    /// With it went what the words begin with.
    func holds(_ words: String) -> Bool {
        let parts = words.split(separator: " ").map { String($0.last == ":" ? $0.dropLast() : $0) }
        guard parts.count > 2 else { return false }
        switch (parts[0], parts.count > 3 ? parts[1] : "") {
        case ("nftables", "table"): return kind == .table && family == parts[2] && table == parts[3]
        case ("nftables", "element"):
            guard table == "berth" else { return false }
            return kind == .table || [.set, .element].contains(kind) && (name.isEmpty || name == parts[3])
        case ("nftables", "chain"):
            let isOfFrames = parts.count > 6 && parts[3...6] == ["of", "table", "bridge", "berth"]
            guard table == "berth", (family == "bridge") == isOfFrames else { return false }
            return kind == .table || [.chain, .rule].contains(kind) && (name.isEmpty || name == parts[2])
        case ("chain", _), ("table", _):
            guard let other = RuleRemoval.Object(iptables: parts), family == other.family, table == other.table else {
                return false
            }
            if kind == .table || other.name.isEmpty { return true }
            return [.chain, .rule].contains(kind) && (name.isEmpty || name == other.name)
        default: return false
        }
    }

    /// Of a finding about iptables-legacy; nil for any other.
    init?(legacy words: String) {
        let parts = words.split(separator: " ").map { String($0.last == ":" ? $0.dropLast() : $0) }
        guard let found = RuleRemoval.Object(iptables: parts), found.family.hasSuffix("-legacy") else { return nil }
        self = found
    }

    /// "chain NAME of table TABLE (iptables-nft, IPv6)", "table TABLE (iptables-legacy)".
    private init?(iptables parts: [String]) {
        let isChain = parts.first == "chain"
        let rest = isChain ? parts.dropFirst(2) : parts[...]
        guard isChain ? rest.starts(with: ["of", "table"]) : rest.first == "table" else { return nil }
        let behind = Array(isChain ? rest.dropFirst(2) : rest.dropFirst())
        guard behind.count > 1, behind[1].hasPrefix("(iptables-") else { return nil }
        let isV4 = !(behind.count > 2 && behind[2] == "IPv6)")
        let isLegacy = behind[1].hasPrefix("(iptables-legacy")
        self.init(
            .rule, isLegacy ? (isV4 ? "iptables-legacy" : "ip6tables-legacy") : isV4 ? "ip" : "ip6", behind[0],
            isChain ? parts[1] : "")
    }
}

extension RuleRemoval.Object {
    var json: JSON {
        var object: JSONObject = ["kind": .string(kind.rawValue), "family": .string(family), "table": .string(table)]
        if !name.isEmpty { object["name"] = .string(name) }
        return .object(object)
    }
}
