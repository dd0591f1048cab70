import CKernel
import Glibc
import NetCore
import Trace

/// The verbs of `berth net` that make rules, show them and take them away.
enum NetRules {
    static let masquerade = NetVerb(
        name: "masquerade",
        forms: ["berth net masquerade NETWORK", "berth net masquerade NETWORK [not] out LINK"],
        run: { (words, call) throws(LabError) in try add("masquerade", &words, call) })

    static let publish = NetVerb(
        name: "publish",
        forms: [
            "berth net publish PORT[/udp] to ADDRESS:PORT", "berth net publish PORT[/udp] to NODE:PORT",
            "berth net publish PORT to NODE:PORT output    for this node's own programs",
        ],
        run: { (words, call) throws(LabError) in try add("publish", &words, call) })

    static let accept = NetVerb(
        name: "accept", forms: ["berth net accept published", "berth net accept established"],
        run: { (words, call) throws(LabError) in try add("accept", &words, call) })

    static let policy = NetVerb(
        name: "policy", forms: ["berth net policy forward|input|output drop|accept"],
        run: { (words, call) throws(LabError) in
            let name = try words.next("the gate")
            let gates = ["forward": NetRule.forward, "input": NetTable.input, "output": NetTable.leaving]
            guard let chain = gates[name] else {
                throw words.fault("\"\(name)\" is no gate that has a policy", cause: "it is forward, input or output")
            }
            let word = try words.next("the policy")
            guard ["drop", "accept"].contains(word) else {
                throw words.fault("\"\(word)\" is no policy", cause: "it is drop or accept")
            }
            try words.end()
            try NetTable.change("set the policy of \(name) to \(word)") { (transaction) throws(KernelError) in
                try transaction.ensureTable()
                try transaction.ensure(chain, drops: word == "drop")
            }
            call.same(
                NetTable.commands(chain, drops: word == "drop"),
                ["iptables -P \(name.uppercased()) \(word.uppercased())"])
            return 0
        })

    static let rules = NetVerb(
        name: "rules", forms: ["berth net rules"],
        run: { (words, call) throws(LabError) in
            try words.end()
            let rules = try NetTable.rules()
            let chains = try NetTable.policies()
            if chains.isEmpty { call.say("berth net has made no rules here") }
            for (chain, drops) in chains {
                guard let hook = chain.hook else { continue }
                call.say(
                    "inet \(NetTable.name) \(chain.name)  (\(hook.name) \(hook.priority) \(hook.type), policy "
                        + "\(drops ? "drop" : "accept"))")
                for standing in rules where standing.chain.name == chain.name {
                    let text = standing.rule?.words ?? "somebody else's: \(standing.found.rule.comment ?? "no comment")"
                    let count = standing.found.packets.map { "  \($0) packet\($0 == 1 ? "" : "s")" } ?? ""
                    call.say("    #\(standing.found.handle)  \(text)\(count)")
                }
            }
            for other in try others() { call.say("\(other)  (not berth net's: berth rules --all, nft or iptables)") }
            return 0
        })

    static let remove = NetVerb(
        name: "remove",
        forms: [
            "berth net remove NUMBER    as berth net rules shows it", "berth net remove publish PORT[/udp]",
            "berth net remove masquerade NETWORK", "berth net remove accept published|established",
            "berth net remove all",
        ],
        run: { (words, call) throws(LabError) in
            if words.take("all") { return try removeAll(words, call) }
            let standing = try NetTable.rules()
            let (what, chosen) = try named(&words, standing)
            try words.end()
            guard !chosen.isEmpty else {
                throw LabError(
                    .name, "there is no \(what) to remove",
                    cause: standing.isEmpty ? "berth net has made no rules here" : nil,
                    fix: "see what there is: berth net rules")
            }
            try NetTable.change("remove \(what)") { (transaction) throws(KernelError) in
                for one in chosen { try transaction.deleteRule(one.found.handle, ofChain: one.chain.name) }
            }
            call.same(
                chosen.map { "nft delete rule inet \(NetTable.name) \($0.chain.name) handle \($0.found.handle)" },
                chosen.compactMap { $0.rule?.iptables("-D") })
            return 0
        })

    private static func add(_ verb: String, _ words: inout NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        let rule = try NetRule(verb, &words)
        try words.end()
        let standing = try NetTable.rules()
        if let same = standing.first(where: { $0.rule == rule }) {
            throw LabError(
                .exists, "that rule stands already", cause: "number \(same.found.handle): \(rule.words)",
                fix: "see its counter: berth net rules; to remove it: berth net remove \(same.found.handle)")
        }
        if let other = rival(of: rule, among: standing) {
            throw LabError(
                .exists, "that port is published already", cause: "number \(other.found.handle): \(other.rule!.words)",
                fix: "remove that first: berth net remove \(other.found.handle)")
        }
        try NetTable.change(rule.words) { (transaction) throws(KernelError) in
            try transaction.ensureTable()
            try transaction.ensure(rule.chain)
            try transaction.addRules([rule.rule], to: rule.chain.name)
        }
        call.same(
            NetTable.commands(rule.chain)
                + ["nft 'add rule inet \(NetTable.name) \(rule.chain.name) \(rule.rule)'"],
            [rule.iptables("-A")])
        return 0
    }

    /// One that takes the same packets: the second would never be asked.
    private static func rival(of rule: NetRule, among standing: [NetTable.Standing]) -> NetTable.Standing? {
        guard case .publish(let proto, let port, let address, _, let fromHere) = rule else { return nil }
        return standing.first {
            guard case .publish(proto, port, let other, _, fromHere)? = $0.rule else { return false }
            return other.family == address.family
        }
    }

    private static func named(
        _ words: inout NetWords, _ standing: [NetTable.Standing]
    ) throws(LabError) -> (String, [NetTable.Standing]) {
        let word = try words.next("what is to be removed")
        switch word {
        case "publish":
            let (proto, port) = try words.port()
            // As it was made, if it is written out.
            if words.take("to", "→") { _ = words.next() }
            let isOutput = words.take("output")
            return (
                "published port \(port)",
                standing.filter {
                    guard case .publish(proto, port, _, _, let fromHere)? = $0.rule else { return false }
                    return !isOutput || fromHere
                }
            )
        case "masquerade":
            let source = try words.prefix("network").network
            while words.next() != nil {}
            return (
                "masquerade of \(source)",
                standing.filter {
                    guard case .masquerade(source, _)? = $0.rule else { return false }
                    return true
                }
            )
        case "accept":
            let rule = try NetRule("accept", &words)
            return (rule.words, standing.filter { $0.rule == rule })
        default:
            guard let number = UInt64(word) else {
                throw words.fault("\"\(word)\" is no number, and nothing that it can remove")
            }
            return ("rule \(number)", standing.filter { $0.found.handle == number })
        }
    }

    private static func removeAll(_ words: NetWords, _ call: NetCall) throws(LabError) -> Int32 {
        try words.end()
        let before = try NetTable.rules()
        guard try !NetTable.policies().isEmpty else {
            throw LabError(
                .name, "there is nothing to remove", cause: "berth net has made no rules here",
                fix: "see what there is: berth net rules")
        }
        try NetTable.change("remove all that berth net has made") { (transaction) throws(KernelError) in
            try transaction.deleteTable()
        }
        call.same(["nft delete table inet \(NetTable.name)"], before.compactMap { $0.rule?.iptables("-D") })
        return 0
    }

    /// Base chains of other tables, which decide as well: what is dropped in one of them no other brings back.
    private static func others() throws(LabError) -> [String] {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            var found: [String] = []
            for hook in UInt32(0)...4 {
                found += try socket.foreignChains(hook: hook, except: NetTable.name).map {
                    "\($0)\($0.drops ? "  policy drop" : "")"
                }
            }
            return found
        } catch {
            throw LabError(net: error, "look for other tables", show: "berth net rules")
        }
    }
}
