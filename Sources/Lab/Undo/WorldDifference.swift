import CKernel
import Glibc
import NetCore

/// What was done to a world between two moments, in words: "iptables rule nat PREROUTING 1".
enum WorldDifference {
    static func words(_ names: [String], from before: [NodeState], to now: [NodeState]) -> [String] {
        var words: [String] = []
        for (place, name) in names.enumerated() where before[place] != now[place] {
            words += node(from: before[place], to: now[place]).map { name == "host" ? $0 : "\($0) in \(name)" }
        }
        return words
    }

    private static func node(from before: NodeState, to now: NodeState) -> [String] {
        let (links, touched) = links(from: before, to: now)
        var words = links
        words += messages(from: before, to: now, touched)
        words += parameters(from: before.parameters, to: now.parameters)
        words += nft(from: before.nft, to: now.nft)
        words += legacy(from: before.legacy, to: now.legacy)
        return words
    }

    private static func links(from before: NodeState, to now: NodeState) -> ([String], Set<Int32>) {
        var words: [String] = []
        var touched: Set<Int32> = []
        for link in now.links {
            guard let old = before.links.first(where: link.isSame) else {
                words.append("link \(link.name)")
                touched.insert(link.index)
                continue
            }
            guard old != link else { continue }
            // The other end of a cable that was pulled: nothing was done to it.
            if LinkState.differOnlyBelow(old, link) { continue }
            words.append(link.words(since: old))
            touched.insert(link.index)
        }
        for link in before.links where !now.links.contains(where: link.isSame) {
            words.append("removal of link \(link.name)")
            touched.insert(link.index)
        }
        return (words, touched)
    }

    private static func messages(from before: NodeState, to now: NodeState, _ touched: Set<Int32>) -> [String] {
        var words: [String] = []
        var quiet: [String] = []
        let all = now.links + before.links
        let name = { (index: Int32) in all.first { $0.index == index }?.name ?? "link \(index)" }
        for kind in KernelMessages.allCases {
            let (old, new) = (before.messages[kind.rawValue], now.messages[kind.rawValue])
            for one in new where !old.contains(one) {
                if kind.followsByItself(one) {
                    quiet.append(kind.words(one, name))
                } else {
                    words.append(kind.words(one, name))
                }
            }
            for one in old where !new.contains(one) {
                let text = "removal of \(kind.words(one, name))"
                let follows = kind.followsByItself(one) || kind.link(one).map(touched.contains) ?? false
                if follows { quiet.append(text) } else { words.append(text) }
            }
            if kind == .address, old != new, Set(old) == Set(new) {
                for link in KernelMessages.reordered(old, new) { words.append("order of addresses on \(name(link))") }
            }
        }
        return words.isEmpty && touched.isEmpty ? quiet : words
    }

    private static func parameters(from before: ParameterState, to now: ParameterState) -> [String] {
        let changes = before.differences(now)
        let hasSwitch = changes.contains { $0.path == "net/ipv4/ip_forward" }
        let sweeping = changes.map(\.path).filter {
            $0.hasPrefix("net/ipv4/conf/all/") || $0.hasPrefix("net/ipv6/conf/all/")
        }
        return changes.filter { change in
            if hasSwitch, change.path.hasPrefix("net/ipv4/conf/"),
                ["/forwarding", "/accept_redirects"].contains(where: change.path.hasSuffix)
            {
                return false
            }
            // "all" is written through to each link for some.
            let parts = change.path.split(separator: "/").map(String.init)
            if parts.count == 5, parts[3] != "all", sweeping.contains("net/\(parts[1])/conf/all/\(parts[4])") {
                return false
            }
            return !change.path.hasSuffix("/mtu")
        }.map { change in
            let parts = change.path.split(separator: "/").map(String.init)
            return parts.joined(by: ".") + "=" + change.there
        }
    }

    /// "iptables" or "ip6tables" where nftables' table is one of theirs.
    private static func program(_ table: NftState.TableName, _ content: NftState.Table) -> String? {
        guard [UInt8(NFPROTO_IPV4), UInt8(NFPROTO_IPV6)].contains(table.family),
            ["filter", "nat", "mangle", "raw", "security"].contains(table.name),
            content.chains.allSatisfy({ $0.name == $0.name.uppercased() || $0.place.isEmpty })
        else { return nil }
        return table.family == UInt8(NFPROTO_IPV4) ? "iptables" : "ip6tables"
    }

    private static func nft(from before: NftState, to now: NftState) -> [String] {
        var words: [String] = []
        let families: [UInt8: String] = [1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"]
        for name in Set(before.tables.keys).union(now.tables.keys).sorted() {
            let (old, new) = (before.tables[name], now.tables[name])
            guard old != new, let some = new ?? old else { continue }
            let program = program(name, some)
            let title = "\(families[name.family] ?? "?") \(name.name)"
            if program == nil, old == nil || new == nil {
                words.append("\(new == nil ? "removal of " : "")nft table \(title)")
                continue
            }
            let place = program.map { "\($0) rule \(name.name)" } ?? "nft rule \(title)"
            let (empty, full) = (old ?? NftState.Table(), new ?? NftState.Table())
            var own: [String] = []
            for chain in full.chains {
                let known = empty.chain(like: chain)
                if known == nil, program == nil || chain.place.isEmpty {
                    own.append("\(program ?? "nft") chain \(program == nil ? title : name.name) \(chain.name)")
                    if program == nil { continue }
                }
                if let known, known.policy != chain.policy {
                    own.append("policy of \(program == nil ? title : "\(program!) \(name.name)") \(chain.name)")
                }
                own += rules(known?.rules ?? [], chain.rules, "\(place) \(chain.name)")
            }
            for chain in empty.chains where full.chain(like: chain) == nil {
                if program != nil { own += rules(chain.rules, [], "\(place) \(chain.name)") }
                if program == nil || chain.place.isEmpty {
                    own.append(
                        "removal of \(program ?? "nft") chain \(program == nil ? title : name.name) \(chain.name)")
                }
            }
            for set in full.sets where !empty.sets.contains(set) { own.append("nft set \(title) \(set.name)") }
            for set in empty.sets where full.set(like: set) == nil {
                own.append("removal of nft set \(title) \(set.name)")
            }
            // Elements that only went are told by the set, which stands.
            if own.isEmpty, program != nil {
                own.append("\(new == nil ? "removal of " : "")\(program!) table \(name.name)")
            }
            words += own.isEmpty ? ["nft table \(title)"] : own
        }
        return words
    }

    private static func rules<Rule: Equatable>(_ old: [Rule], _ new: [Rule], _ place: String) -> [String] {
        let kept = NftReturn.common(old, new)
        return new.indices.filter { kept[$0] == nil }.map { "\(place) \($0 + 1)" }
            + old.indices.filter { !kept.values.contains($0) }.map { "removal of \(place) \($0 + 1)" }
    }

    private static func legacy(from before: LegacyState, to now: LegacyState) -> [String] {
        var words: [String] = []
        let builtIn = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        for name in Set(before.tables.keys).union(now.tables.keys).sorted() {
            let (old, new) = (before.tables[name], now.tables[name])
            guard old != new else { continue }
            let layout: LegacyState.Layout = name.isV6 ? .v6 : .v4
            let program = name.isV6 ? "ip6tables" : "iptables"
            let (was, has) = (old?.chains(layout) ?? [], new?.chains(layout) ?? [])
            var own: [String] = []
            for chain in has {
                let known = was.first { $0.name == chain.name }?.rules
                own += rules(
                    known?.dropLast() ?? [], Array(chain.rules.dropLast()), "\(program) rule \(name.name) \(chain.name)"
                )
                if let known, known.last != chain.rules.last {
                    own.append("policy of \(program) \(name.name) \(chain.name)")
                }
                if known == nil, chain.rules.isEmpty || !builtIn.contains(chain.name) {
                    own.append("\(program) chain \(name.name) \(chain.name)")
                }
            }
            for chain in was where !has.contains(where: { $0.name == chain.name }) {
                own += rules(chain.rules.dropLast(), [], "\(program) rule \(name.name) \(chain.name)")
                if builtIn.contains(chain.name) { continue }
                own.append("removal of \(program) chain \(name.name) \(chain.name)")
            }
            words += own.isEmpty ? ["\(program) table \(name.name)"] : own
        }
        return words
    }
}

extension KernelMessages {
    /// Addresses bring and take such routes along: proto kernel.
    func followsByItself(_ message: [UInt8]) -> Bool { self == .route && message.count > 5 && message[5] == 2 }

    /// The links whose addresses of IPv4 are others, or in another order: the first of a network is what the kernel takes as sender.
    static func reordered(_ old: [[UInt8]], _ new: [[UInt8]]) -> [Int32] {
        func byLink(_ all: [[UInt8]]) -> [Int32: [[UInt8]]] {
            Dictionary(grouping: all.filter { $0.first == UInt8(AF_INET) }) { KernelMessages.address.link($0) ?? 0 }
        }
        let (before, now) = (byLink(old), byLink(new))
        return now.keys.filter { before[$0] != now[$0] }.sorted()
    }

    /// The link that it is on.
    func link(_ message: [UInt8]) -> Int32? {
        switch self {
        case .route:
            return Attribute.list(message[12...])[type: Int(RTA_OIF.rawValue)]?.u32.map { Int32(bitPattern: $0) }
        case .rule: return nil
        // NHA_OIF.
        case .nexthop: return Attribute.list(message[8...])[type: 5]?.u32.map { Int32(bitPattern: $0) }
        default: return message.count >= 8 ? Int32(bitPattern: RawAttribute.number(message[4...])) : nil
        }
    }
}

extension LinkState {
    static func differOnlyBelow(_ one: LinkState, _ other: LinkState) -> Bool {
        var copy = other
        (copy.below, copy.belowNode) = (one.below, one.belowNode)
        return one == copy
    }
}
