/// What a picture says in words beside a thing, so that no meaning hangs on a colour or a shape alone.
extension NetworkMap.Node {
    /// Links that are a reader's business: lo only where it is down, has an address of its own, or is all there is.
    public var shownLinks: [NetworkMap.Link] {
        let others = links.filter { !$0.isLoopback }
        return links.filter { link in
            !link.isLoopback || others.isEmpty || !link.isUp
                || link.addresses.contains { $0 != "127.0.0.1/8" && $0 != "::1/128" }
        }
    }

    /// A published port is rewritten here: the hook before routing holds a NAT rule.
    var rewritesDestinations: Bool {
        gates.contains { $0.hook == "prerouting" && $0.chains.contains { $0.type == "nat" && $0.rules > 0 } }
    }

    public var badges: [String] {
        var words: [String] = []
        let linked = { (isV6: Bool) in
            links.count { link in
                !link.isLoopback && link.addresses.contains { $0.utf8.contains(UInt8(ascii: ":")) == isV6 }
            }
        }
        if linked(false) > 1, !forwardsIPv4 { words.append("forward off") }
        if linked(true) > 1, !forwardsIPv6 { words.append("IPv6 forward off") }
        if !hasGateway, !forwardsIPv4, !forwardsIPv6 { words.append("no route") }
        let most = 6
        words += listening.prefix(most).map(\.badge)
        if listening.count > most { words.append("\(listening.count - most) more listening") }
        return words
    }
}

extension NetworkMap.Listener {
    public var badge: String {
        let host = address.map { $0.utf8.contains(UInt8(ascii: ":")) ? "[\($0)]" : $0 } ?? ""
        return "\(host):\(port)\(proto == "tcp" ? "" : "/\(proto)") listening"
    }
}

extension NetworkMap.Link {
    /// `node` is the one that the link is in.
    public func badges(in node: NetworkMap.Node) -> [String] {
        var words: [String] = []
        if !isUp {
            words.append("DOWN")
        } else if lacksCarrier {
            words.append("no carrier")
        }
        // Every port is so at first: it is worth a word where a neighbour may come by a published port.
        if hairpin == false, node.rewritesDestinations { words.append("hairpin off") }
        if isolated == true { words.append("isolated") }
        if leadsElsewhere { words.append("leads elsewhere") }
        return words
    }

    /// "vlan 10", "macvlan", "bridge", … ; nil for what every picture is full of.
    public var kindWord: String? {
        guard let kind, kind != "veth", kind != "loopback" else { return nil }
        return vlan.map { "\(kind) \($0)" } ?? kind
    }
}

extension NetworkMap.Gate {
    /// "2 rules", "1 rule, policy drop", "policy drop".
    public var words: String {
        var parts: [String] = []
        if rules > 0 { parts.append("\(rules) rule\(rules == 1 ? "" : "s")") }
        if drops { parts.append("policy drop") }
        return parts.joined(separator: ", ")
    }
}
