import CKernel
import NetCore

/// Whose a chain is, told by its names.
struct Owner: Hashable, Sendable {
    var name: String

    static func of(_ chain: Chain, _ rules: Ruleset) -> Owner? {
        let names = rules.chains.keys.filter {
            $0.family == chain.family && $0.table == chain.table && $0.isLegacy == chain.isLegacy
        }
        .map(\.chain)
        return RuleOwner.name(table: chain.table, chains: names).map { Owner(name: $0) }
    }

    /// Whose a chain of that name is; nil where the name does not tell.
    static func named(_ chain: String) -> String? { RuleOwner.name(chain: chain) }
}

/// What lets a packet through a gate, as a command.
enum Fixes {
    static func letThrough(_ chain: Chain, _ owner: Owner?, _ node: Node, _ here: Situation, _ hook: nf_inet_hooks)
        -> [String]
    {
        commands(chain, owner, node, here, hook) + doctor(owner, node, hook)
    }

    /// The doctor looks at the caller's own host alone.
    private static func doctor(_ owner: Owner?, _ node: Node, _ hook: nf_inet_hooks) -> [String] {
        guard node.reference.namespace == "/proc/thread-self/ns/net", hook == NF_INET_FORWARD else { return [] }
        let rules = ["Docker": "docker-forward", "ufw": "ufw", "firewalld": "firewalld"]
        return owner.flatMap { rules[$0.name] }.map { ["berth doctor --fix firewall.\($0)"] } ?? []
    }

    private static func commands(
        _ chain: Chain, _ owner: Owner?, _ node: Node, _ here: Situation, _ hook: nf_inet_hooks
    ) -> [String] {
        let output = here.output?.name
        let isPublished = here.flow?.rewritesDestination == true
        let program = here.packet.family == .v4 ? "iptables" : "ip6tables"
        let isIptables = chain.isLegacy || chain.name == Walk.name(hook).ascii(uppercase: true)
        // A kernel's message about another packet, without which the sender waits for nothing.
        if here.packet.inner != nil, chain.hook != nil {
            let isV4 = here.packet.family == .v4
            if isIptables {
                let match =
                    isV4 ? "-p icmp --icmp-type destination-unreachable" : "-p ipv6-icmp --icmpv6-type packet-too-big"
                return [
                    "\(node.name): \(program)\(chain.isLegacy ? "-legacy" : "") -I \(chain.name) \(match) -j ACCEPT"
                ]
            }
            let match =
                isV4 ? "icmp type destination-unreachable" : "icmpv6 type { destination-unreachable, packet-too-big }"
            return ["\(node.name): nft insert rule \(chain.words) \(match) accept"]
        }
        switch (owner?.name, Walk.name(hook)) {
        case ("Docker"?, "forward"):
            guard let output else { return [] }
            let match = isPublished ? "-m conntrack --ctstate DNAT" : "-d \(here.packet.destination)"
            return ["\(node.name): \(program) -I DOCKER-USER -o \(output) \(match) -j ACCEPT"]
        case ("ufw"?, "forward"):
            return [
                "\(node.name): ufw route allow\(output.map { " out on \($0)" } ?? "") to \(here.packet.destination)"
            ]
        case ("ufw"?, "input"):
            return [
                "\(node.name): ufw allow \(here.packet.destinationPort ?? 0)/\(here.packet.proto == 17 ? "udp" : "tcp")"
            ]
        case ("firewalld"?, _):
            return [
                "\(node.name): firewall-cmd --zone=trusted --change-interface=\((here.input ?? here.output)?.name ?? "br0")"
            ]
        default: break
        }
        guard chain.hook != nil else { return [] }
        let what =
            isPublished
            ? "ct status dnat" : "\(here.packet.family == .v4 ? "ip" : "ip6") daddr \(here.packet.destination)"
        if isIptables {
            let match = isPublished ? "-m conntrack --ctstate DNAT" : "-d \(here.packet.destination)"
            return ["\(node.name): \(program)\(chain.isLegacy ? "-legacy" : "") -I \(chain.name) \(match) -j ACCEPT"]
        }
        return ["\(node.name): nft insert rule \(chain.words) \(what) accept"]
    }
}

extension String {
    func ascii(uppercase: Bool) -> String {
        String(decoding: utf8.map { (0x61...0x7a).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
    }
}
