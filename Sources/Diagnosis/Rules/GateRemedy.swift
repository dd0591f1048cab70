import Explain
import Inspect
import NetCore

/// What lets a packet through somebody else's gate, by that owner's own command.
enum GateRemedy {
    static func of(_ gate: Gatekeeper, _ asked: Asked, _ id: RuleID) -> Remedy {
        guard gate.hook == "forward" || gate.hook == "prerouting" && gate.chain.owner == nil else {
            return .told("see what \(gate.place) is for: nft list ruleset, iptables-save")
        }
        // Not the end of a list, but a rule that says no: somebody wanted it so.
        let isWanted = !gate.isPolicy && gate.owner != "firewalld" && id.name != "kubernetes"
        if isWanted {
            return .told(
                "the rule at \(gate.place) says so, and somebody put it there: see it (nft -a list ruleset, iptables-save), and take it away when it is not meant"
            )
        }
        let bridge = asked.bridge ?? gate.output ?? gate.input ?? "BRIDGE"
        switch id.name {
        case "docker-forward": return iptables("DOCKER-USER", gate, asked, bridge)
        case "ufw": return ufw(gate, asked, bridge)
        case "firewalld": return firewalld(asked)
        case "kubernetes":
            var remedy = iptables("FORWARD", gate, asked, bridge)
            remedy.toldOnly = "kube-proxy and the cluster's network own these rules, and write them anew"
            return remedy
        default:
            if gate.chain.isIptables, gate.chain.words.hasPrefix("ip"), gate.hook == "forward" {
                return iptables(gate.chain.name, gate, asked, bridge)
            }
            let match = asked.purpose == .outbound ? "iifname \(bridge)" : "oifname \(bridge) ct status dnat"
            return Remedy(
                [
                    ["nft", "insert", "rule"] + gate.chain.words.split(separator: " ").map(String.init)
                        + match.split(separator: " ").map(String.init) + ["accept"]
                ],
                toldOnly: "somebody made that table: put the rule where it is made, or the next reload loses it")
        }
    }

    /// The new flow's packets, and those that come back.
    private static func iptables(_ chain: String, _ gate: Gatekeeper, _ asked: Asked, _ bridge: String) -> Remedy {
        let family = asked.answer.question.address.family
        let program = "\(family == .v4 ? "iptables" : "ip6tables")-\(gate.chain.isLegacy ? "legacy" : "nft")"
        let answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"]
        let rules: [[String]] =
            asked.purpose == .outbound
            ? [["-i", bridge, "-o", asked.uplink, "-j", "ACCEPT"], ["-o", bridge] + answers]
            : [["-o", bridge, "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"], ["-i", bridge] + answers]
        return Remedy(
            rules.map { [program, "-w", "-I", chain] + $0 }, undo: rules.map { [program, "-w", "-D", chain] + $0 })
    }

    private static func ufw(_ gate: Gatekeeper, _ asked: Asked, _ bridge: String) -> Remedy {
        var words: [String]
        switch asked.purpose {
        case .outbound: words = ["allow", "in", "on", bridge, "out", "on", asked.uplink]
        case .published:
            words = ["allow", "in", "on", asked.uplink, "out", "on", bridge, "to", "\(gate.destination)"]
            if let port = gate.port {
                words += ["port", "\(port)", "proto", asked.answer.question.isUDP ? "udp" : "tcp"]
            }
        }
        return Remedy([["ufw", "route"] + words], undo: [["ufw", "route", "delete"] + words])
    }

    /// At run time alone: a reload of firewalld's, or the next boot, forgets it.
    private static func firewalld(_ asked: Asked) -> Remedy {
        let family = asked.answer.question.address.family
        let networks = Set(asked.prefixes.filter { $0.family == family }.map { "\($0.network)" }).sorted()
        return Remedy(
            networks.map { ["firewall-cmd", "--zone=trusted", "--add-source=\($0)"] },
            undo: networks.map { ["firewall-cmd", "--zone=trusted", "--remove-source=\($0)"] })
    }
}
