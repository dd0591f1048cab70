import Explain
import Inspect
import NetCore

/// Rules of forwarding that ask the evaluator.
extension HealthRule {
    /// A device with a way out of its own, in whatever table, by which answers to strangers do not leave.
    static func reversePath(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        var (findings, seen): ([HealthFinding], [String]) = ([], [])
        let all = try examination.number("net/ipv4/conf/all/rp_filter") ?? 0
        let best = try Explainer.waysOut(of: Examination.host).first { $0.address.family == .v4 }
        for link in try examination.uplinks(.v4) {
            let path = "net/ipv4/conf/\(link.name)/rp_filter"
            guard let own = try examination.number(path) else { continue }
            let words =
                "rp_filter of \(link.name) is \(max(all, own)): the higher of all (\(all)) and \(link.name) (\(own))"
            seen.append(words)
            guard max(all, own) == 1, let best, best.device != link.name else { continue }
            // 2 is loose, and the higher number counts: all's 1 does not matter then.
            findings.append(
                HealthFinding(
                    id, .error, path.dotted,
                    "what strangers send by \(link.name) is dropped: the way back to them is \(best.device)",
                    evidence: words
                        + "; a default route stands by \(link.name), and RTM_GETROUTE to \(best.address) says \(best.device)",
                    remedy: .parameter(path, "2", was: "\(own)")))
        }
        return Judgement(findings, else: seen.isEmpty ? "no default route of IPv4" : seen.joined(by: "; "))
    }

    /// Neighbours on one bridge ask each other.
    static func withinBridges(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        var on: [String] = []
        for name in ["iptables", "ip6tables", "arptables"] {
            if try examination.number("net/bridge/bridge-nf-call-\(name)") ?? 0 != 0 {
                on.append("bridge-nf-call-\(name)")
            }
        }
        guard !on.isEmpty else { return .passed("net.bridge.bridge-nf-call-* is 0, or br_netfilter is not there") }
        let standing = try examination.standing()
        var questions: [(String, AddressFamily, ReachQuestion, [NodeReference])] = []
        for bridge in try examination.ownBridges() {
            for family in AddressFamily.allCases {
                let there = standing.compactMap { one -> (Standing, IPAddress)? in
                    for entry in one.entries where entry.bridge == bridge {
                        for text in entry.addresses {
                            if let prefix = IPPrefix(text), prefix.family == family { return (one, prefix.address) }
                        }
                    }
                    return nil
                }
                guard there.count > 1 else { continue }
                questions.append(
                    (
                        bridge, family, ReachQuestion(source: there[0].0.node.name, address: there[1].1, port: 80),
                        [there[0].0.node, there[1].0.node]
                    ))
            }
        }
        let answers = try examination.evaluate(questions.map { ($0.2, $0.3) })
        let gates = try examination.gates()
        let keeper = gates.first { $0.owner == "Kubernetes" || $0.owner == "Docker" }?.owner
        var findings: [HealthFinding] = []
        for ((bridge, family, question, _), answer) in zip(questions, answers) {
            guard let gate = answer.gatekeeper, gate.chain.owner != "berth" else { continue }
            let path = "net/bridge/bridge-nf-call-\(family == .v4 ? "iptables" : "ip6tables")"
            findings.append(
                HealthFinding(
                    id, .error, "\(bridge) \(family == .v4 ? "IPv4" : "IPv6")",
                    "neighbours on \(bridge) do not reach each other: \(answer.reason)",
                    evidence:
                        "\(path.dotted) is 1; evaluated: \(question.source) → \(question.address):80 ends at \(gate.place)",
                    remedy: .parameter(
                        path, "0", was: "1",
                        toldOnly: keeper.map {
                            "\($0)'s rules for frames within its bridges need it: let \(bridge) through there instead"
                        })))
        }
        return Judgement(
            findings,
            else:
                "\(on.joined(by: ", ")) on, and \(questions.count.counted("pair")) of neighbours evaluated: they reach each other"
        )
    }

    /// Each container asks its own published port.
    static func hairpins(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let standing = try examination.standing()
        let own = try examination.addresses().filter { !$0.prefix.address.isLoopback && !$0.prefix.address.isLinkLocal }
        var questions: [(String, String, ReachQuestion)] = []
        for one in standing {
            for entry in one.entries {
                for port in entry.ports {
                    guard let published = Published(port.published),
                        let address = published.address
                            ?? own.first(where: { $0.prefix.family == published.family })?
                            .prefix.address, !address.isLoopback
                    else { continue }
                    questions.append(
                        (
                            one.node.name, port.published,
                            ReachQuestion(
                                source: one.node.name, address: address, port: published.port, isUDP: published.isUDP)
                        ))
                }
            }
        }
        let answers = try examination.evaluate(
            questions.map { one in (one.2, standing.filter { $0.node.name == one.0 }.map(\.node)) })
        var findings: [HealthFinding] = []
        for ((name, port, _), answer) in zip(questions, answers) {
            guard let link = answer.closedHairpin else { continue }
            findings.append(
                HealthFinding(
                    id, .warning, link, "\(name) does not reach its own port \(port): \(answer.reason)",
                    evidence: "evaluated: \(name) → \(port); IFLA_BRPORT_MODE of \(link) is 0",
                    remedy: Remedy(
                        [["bridge", "link", "set", "dev", link, "hairpin", "on"]],
                        undo: [["bridge", "link", "set", "dev", link, "hairpin", "off"]])))
        }
        return Judgement(
            findings, else: questions.isEmpty ? "no port is published" : "every container's own ports come back to it")
    }
}
