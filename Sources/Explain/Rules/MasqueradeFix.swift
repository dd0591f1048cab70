import CKernel
import NetCore

extension Fixes {
    /// The command that masquerades packets, by the kind of rules that redirected them (the last step that did): iptables' where those are,
    /// else nft's, in a chain that is there or one that it makes. Table berth is nobody's to be changed by hand.
    static func masquerade(
        _ node: Node, _ family: AddressFamily, from source: String, to destination: String? = nil,
        out device: String? = nil, redirectedBy words: String?
    ) -> String {
        let number = UInt32(NF_INET_POST_ROUTING.rawValue)
        let nat = node.rules.hooked(number, UInt8(family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
            .filter { $0.type == "nat" && $0.table != "berth" }
        // "ip nat DOCKER rule 3: …" of iptables-legacy, "ip nat DOCKER #12: …" of the other.
        let parts = (words ?? "").split(separator: " ").map(String.init)
        let isLegacy = parts.count > 3 && parts[3] == "rule"
        let isIptables =
            isLegacy
            || (parts.count > 1
                // iptables-nft makes only those of its chains that it needs.
                ? parts[1] == "nat" && node.rules.chains.values.contains { $0.isIptables && $0.table == "nat" }
                : nat.contains { $0.isIptables } && !nat.contains { !$0.isIptables })
        if isIptables {
            let program = (family == .v4 ? "iptables" : "ip6tables") + (isLegacy ? "-legacy" : "")
            let match =
                " -s \(source)" + (destination.map { " -d \($0)" } ?? "") + (device.map { " -o \($0)" } ?? "")
            return "\(node.name): \(program) -t nat -A POSTROUTING\(match) -j MASQUERADE"
        }
        let ip = family == .v4 ? "ip" : "ip6"
        let rule =
            "\(ip) saddr \(source)" + (destination.map { " \(ip) daddr \($0)" } ?? "")
            + (device.map { " oifname \"\($0)\"" } ?? "") + " masquerade"
        if let chain = nat.first(where: { !$0.isIptables }) {
            return "\(node.name): nft add rule \(chain.words) \(rule)"
        }
        return
            "\(node.name): nft 'add table \(ip) hairpin; add chain \(ip) hairpin post { type nat hook postrouting priority srcnat; }; add rule \(ip) hairpin post \(rule)'"
    }
}

extension Chain {
    /// A built-in chain of iptables, whichever of its two kinds.
    var isIptables: Bool { isLegacy || Chain.iptablesNames.contains(name) }

    static let iptablesNames: Set = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"]
}
