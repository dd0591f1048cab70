import CKernel
import Glibc
public import JSON
public import NetCore

/// Every rule in a node's network, whoever made it: of nftables (iptables-nft's too) and of iptables-legacy, by chain.
public struct NodeRules: Hashable, Sendable {
    public struct Chain: Hashable, Sendable {
        /// "ip lab", or "ip nat" of iptables-legacy.
        public var table: String
        public var name: String
        /// "prerouting"; nil for one that others jump to.
        public var hook: String?
        /// As nft writes it: "-100", "filter", "dstnat + 5".
        public var priority: String?
        public var type: String?
        public var policy: String?
        public var isLegacy: Bool
        public var rules: [Rule] = []
    }

    public struct Rule: Hashable, Sendable {
        /// The handle; of iptables-legacy the place from 1.
        public var number: UInt64
        public var text: String
    }

    public private(set) var chains: [Chain] = []
    /// What could not be read, with the reason.
    public private(set) var unread: [String] = []

    public init() {}

    /// Of a node. Throws what the kernel refused; a program that is missing or fails is told in `unread`.
    public init(_ node: NodeReference) throws(TraceError) {
        do throws(KernelError) {
            let namespace = try NetworkNamespace(open: node.namespace)
            self = try namespace.inside { () throws(KernelError) in NodeRules.read() }
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    /// In the thread's namespace.
    private static func read() -> NodeRules {
        var rules = NodeRules()
        if let text = rules.output("nft", ["-a", "list", "ruleset"]) { rules.read(nft: text) }
        for (family, program, file) in [
            ("ip", "iptables-legacy", "ip_tables_names"), ("ip6", "ip6tables-legacy", "ip6_tables_names"),
        ] {
            // Asking for a table that is not there would make it.
            let bytes = (try? Files.read("/proc/thread-self/net/\(file)")) ?? []
            for table in String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init) {
                if let text = rules.output(program, ["-t", table, "-S"]) {
                    rules.read(legacy: text, table: "\(family) \(table)")
                }
            }
        }
        return rules
    }

    /// The rules of one chain of iptables-legacy in the thread's namespace, with their counters: what `iptables-legacy -vS` prints. Nil
    /// where it cannot be asked.
    public static func legacyListing(table: String, chain: String) -> String? {
        var rules = NodeRules()
        return rules.output("iptables-legacy", ["-t", table, "-v", "-S", chain])
    }

    private mutating func output(_ program: String, _ arguments: [String]) -> String? {
        for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"] {
            let path = "\(folder)/\(program)"
            guard access(path, X_OK) == 0 else { continue }
            let child = ChildProcess(
                path: path, arguments: arguments, environment: ListingProgram.environment,
                input: [],
                seconds: 20)
            do throws(KernelError) {
                let outcome = try child.run()
                if outcome.exitStatus == 0 { return String(decoding: outcome.output, as: UTF8.self) }
                unread.append("\(program) \(arguments.joined(by: " ")) failed: what it lists is missing here")
            } catch { unread.append("\(error)") }
            return nil
        }
        unread.append("\(program) is not installed: what it lists is missing here")
        return nil
    }

    /// What `nft -a list ruleset` prints.
    mutating func read(nft text: String) {
        var table = ""
        var chain: Chain?
        // Sets and maps within a table, whose elements look like anything.
        var isElsewhere = false
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            let depth = line.utf8.prefix { $0 == UInt8(ascii: "\t") }.count
            if depth == 0 {
                if words.first == "table", words.count >= 3 { table = "\(words[1]) \(words[2])" }
                continue
            }
            if depth == 1 {
                if let done = chain { chains.append(done) }
                chain = nil
                isElsewhere = words.first != "chain"
                if words.first == "chain", words.count >= 2 {
                    chain = Chain(table: table, name: words[1], isLegacy: false)
                }
                continue
            }
            guard !isElsewhere, chain != nil else { continue }
            if words.first == "type", let hook = words.firstIndex(of: "hook"), words.count > hook + 1 {
                chain?.type = words[1]
                chain?.hook = words[hook + 1]
                let parts = line.split(separator: ";").map { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }) }
                if let place = parts.first?.firstIndex(of: "priority") {
                    chain?.priority = (parts.first ?? []).dropFirst(place + 1).map(String.init).reduce(into: "") {
                        $0 += ($0.isEmpty ? "" : " ") + $1
                    }
                }
                chain?.policy = parts.first { $0.first == "policy" }?.last.map(String.init)
                continue
            }
            guard words.count > 3, words[words.count - 3] == "#", words[words.count - 2] == "handle",
                let handle = UInt64(words[words.count - 1])
            else { continue }
            chain?.rules.append(Rule(number: handle, text: Array(words.dropLast(3)).joined(by: " ")))
        }
        if let done = chain { chains.append(done) }
    }

    /// What `iptables-legacy -t TABLE -S` prints.
    mutating func read(legacy text: String, table: String) {
        let hooks = [
            "PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output",
            "POSTROUTING": "postrouting",
        ]
        let first = chains.count
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard words.count >= 2 else { continue }
            switch words[0] {
            case "-P", "-N":
                var chain = Chain(table: table, name: words[1], isLegacy: true)
                if words[0] == "-P" {
                    chain.hook = hooks[words[1]]
                    chain.policy = words.count > 2 ? words[2].lowercased() : nil
                }
                chains.append(chain)
            case "-A":
                guard let place = chains[first...].firstIndex(where: { $0.name == words[1] }) else { continue }
                let number = UInt64(chains[place].rules.count + 1)
                chains[place].rules.append(Rule(number: number, text: words.count > 2 ? words[2] : ""))
            default: break
            }
        }
    }
}

extension NodeRules.Chain {
    /// Whose it is, as far as its name tells; "somebody's" when it tells nothing.
    public var owner: String {
        if ["inet berth", "bridge berth"].contains(table) { return "berth" }
        let family = table.split(separator: " ").last.map(String.init) ?? ""
        if family.hasPrefix("berth_trace_") { return "berth trace" }
        for (start, who) in [
            ("DOCKER", "Docker"), ("KUBE-", "kube-proxy"), ("CNI-", "a CNI plugin"), ("NETAVARK", "Podman"),
            ("ufw", "ufw"), ("LIBVIRT_", "libvirt"), ("f2b-", "fail2ban"),
        ] where name.hasPrefix(start) { return who }
        for (start, who) in [
            ("firewalld", "firewalld"), ("libvirt", "libvirt"), ("netavark", "Podman"), ("docker", "Docker"),
        ]
        where family.hasPrefix(start) { return who }
        if isLegacy { return "iptables-legacy" }
        let tables = ["filter", "nat", "mangle", "raw", "security"]
        return ["ip ", "ip6 "].contains { start in tables.contains { table == start + $0 } }
            && name == name.uppercased()
            ? "iptables" : "somebody"
    }

}

extension NodeRules {
    /// Chains in the order in which a packet meets their hooks, those that others jump to behind them.
    public var ordered: [Chain] {
        let hooks = ["ingress", "prerouting", "input", "forward", "output", "postrouting", "egress"]
        func place(_ chain: Chain) -> Int { chain.hook.flatMap { hooks.firstIndex(of: $0) } ?? hooks.count }
        return chains.enumerated().sorted { (place($0.element), $0.offset) < (place($1.element), $1.offset) }.map(
            \.element)
    }

    /// A line a chain with hook, priority, policy and owner; below it its rules.
    public var text: String {
        guard !chains.isEmpty else { return "no rules\n" }
        var text = ""
        for chain in ordered {
            let place = [chain.hook ?? "jumped to", chain.priority, chain.type].compactMap { $0 }.joined(by: " ")
            let policy = chain.policy.map { ", policy \($0)" } ?? ""
            let kind = chain.isLegacy ? "legacy " : ""
            text += "\(kind)\(chain.table) \(chain.name)  (\(place)\(policy); owner: \(chain.owner))\n"
            for rule in chain.rules { text += "    #\(rule.number)  \(rule.text)\n" }
        }
        return text
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        .array(
            ordered.map { chain in
                var object: JSONObject = [
                    "table": .string(chain.table), "chain": .string(chain.name), "owner": .string(chain.owner),
                    "legacy": .bool(chain.isLegacy),
                ]
                if let hook = chain.hook { object["hook"] = .string(hook) }
                if let priority = chain.priority { object["priority"] = .string(priority) }
                if let type = chain.type { object["type"] = .string(type) }
                if let policy = chain.policy { object["policy"] = .string(policy) }
                object["rules"] = .array(
                    chain.rules.map { ["number": .integer(Int64(clamping: $0.number)), "text": .string($0.text)] })
                return .object(object)
            })
    }
}
