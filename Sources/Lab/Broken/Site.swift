import NetCore

/// What most broken worlds were before: web's port 80 is published as host's port 8080, and the bridge's nodes go out by
/// host's address.
extension Both {
    /// `rules` of nft, in one transaction; the lines of iptables, in one shell.
    static func rules(nft: String, iptables: String, _ reason: String = "") -> Both {
        Both(
            nft: [LessonCommand("host", "nft -f - <<'END'\n\(nft)\nEND", reason)],
            iptables: [LessonCommand("host", iptables, reason)])
    }

    /// The chain anew, with these rules.
    static func chain(_ name: String, nft: [String], iptables: String, _ reason: String = "") -> Both {
        rules(
            nft: (["flush chain ip lab \(name)"] + nft.map { "add rule ip lab \(name) \($0)" }).joined(by: "\n"),
            iptables: iptables, reason)
    }

    static let site = rules(
        nft: """
            table ip lab {
             chain prerouting {
              type nat hook prerouting priority -100;
              fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
             }
             chain output {
              type nat hook output priority -100;
              fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
             }
             chain forward {
              type filter hook forward priority 0; policy drop;
              ct state established,related accept
              oifname "br0" ct status dnat accept
              iifname "br0" accept
             }
             chain postrouting {
              type nat hook postrouting priority 100;
              ip saddr 10.88.0.0/24 oifname "eth0" masquerade
              ip saddr 10.88.0.0/24 oifname "br0" ct status dnat masquerade
             }
            }
            """,
        iptables: """
            set -e
            for chain in PREROUTING OUTPUT; do
             iptables -t nat -A $chain -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80
            done
            iptables -P FORWARD DROP
            iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
            iptables -A FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT
            iptables -A FORWARD -i br0 -j ACCEPT
            iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o eth0 -j MASQUERADE
            iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o br0 -m conntrack --ctstate DNAT -j MASQUERADE
            """, "the site as it was built")
}

extension WorldDescription {
    /// The standard world, in which inet knows the way to the bridge's network: what is to stay outside is kept out by host.
    static let site: WorldDescription = {
        var world = StandardWorlds.standard
        let inet = world.nodes.firstIndex { $0.name == "inet" }!
        world.nodes[inet].routes.append(RouteDescription(.init("10.88.0.0/24")!, via: .init("198.51.100.2")!))
        return world
    }()

    func changing(_ node: String, _ change: (inout NodeDescription) -> Void) -> WorldDescription {
        var world = self
        change(&world.nodes[world.nodes.firstIndex { $0.name == node }!])
        return world
    }
}

extension [Lesson.Service] {
    static let site: [Lesson.Service] = ["web", "app", "client"].map { Lesson.Service(node: $0, port: 80) }
}
