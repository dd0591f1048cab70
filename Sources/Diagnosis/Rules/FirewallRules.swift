import Explain
import Glibc
import Inspect
import NetCore

/// Whose rules stand before what containers need.
extension HealthRule {
    static let firewall: [HealthRule] =
        [
            gate("docker-forward", "Docker"), gate("ufw", "ufw"), gate("firewalld", "firewalld"),
            gate("kubernetes", "Kubernetes"), gate("libvirt", "libvirt"), gate("foreign-drop", nil),
            HealthRule(
                .firewall, "two-backends",
                why: "iptables shows only one of both kinds of rules, and an accept in one does not end the other"
            ) { (examination, id) throws(KernelError) in
                let gates = try examination.gates()
                let legacy = gates.filter { $0.isLegacy && ($0.rules > 0 || $0.drops) }
                let modern = gates.filter { !$0.isLegacy && ($0.rules > 0 || $0.drops) }
                let words = { (gates: [GateChain]) in
                    gates.map { "\($0.words) (\($0.rules.counted("rule"))\($0.drops ? ", policy drop" : ""))" }.joined(
                        by: ", ")
                }
                guard !legacy.isEmpty, !modern.isEmpty else {
                    return .passed(
                        legacy.isEmpty
                            ? "iptables-legacy holds no rules" : "nftables holds no rules, iptables-legacy does")
                }
                return .found([
                    HealthFinding(
                        id, .warning, "iptables-legacy and nftables", "both hold rules, and a packet has to pass both",
                        evidence: "legacy: \(words(legacy)); nftables: \(words(modern))",
                        remedy: .told(
                            "see both, iptables-legacy-save and nft list ruleset; let all programs use one (update-alternatives --set iptables /usr/sbin/iptables-nft), start them anew, and flush the other when nothing of it is needed"
                        ))
                ])
            },
            HealthRule(
                .firewall, "docker-chains",
                why:
                    "without its jumps Docker's own containers lose their network, and rules in DOCKER-USER are never asked"
            ) { (examination, id) throws(KernelError) in try dockerChains(examination, id) },
            HealthRule(
                .firewall, "published-past-input",
                why:
                    "a published port is redirected before input and takes forward: what ufw or an INPUT chain denies is never asked (berth lab start 11)"
            ) { (examination, id) throws(KernelError) in try pastInput(examination, id) },
            HealthRule(
                .firewall, "owned-rules", why: "without its rules a container's ports and its way out are gone"
            ) { (examination, id) throws(KernelError) in try ownedRules(examination, id) },
        ]

    // MARK: gates

    /// Nil: whoever is none of the known.
    private static func gate(_ name: String, _ owner: String?) -> HealthRule {
        HealthRule(
            .firewall, name,
            why:
                "an accept in berth's table does not stop another table from dropping: every base chain of the hook is asked"
        ) { (examination, id) throws(KernelError) in
            let known = ["Docker", "ufw", "firewalld", "Kubernetes", "libvirt", "berth"]
            let isIts = { (gate: GateChain) in
                owner == nil ? !known.contains(gate.owner ?? "") : gate.owner == owner
            }
            let gates = try examination.gates().filter {
                isIts($0) && ["forward", "prerouting", "postrouting"].contains($0.hook)
            }
            let asked = try examination.answers()
            var findings: [HealthFinding] = []
            var counts: [String: Int] = [:]
            for one in asked {
                guard let gate = one.answer.gatekeeper, gate.node == Examination.host.name,
                    owner == nil ? !known.contains(gate.owner ?? "") : gate.owner == owner
                else {
                    continue
                }
                // A container asked: what stands in its way to the outside.
                let object = "\(gate.isPolicy ? gate.chain.words : gate.place) and \(one.bridge ?? one.node)"
                let remedy = GateRemedy.of(gate, one, id)
                if let index = findings.firstIndex(where: { $0.object == object }) {
                    // Of a hundred ports three are enough to see what it is about.
                    counts[object, default: 1] += 1
                    if counts[object]! <= 3 { findings[index].evidence += "; \(one.words): stopped by \(gate.place)" }
                    for (place, command) in remedy.commands.enumerated()
                    where !findings[index].remedy.commands.contains(command) {
                        findings[index].remedy.commands.append(command)
                        if remedy.undo.indices.contains(place) {
                            findings[index].remedy.undo.append(remedy.undo[place])
                        }
                    }
                    continue
                }
                let whose = gate.owner.map { "\($0)'s " } ?? ""
                findings.append(
                    HealthFinding(
                        id, .error, object,
                        "\(whose)\(gate.chain.words) \(gate.isPolicy ? "has policy drop, and nothing of it accepts" : "stops") \(one.purpose == .outbound ? "what leaves" : "what comes to") \(one.bridge.map { "bridge \($0)" } ?? one.node)",
                        evidence: "evaluated, every base chain of the hook: \(one.words): stopped by \(gate.place)",
                        remedy: remedy))
            }
            for (index, finding) in findings.enumerated() {
                guard let count = counts[finding.object], count > 3 else { continue }
                findings[index].evidence += "; and \(count - 3) more"
            }
            if !findings.isEmpty { return .found(findings) }
            // A question begins with the family, table and chain of the rule that it is about.
            let tables = Set(gates.map { $0.words.split(separator: " ").prefix(2).joined(separator: " ") + " " })
            let doubt = asked.flatMap { one in
                one.answer.depends.filter { condition in
                    condition.otherwise == .dropped && tables.contains { condition.on.hasPrefix($0) }
                }.map { "\(one.words) depends on \($0.on)" }
            }
            if let doubt = doubt.first {
                return .notChecked("\(doubt), which is not known before a packet comes")
            }
            let chains = gates.map { "\($0.words)\($0.drops ? " (policy drop)" : "")" }.joined(by: ", ")
            if gates.isEmpty { return .passed("no chain of \(owner.map { "\($0)'s" } ?? "anybody else's") at forward") }
            return .passed(
                asked.isEmpty
                    ? "no container stands that could be stopped by \(chains)"
                    : "\(asked.count.counted("packet")) evaluated, none stopped by \(chains)")
        }
    }

    // MARK: Docker's chains

    private static func dockerChains(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let chains = try Explainer.jumps(of: Examination.host, table: "filter")
        var (findings, seen): ([HealthFinding], [String]) = ([], [])
        for isLegacy in [false, true] {
            for family in AddressFamily.allCases {
                let these = chains.filter { $0.isLegacy == isLegacy && $0.family == family }
                guard these.contains(where: { $0.chain == "DOCKER" }) else { continue }
                let program = "\(family == .v4 ? "iptables" : "ip6tables")-\(isLegacy ? "legacy" : "nft")"
                let forward = these.first { $0.chain == "FORWARD" }?.targets ?? []
                // Since Docker 28 FORWARD has a jump to DOCKER-FORWARD alone, and that the others.
                for name in ["DOCKER-USER", "DOCKER-FORWARD"] {
                    let stands = these.contains { $0.chain == name }
                    if name == "DOCKER-FORWARD", !stands { continue }
                    if stands, forward.contains(name) {
                        seen.append("\(program): FORWARD jumps to \(name)")
                        continue
                    }
                    findings.append(
                        HealthFinding(
                            id, .warning, "\(program) \(name)",
                            stands
                                ? "FORWARD does not jump to it" : "Docker's chain DOCKER stands, and \(name) does not",
                            evidence:
                                "table filter of \(program) has \(these.map(\.chain).joined(by: " ")); FORWARD jumps to \(forward.isEmpty ? "nothing" : forward.joined(by: " "))",
                            remedy: Remedy(
                                [["systemctl", "restart", "docker"]],
                                toldOnly:
                                    "Docker makes its chains anew when it starts, and its containers may stop meanwhile"
                            )))
                }
            }
        }
        return Judgement(findings, else: seen.isEmpty ? "no chains of Docker's in table filter" : seen.joined(by: ", "))
    }

    // MARK: published ports and input

    private static func pastInput(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        var findings: [HealthFinding] = []
        var count = 0
        let others = try foreignPorts(examination)
        for one in try examination.answers() + others {
            guard case .published(let port) = one.purpose else { continue }
            count += 1
            // Reached, or on its way to where nobody here can look.
            let passes = [.reached, .beyond, .refused].contains(one.answer.verdict) && one.answer.gatekeeper == nil
            guard passes, one.answer.isTranslated else { continue }
            guard
                let gate = try Explainer.inputGate(
                    of: Examination.host, from: one.answer.question, device: one.uplink)
            else { continue }
            let number = one.answer.question.port.map { "\($0)" } ?? "?"
            let kind = one.answer.question.isUDP ? "udp" : "tcp"
            let inside = one.inside ?? 0
            let isOwn = inside > 0
            findings.append(
                HealthFinding(
                    id, .warning, port,
                    "anybody behind \(one.uplink) reaches it, although \(gate.chain.owner.map { "\($0)'s " } ?? "")\(gate.chain.words) would stop port \(number)/\(kind)",
                    evidence:
                        "evaluated: the packet is rewritten to \(one.node) and passes forward; a packet to this host's own port would be stopped by \(gate.place)",
                    remedy: Remedy(
                        isOwn
                            ? [
                                ["berth", "publish", "rm", one.node, "\(number):\(inside)/\(kind)"],
                                ["berth", "publish", "add", one.node, "127.0.0.1:\(number):\(inside)/\(kind)"],
                            ] : [],
                        toldOnly: isOwn
                            ? "it may be meant so; these keep it to this host"
                            : "it may be meant so: who published it can bind it to 127.0.0.1"
                    )))
        }
        return Judgement(findings, else: "\(count.counted("published port")) looked at")
    }

    /// Ports that others' rules of DNAT wait for, asked as a stranger would.
    private static func foreignPorts(_ examination: Examination) throws(KernelError) -> [Asked] {
        let asked = try Explainer.askedPorts(of: Examination.host)
        guard !asked.isEmpty else { return [] }
        var found: [Asked] = []
        for way in try Explainer.waysOut(of: Examination.host) {
            guard let link = try examination.link(way.device),
                let own = try examination.addresses().first(where: {
                    $0.link == link.index && $0.prefix.family == way.address.family && !$0.prefix.address.isLinkLocal
                })
            else { continue }
            let these = asked.filter { $0.family == way.address.family }
            // What becomes of it behind this host nobody needs to know.
            let answers = try Explainer.explain(
                all: these.map {
                    ReachQuestion(
                        source: Examination.host.name, address: own.prefix.address, port: $0.port, isUDP: $0.isUDP,
                        stranger: way.address)
                }, nodes: [Examination.host])
            for (port, answer) in zip(these, answers) {
                let words =
                    "\(own.prefix.address):\(port.port)/\(port.isUDP ? "udp" : "tcp") (\(port.owner ?? "somebody")'s rule in \(port.chain))"
                found.append(
                    Asked(
                        purpose: .published(words), node: "somebody's container", network: "", bridge: nil,
                        uplink: way.device, answer: answer))
            }
        }
        return found
    }
}

extension Int {
    /// "1 rule", "2 rules".
    func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
