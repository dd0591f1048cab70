import CKernel
import Glibc
import NetCore

/// Where a base chain is hooked in, as the kernel tells it.
struct BaseChain: Hashable, Sendable {
    var hook: UInt32
    var priority: Int32
    /// "filter", "nat", "route".
    var type: String
}

struct ChainName: Hashable, Sendable {
    var family: UInt8
    var table: String
    var chain: String
}

/// The rules of one namespace in words: nft's own text by table and handle, iptables-legacy's by place. Empty where the
/// program is missing.
struct RuleTexts: Hashable, Sendable {
    private var rules: [String: String] = [:]
    /// Handles in the chain's order, by "ip lab pre".
    private var order: [String: [UInt64]] = [:]
    private var legacy: [String: [String]] = [:]
    /// Elements of named sets, by "ip lab NAME".
    private var elements: [String: [String]] = [:]
    /// This machine has the program.
    private(set) var hasNft = true

    /// What one call of iptables lists.
    struct LegacyTable: Hashable, Sendable {
        var program: String
        var table: String
    }

    init() {}

    /// What `nft -a -s list ruleset` prints: "table ip lab {", "chain pre {", "… # handle 4".
    mutating func read(nft text: String) {
        var table = ""
        var chain = ""
        var set: String?
        var isInside = false
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if line.hasPrefix("table "), words.count >= 3 {
                table = "\(words[1]) \(words[2])"
                continue
            }
            if words.count >= 2, words[0] == "chain" { chain = String(words[1]) }
            if words.count >= 2, ["set", "map", "chain"].contains(words[0]) {
                set = words[0] == "set" ? String(words[1]) : nil
            }
            if let set {
                if words.first == "elements" { isInside = true }
                if isInside {
                    let own = line.split { " \t,{}=".contains($0) }.map(String.init).filter { $0 != "elements" }
                    elements["\(table) \(set)", default: []] += own
                    if line.contains("}") { isInside = false }
                }
            }
            guard words.count > 3, words[words.count - 3] == "#", words[words.count - 2] == "handle",
                let handle = UInt64(words[words.count - 1]), words[0] != "chain", words[0] != "set", words[0] != "map"
            else { continue }
            rules["\(table) \(handle)"] = words.dropLast(3).map(String.init).joined(by: " ")
            order["\(table) \(chain)", default: []].append(handle)
        }
    }

    /// Where there is no nft: of rules that bear a comment this, and of those of `berth net` what they say.
    private mutating func readComments() {
        hasNft = false
        guard var socket = try? NetlinkSocket(NETLINK_NETFILTER), let all = try? socket.commentedRules() else { return }
        for one in all {
            let own = one.table == "inet \(NetRule.table)" ? NetRule(comment: one.comment) : nil
            rules["\(one.table) \(one.handle)"] = own.map { "\($0.rule)" } ?? "comment \"\(one.comment)\""
            order["\(one.table) \(one.chain)", default: []].append(one.handle)
        }
    }

    /// The tables of nftables that have the names of those of iptables: iptables-nft may have made them.
    var translated: [LegacyTable] {
        let names = ["filter", "nat", "mangle", "raw", "security"]
        let found = Set(order.keys.map { $0.split(separator: " ").prefix(2).map(String.init) })
        return found.filter { $0.count == 2 && ["ip", "ip6"].contains($0[0]) && names.contains($0[1]) }.map {
            LegacyTable(program: $0[0] == "ip" ? "iptables-nft" : "ip6tables-nft", table: $0[1])
        }.sorted { $0.program + $0.table < $1.program + $1.table }
    }

    /// What `iptables-nft -t TABLE -S` prints is the rules' own text: nft does not know all matches, comments among them. Chains
    /// with another count of rules are left.
    mutating func read(translated text: String, _ table: LegacyTable) {
        var lines: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            if words.count == 3, words[0] == "-A" { lines[words[1], default: []].append(words[2]) }
        }
        let name = "\(table.program == "iptables-nft" ? "ip" : "ip6") \(table.table)"
        for (chain, texts) in lines {
            guard let handles = order["\(name) \(chain)"], handles.count == texts.count else { continue }
            for (handle, text) in zip(handles, texts) { rules["\(name) \(handle)"] = text }
        }
    }

    /// What `iptables-legacy -t TABLE -S` prints.
    mutating func read(legacy text: String, table: String, program: String = "iptables-legacy") {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard words.count >= 2 else { continue }
            let key = "\(program) \(table) \(words[1])"
            switch words[0] {
            case "-P": legacy[key, default: []].insert(words.count > 2 ? words[2] : "", at: 0)
            case "-N": legacy[key, default: []].insert("", at: 0)
            case "-A": legacy[key, default: [""]].append(words.count > 2 ? words[2] : "")
            default: break
            }
        }
    }

    /// "dnat to 10.88.0.2:80 comment …"; nil where it is not known.
    func nft(_ table: String, _ handle: UInt64) -> String? { rules["\(table) \(handle)"] }

    /// Rules of a chain in order, under the names that events give them: "ip lab", "iptables filter". Of iptables-legacy the
    /// handle is the place.
    func rules(_ table: String, _ chain: String) -> [(handle: UInt64, text: String)] {
        if let handles = order["\(table) \(chain)"] {
            return handles.map { ($0, rules["\(table) \($0)"] ?? "") }
        }
        let words = table.split(separator: " ")
        guard words.count == 2, let lines = legacy["\(words[0])-legacy \(words[1]) \(chain)"] else { return [] }
        return lines.enumerated().dropFirst().map { (UInt64($0.offset), $0.element) }
    }

    /// Whose the rules of a table are, which has the name that events give it; nil where no name tells.
    func owner(_ table: String) -> String? {
        let words = table.split(separator: " ").map(String.init)
        guard words.count == 2 else { return nil }
        let isLegacy = ["iptables", "ip6tables"].contains(words[0])
        let start = isLegacy ? "\(words[0])-legacy \(words[1]) " : "\(table) "
        let names = isLegacy ? Array(legacy.keys) : Array(order.keys)
        return RuleOwner.name(
            table: words[1], chains: names.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) })
    }

    /// Elements of a table's named sets.
    func sets(_ table: String) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for (name, values) in elements where name.hasPrefix("\(table) ") {
            found[String(name.dropFirst(table.count + 1))] = values
        }
        return found
    }

    /// The rule at that place (from 1), or the policy at 0.
    func legacy(_ program: String, _ table: String, _ chain: String, _ position: Int) -> String? {
        guard let lines = legacy["\(program) \(table) \(chain)"], lines.indices.contains(position),
            !lines[position].isEmpty
        else { return nil }
        return lines[position]
    }

    /// Reads what the thread's namespace has.
    static func read(nft: Bool, legacyTables: Set<LegacyTable>) -> RuleTexts {
        var texts = RuleTexts()
        if nft {
            if let text = output("nft", ["-a", "-s", "list", "ruleset"]) {
                texts.read(nft: text)
            } else {
                texts.readComments()
            }
        }
        for table in texts.translated {
            if let text = output(table.program, ["-t", table.table, "-S"]) { texts.read(translated: text, table) }
        }
        for table in legacyTables {
            if let text = output(table.program, ["-t", table.table, "-S"]) {
                texts.read(legacy: text, table: table.table, program: table.program)
            }
        }
        return texts
    }

    /// All rules of the thread's namespace, whichever program made them, as their programs list them.
    static func everything() -> String {
        let tables = ["ip_tables_names", "ip6_tables_names"].map {
            (try? Files.read("/proc/thread-self/net/\($0)")) ?? []
        }
        var text = output("nft", ["list", "ruleset"]) ?? ""
        if !tables[0].isEmpty { text += output("iptables-legacy-save", []) ?? "" }
        if !tables[1].isEmpty { text += output("ip6tables-legacy-save", []) ?? "" }
        return text
    }

    private static func output(_ program: String, _ arguments: [String]) -> String? {
        for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"] {
            let path = "\(folder)/\(program)"
            guard access(path, X_OK) == 0 else { continue }
            let child = ChildProcess(
                path: path, arguments: arguments, environment: ListingProgram.environment, input: [],
                seconds: 10)
            guard let outcome = try? child.run(), outcome.exitStatus == 0 else { return nil }
            return String(decoding: outcome.output, as: UTF8.self)
        }
        return nil
    }
}

extension NetlinkSocket {
    /// Every base chain of nftables in the socket's namespace.
    mutating func baseChains() throws(KernelError) -> [ChainName: BaseChain] {
        var found: [ChainName: BaseChain] = [:]
        let request = try NetlinkRequest(
            "list the chains of nftables", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETCHAIN.rawValue),
            flags: NLM_F_DUMP, header: nfgenmsg())
        for reply in try ask(request) {
            let attributes = reply.attributes(after: 4)
            guard let family = reply.header(4)?.first,
                let hook = attributes[type: Int(NFTA_CHAIN_HOOK.rawValue)]?.nested,
                let number = hook[type: Int(NFTA_HOOK_HOOKNUM.rawValue)]?.bigEndian32,
                let priority = hook[type: Int(NFTA_HOOK_PRIORITY.rawValue)]?.bigEndian32
            else { continue }
            let name = ChainName(
                family: family, table: attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text ?? "",
                chain: attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text ?? "")
            found[name] = BaseChain(
                hook: number, priority: Int32(bitPattern: priority),
                type: attributes[type: Int(NFTA_CHAIN_TYPE.rawValue)]?.text ?? "filter")
        }
        return found
    }

    /// The number of the present rules: another one after any change of nftables.
    mutating func generation() throws(KernelError) -> UInt32? {
        let request = try NetlinkRequest(
            "read the rules' generation", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETGEN.rawValue), flags: 0,
            header: nfgenmsg())
        return try ask(request).first?.attributes(after: 4)[type: Int(NFTA_GEN_ID.rawValue)]?.bigEndian32
    }
}
