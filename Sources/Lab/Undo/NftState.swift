import CKernel
import Glibc
import NetCore

/// The rules of nftables in one namespace, in the kernel's own words, so that they can be given back: no program's text is parsed,
/// and what only iptables-nft can print is kept like anything else. Tables that belong to a process (the tracer's) do not count.
struct NftState: Hashable {
    struct TableName: Hashable, Comparable {
        let family: UInt8
        let name: String
        static func < (one: TableName, other: TableName) -> Bool {
            (one.family, one.name) < (other.family, other.name)
        }
    }

    struct Table: Hashable {
        /// NFTA_TABLE_FLAGS and user data.
        var settings: [UInt8] = []
        var chains: [Chain] = []
        var sets: [Set] = []
        /// Counters, quotas and such by name, as the kernel takes them.
        var objects: [[UInt8]] = []
    }

    struct Chain: Hashable {
        let name: String
        /// Hook and type: they cannot be changed.
        var place: [UInt8] = []
        var policy: [UInt8] = []
        /// What stands with it since it was made: its comment.
        var userdata: [UInt8] = []
        var rules: [Rule] = []
    }

    struct Rule {
        /// In this moment's ruleset.
        let handle: UInt64
        /// Expressions and user data, as the kernel takes them; counters are 0.
        var body: [UInt8] = []
        /// Sets without a name of their own, in the order of the rule's look-ups.
        var anonymous: [Set] = []
    }

    struct Set: Hashable {
        let name: String
        var settings: [UInt8] = []
        var elements: [[UInt8]] = []
        var flags: UInt32 = 0
        var isAnonymous: Bool { flags & UInt32(NFT_SET_ANONYMOUS.rawValue) != 0 }
        /// Packets fill it (NFT_SET_EVAL), or time empties it.
        var isAlive: Bool { flags & UInt32(NFT_SET_EVAL.rawValue | NFT_SET_TIMEOUT.rawValue) != 0 }
    }

    var tables: [TableName: Table] = [:]

    static let tracerPrefix = "berth_trace_"
}

extension NftState.Rule: Hashable {
    /// Handles are given anew with each rule that comes back.
    static func == (one: Self, other: Self) -> Bool { one.body == other.body && one.anonymous == other.anonymous }
    func hash(into hasher: inout Hasher) { hasher.combine(body) }
}

// MARK: reading

extension NftState {
    static func read(_ socket: inout NetlinkSocket) throws(KernelError) -> NftState {
        var state = NftState()
        func ask(
            _ what: String, _ get: nf_tables_msg_types, _ socket: inout NetlinkSocket, _ attributes: [UInt8] = [],
            family: UInt8 = 0
        ) throws(KernelError) -> [(family: UInt8, attributes: [Attribute])] {
            let request = NetlinkRequest(
                "list \(what) of nftables", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(get.rawValue),
                flags: NLM_F_DUMP, payload: [family, 0, 0, 0] + attributes)
            return try socket.ask(request).compactMap { reply in
                reply.header(4)?.first.map { ($0, reply.attributes(after: 4)) }
            }
        }
        for (family, attributes) in try ask("the tables", NFT_MSG_GETTABLE, &socket) {
            let name = attributes[type: Int(NFTA_TABLE_NAME.rawValue)]?.text ?? ""
            let flags = attributes[type: Int(NFTA_TABLE_FLAGS.rawValue)]?.bigEndian32 ?? 0
            // NFT_TABLE_F_OWNER.
            guard !name.hasPrefix(tracerPrefix), flags & 2 == 0 else { continue }
            let kept = [Int(NFTA_TABLE_FLAGS.rawValue), 6]  // NFTA_TABLE_USERDATA
            state.tables[TableName(family: family, name: name)] = Table(
                settings: attributes.filter { kept.contains($0.type) }.flatMap(\.raw))
        }
        guard !state.tables.isEmpty else { return state }
        for (family, attributes) in try ask("the chains", NFT_MSG_GETCHAIN, &socket) {
            state.add(chain: attributes, family)
        }
        for (family, attributes) in try ask("the objects", NFT_MSG_GETOBJ, &socket) {
            let table = TableName(family: family, name: attributes[type: Int(NFTA_OBJ_TABLE.rawValue)]?.text ?? "")
            let kept = [NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_USERDATA].map { Int($0.rawValue) }
            // What they have counted is left out. NFT_OBJECT_COUNTER 1, _QUOTA 2.
            let kind =
                [1: "counter", 2: "quota"][attributes[type: Int(NFTA_OBJ_TYPE.rawValue)]?.bigEndian32 ?? 0] ?? ""
            let data = attributes[type: Int(NFTA_OBJ_DATA.rawValue)].map { data in
                RawAttribute.bytes(data.type, NftState.lasting(kind, data.nested).flatMap(\.raw))
            }
            state.tables[table]?.objects.append(
                attributes.filter { kept.contains($0.type) }.flatMap(\.raw) + (data ?? []))
        }
        var anonymous: [String: Set] = [:]
        for (family, attributes) in try ask("the sets", NFT_MSG_GETSET, &socket) {
            let table = TableName(family: family, name: attributes[type: Int(NFTA_SET_TABLE.rawValue)]?.text ?? "")
            guard state.tables[table] != nil, var set = Set(attributes) else { continue }
            if !set.isAlive {
                let wanted =
                    RawAttribute.text(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table.name)
                    + RawAttribute.text(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set.name)
                let parts = try ask("the elements", NFT_MSG_GETSETELEM, &socket, wanted, family: family)
                set.elements = parts.flatMap { _, attributes in
                    attributes[type: Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)]?.nested.map(NftState.element) ?? []
                }
                // Intervals come in their order, hashes in none.
                if set.flags & UInt32(NFT_SET_INTERVAL.rawValue) == 0 {
                    set.elements.sort { $0.lexicographicallyPrecedes($1) }
                }
            }
            if set.isAnonymous {
                anonymous["\(family) \(table.name) \(set.name)"] = set
            } else {
                state.tables[table]?.sets.append(set)
            }
        }
        for (family, attributes) in try ask("the rules", NFT_MSG_GETRULE, &socket) {
            state.add(rule: attributes, family, anonymous)
        }
        return state
    }

    /// What is set of an expression or object, without what packets have made of it: a counter begins anew.
    private static func lasting(_ kind: String, _ parts: [Attribute]) -> [Attribute] {
        switch kind {
        case "counter", "last": []
        case "quota": parts.filter { $0.type != Int(NFTA_QUOTA_CONSUMED.rawValue) }
        default: parts
        }
    }

    /// An element without what its own counters and quotas have counted.
    private static func element(_ whole: Attribute) -> [UInt8] {
        func expression(_ parts: [Attribute]) -> [UInt8] {
            let kind = parts[type: Int(NFTA_EXPR_NAME.rawValue)]?.text ?? ""
            return parts.flatMap { part in
                part.type == Int(NFTA_EXPR_DATA.rawValue)
                    ? RawAttribute.bytes(part.type, lasting(kind, part.nested).flatMap(\.raw)) : part.raw
            }
        }
        let parts = whole.nested.flatMap { part -> [UInt8] in
            switch part.type {
            case Int(NFTA_SET_ELEM_EXPR.rawValue): RawAttribute.bytes(part.type, expression(part.nested))
            case Int(NFTA_SET_ELEM_EXPRESSIONS.rawValue):
                RawAttribute.bytes(
                    part.type, part.nested.flatMap { RawAttribute.bytes($0.type, expression($0.nested)) })
            default: part.raw
            }
        }
        return RawAttribute.bytes(whole.type, parts)
    }

    private mutating func add(chain attributes: [Attribute], _ family: UInt8) {
        let table = TableName(family: family, name: attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text ?? "")
        var chain = Chain(name: attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text ?? "")
        let kept = [NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE].map { Int($0.rawValue) }
        chain.place = attributes.filter { kept.contains($0.type) }.flatMap(\.raw)
        chain.policy = attributes[type: Int(NFTA_CHAIN_POLICY.rawValue)]?.raw ?? []
        chain.userdata = attributes[type: Int(NFTA_CHAIN_USERDATA.rawValue)]?.raw ?? []
        tables[table]?.chains.append(chain)
    }

    private mutating func add(rule attributes: [Attribute], _ family: UInt8, _ anonymous: [String: Set]) {
        let table = TableName(family: family, name: attributes[type: Int(NFTA_RULE_TABLE.rawValue)]?.text ?? "")
        let chain = attributes[type: Int(NFTA_RULE_CHAIN.rawValue)]?.text ?? ""
        guard let place = tables[table]?.chains.firstIndex(where: { $0.name == chain }) else { return }
        var rule = Rule(handle: attributes[type: Int(NFTA_RULE_HANDLE.rawValue)]?.bigEndian64 ?? 0)
        var proto: UInt8?
        var isExtension = false
        var expressions: [UInt8] = []
        var asksProtocol = false
        for element in attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested ?? [] {
            let parts = element.nested
            let kind = parts[type: Int(NFTA_EXPR_NAME.rawValue)]?.text ?? ""
            let data = parts[type: Int(NFTA_EXPR_DATA.rawValue)]
            let own = NftState.lasting(kind, data?.nested ?? [])
            switch kind {
            case "match", "target": isExtension = true
            // NFT_META_L4PROTO 16; byte 9 of the IPv4 header.
            case "meta": asksProtocol = own[type: Int(NFTA_META_KEY.rawValue)]?.bigEndian32 == 16
            case "payload":
                asksProtocol =
                    own[type: Int(NFTA_PAYLOAD_BASE.rawValue)]?.bigEndian32 == 1
                    && own[type: Int(NFTA_PAYLOAD_OFFSET.rawValue)]?.bigEndian32 == 9
                    && own[type: Int(NFTA_PAYLOAD_LEN.rawValue)]?.bigEndian32 == 1
            case "cmp":
                let value = own[type: Int(NFTA_CMP_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)]
                if asksProtocol, own[type: Int(NFTA_CMP_OP.rawValue)]?.bigEndian32 == 0, let value,
                    value.payload.count == 1
                {
                    proto = proto ?? value.payload.first
                }
                asksProtocol = false
            default: break
            }
            var written = own.flatMap(\.raw)
            if let place = NftState.Rule.lookUps[kind], let name = own[type: place.set]?.text,
                let set = anonymous["\(family) \(table.name) \(name)"]
            {
                rule.anonymous.append(set)
                let others = own.filter { ![place.set, place.number].contains($0.type) }
                // Its number in the transaction is put in when it comes back.
                written =
                    RawAttribute.text(place.set, set.pattern) + others.flatMap(\.raw)
                    + RawAttribute.bigEndian(place.number, UInt32(rule.anonymous.count))
            }
            expressions += RawAttribute.bytes(
                Int(NFTA_LIST_ELEM.rawValue),
                RawAttribute.text(Int(NFTA_EXPR_NAME.rawValue), kind)
                    + (data == nil ? [] : RawAttribute.bytes(Int(NFTA_EXPR_DATA.rawValue), written)))
        }
        rule.body = RawAttribute.bytes(Int(NFTA_RULE_EXPRESSIONS.rawValue), expressions)
        if isExtension, let proto {
            // The kernel asks for it with iptables' extensions, and does not tell it.
            rule.body += RawAttribute.bytes(
                Int(NFTA_RULE_COMPAT.rawValue),
                RawAttribute.bigEndian(Int(NFTA_RULE_COMPAT_PROTO.rawValue), UInt32(proto))
                    + RawAttribute.bigEndian(Int(NFTA_RULE_COMPAT_FLAGS.rawValue), UInt32(0)))
        }
        rule.body += attributes[type: Int(NFTA_RULE_USERDATA.rawValue)]?.raw ?? []
        tables[table]!.chains[place].rules.append(rule)
    }
}

extension NftState.Set {
    fileprivate init?(_ attributes: [Attribute]) {
        guard let name = attributes[type: Int(NFTA_SET_NAME.rawValue)]?.text else { return nil }
        self.name = name
        flags = attributes[type: Int(NFTA_SET_FLAGS.rawValue)]?.bigEndian32 ?? 0
        let kept = [
            NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_DESC,
            NFTA_SET_TIMEOUT, NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA, NFTA_SET_OBJ_TYPE, NFTA_SET_EXPR,
            NFTA_SET_EXPRESSIONS,
        ].map { Int($0.rawValue) }
        settings = attributes.filter { kept.contains($0.type) }.flatMap(\.raw)
    }

    /// For which the kernel makes a name.
    var pattern: String {
        if flags & UInt32(NFT_SET_OBJECT.rawValue) != 0 { return "__objmap%d" }
        return flags & UInt32(NFT_SET_MAP.rawValue) != 0 ? "__map%d" : "__set%d"
    }
}
