import CKernel
import Glibc
import NetCore

/// A rule as the kernel has it: a program of expressions, or an entry of x_tables.
struct Rule: Sendable {
    struct Expression: Sendable {
        let name: String
        let data: [Attribute]

        func number(_ type: UInt32) -> UInt32? { data[type: Int(type)]?.bigEndian32 }
    }
    var handle: UInt64
    var comment: String?
    var expressions: [Expression] = []
    var entry: LegacyEntry?
}

/// A chain with its rules; a base chain when it has a hook.
struct Chain: Sendable {
    var family: UInt8
    var table: String
    var name: String
    /// NF_INET_*, or the bridge's.
    var hook: UInt32?
    var priority: Int32 = 0
    var type = "filter"
    var drops = false
    var rules: [Rule] = []
    var isLegacy = false

    var words: String {
        let family = [
            UInt8(NFPROTO_INET): "inet", UInt8(NFPROTO_IPV4): "ip", UInt8(NFPROTO_IPV6): "ip6",
            UInt8(NFPROTO_BRIDGE): "bridge",
        ][self.family]
        return "\(family ?? "?") \(table) \(name)"
    }
}

/// Every rule of one namespace.
struct Ruleset: Sendable {
    struct Name: Hashable, Sendable {
        var family: UInt8
        var table: String
        var chain: String
        var isLegacy = false
    }
    var chains: [Name: Chain] = [:]

    /// Base chains of a hook for a family, in the order in which a packet meets them.
    func hooked(_ hook: UInt32, _ family: UInt8) -> [Chain] {
        var found = chains.values.filter {
            $0.hook == hook
                && ($0.family == family || $0.family == UInt8(NFPROTO_INET) && family != UInt8(NFPROTO_BRIDGE))
        }
        found.sort { ($0.priority, $0.isLegacy ? 0 : 1, $0.words) < ($1.priority, $1.isLegacy ? 0 : 1, $1.words) }
        return found
    }

    init() {}

    /// Those of nftables (and with them iptables-nft's), of the socket's namespace.
    init(_ socket: inout NetlinkSocket) throws(KernelError) {
        let chains = try Ruleset.request("list the chains of nftables", NFT_MSG_GETCHAIN, NLM_F_DUMP, 0)
        let none = [Errno.notSupported, .invalidArgument]
        let found: [NetlinkReply]
        do throws(KernelError) { found = try socket.ask(chains) } catch  where none.contains(error.errno) { return }
        for reply in found where reply.type & 0xff == Int(NFT_MSG_NEWCHAIN.rawValue) {
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first, let table = attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text,
                let name = attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text
            else { continue }
            var chain = Chain(family: family, table: table, name: name)
            if let hook = attributes[type: Int(NFTA_CHAIN_HOOK.rawValue)]?.nested {
                chain.hook = hook[type: Int(NFTA_HOOK_HOOKNUM.rawValue)]?.bigEndian32
                chain.priority = Int32(bitPattern: hook[type: Int(NFTA_HOOK_PRIORITY.rawValue)]?.bigEndian32 ?? 0)
                chain.type = attributes[type: Int(NFTA_CHAIN_TYPE.rawValue)]?.text ?? "filter"
                chain.drops = attributes[type: Int(NFTA_CHAIN_POLICY.rawValue)]?.bigEndian32 == UInt32(NF_DROP)
            }
            self.chains[Name(family: family, table: table, chain: name)] = chain
        }
        guard !self.chains.isEmpty else { return }
        let rules = try Ruleset.request("list the rules of nftables", NFT_MSG_GETRULE, NLM_F_DUMP, 0)
        for reply in try socket.ask(rules) where reply.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) {
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first, let table = attributes[type: Int(NFTA_RULE_TABLE.rawValue)]?.text,
                let chain = attributes[type: Int(NFTA_RULE_CHAIN.rawValue)]?.text
            else { continue }
            var rule = Rule(handle: attributes[type: Int(NFTA_RULE_HANDLE.rawValue)]?.bigEndian64 ?? 0)
            rule.comment = attributes[type: Int(NFTA_RULE_USERDATA.rawValue)].flatMap { Ruleset.comment($0.payload) }
            for element in attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested ?? [] {
                let parts = element.nested
                rule.expressions.append(
                    .init(
                        name: parts[type: Int(NFTA_EXPR_NAME.rawValue)]?.text ?? "",
                        data: parts[type: Int(NFTA_EXPR_DATA.rawValue)]?.nested ?? []))
            }
            self.chains[Name(family: family, table: table, chain: chain)]?.rules.append(rule)
        }
    }

    /// nft keeps it in user data: type 0, length with the final NUL, text.
    private static func comment(_ data: ArraySlice<UInt8>) -> String? {
        var rest = data
        while rest.count >= 2 {
            let (type, length) = (rest[rest.startIndex], Int(rest[rest.startIndex + 1]))
            let value = rest.dropFirst(2).prefix(length)
            guard value.count == length else { return nil }
            if type == 0 { return String(decoding: value.prefix { $0 != 0 }, as: UTF8.self) }
            rest = rest.dropFirst(2 + length)
        }
        return nil
    }

    static func request(
        _ operation: @escaping @autoclosure @Sendable () -> String, _ type: nf_tables_msg_types, _ flags: Int32,
        _ family: UInt8, _ build: (inout AttributeWriter) -> Void = { _ in }
    ) throws(KernelError) -> NetlinkRequest {
        var header = nfgenmsg()
        header.nfgen_family = family
        header.version = UInt8(NFNETLINK_V0)
        return try NetlinkRequest(
            operation(), type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), flags: flags, header: header, build)
    }
}

/// What a set or map answers to one key.
enum SetAnswer {
    case missing
    case found(data: [UInt8]?, verdict: Verdict?)
    /// The kernel did not tell.
    case unknown
}

/// What the end of a rule says.
enum Verdict: Hashable, Sendable {
    case accept, drop, `continue`, `break`, `return`, queue
    case jump(String)
    case goto(String)

    /// NFTA_DATA_VERDICT's attributes.
    init?(_ attributes: [Attribute]) {
        guard let code = attributes[type: Int(NFTA_VERDICT_CODE.rawValue)]?.bigEndian32 else { return nil }
        let chain = attributes[type: Int(NFTA_VERDICT_CHAIN.rawValue)]?.text ?? ""
        switch Int32(bitPattern: code) {
        case 0: self = .drop
        case 1: self = .accept
        case -1: self = .continue
        case -2: self = .break
        case -3: self = .jump(chain)
        case -4: self = .goto(chain)
        case -5: self = .return
        default: self = .queue
        }
    }
}

extension NetlinkSocket {
    /// The length of a set's keys in bytes; nil when there is no such set.
    mutating func setKeyLength(_ set: String, table: String, _ family: UInt8) -> Int? {
        guard
            let request = try? Ruleset.request(
                "look up set \(set)", NFT_MSG_GETSET, 0, family,
                {
                    $0.put(Int(NFTA_SET_TABLE.rawValue), table)
                    $0.put(Int(NFTA_SET_NAME.rawValue), set)
                }), let reply = try? ask(request).first
        else { return nil }
        return reply.attributes(after: 4)[type: Int(NFTA_SET_KEY_LEN.rawValue)]?.bigEndian32.map(Int.init)
    }

    /// The element in which the key lies.
    mutating func setElement(_ key: [UInt8], set: String, table: String, _ family: UInt8) -> SetAnswer {
        guard
            let request = try? Ruleset.request(
                "look up an element of \(set)", NFT_MSG_GETSETELEM, 0, family,
                {
                    $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
                    $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set)
                    $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                        $0.nest(Int(NFTA_LIST_ELEM.rawValue)) {
                            $0.nest(Int(NFTA_SET_ELEM_KEY.rawValue)) {
                                $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: key)
                            }
                        }
                    }
                })
        else { return .unknown }
        do throws(KernelError) {
            guard
                let element = try ask(request).first?.attributes(after: 4)[
                    type: Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)]?.nested.first?.nested
            else { return .missing }
            let data = element[type: Int(NFTA_SET_ELEM_DATA.rawValue)]?.nested
            return .found(
                data: data?[type: Int(NFTA_DATA_VALUE.rawValue)].map { Array($0.payload) },
                verdict: data?[type: Int(NFTA_DATA_VERDICT.rawValue)].flatMap { Verdict($0.nested) })
        } catch {
            return error.errno == .noSuchFile ? .missing : .unknown
        }
    }
}
