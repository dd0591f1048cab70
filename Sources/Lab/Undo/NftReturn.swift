import CKernel
import Glibc
import NetCore

/// Brings the rules of nftables back, in one transaction: what is the same stays with its handle and its counters.
struct NftReturn {
    private let now: NftState
    private let wanted: NftState
    private var removals: [NetlinkRequest] = []
    private var requests: [NetlinkRequest] = []
    private var sets: UInt32 = 0

    static func restore(_ wanted: NftState, _ socket: inout NetlinkSocket) throws(KernelError) {
        let now = try NftState.read(&socket)
        guard now != wanted else { return }
        do throws(KernelError) {
            try socket.commit(NftReturn(now, wanted).transaction(isWhole: false))
        } catch {
            // Something depends on something that changed otherwise: whole tables, then.
            try socket.commit(NftReturn(now, wanted).transaction(isWhole: true))
        }
    }

    private init(_ now: NftState, _ wanted: NftState) { (self.now, self.wanted) = (now, wanted) }

    private func transaction(isWhole: Bool) throws(KernelError) -> NftTransaction {
        var work = self
        for name in Set(now.tables.keys).union(wanted.tables.keys).sorted() {
            let (old, new) = (now.tables[name], wanted.tables[name])
            guard old != new else { continue }
            if isWhole || old == nil || new == nil {
                if old != nil { work.remove(NFT_MSG_DELTABLE, name, [(1, name.name)]) }
                if let new { work.add(new, name, over: NftState.Table(), isNew: true) }
            } else {
                work.subtract(old!, new!, name)
                work.add(new!, name, over: old!, isNew: false)
            }
        }
        var transaction = NftTransaction(table: "")
        for request in work.removals { try transaction.add(request, deletes: true) }
        for request in work.requests { try transaction.add(request) }
        return transaction
    }

    // MARK: messages

    private static func message(
        _ type: nf_tables_msg_types, _ name: NftState.TableName, _ attributes: [UInt8], _ flags: Int32
    ) -> NetlinkRequest {
        let table = name.name
        return NetlinkRequest(
            "bring back the rules of table \(table)", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue),
            flags: flags, payload: [name.family, 0, 0, 0] + attributes)
    }

    private mutating func remove(
        _ type: nf_tables_msg_types, _ name: NftState.TableName, _ words: [(Int, String)], _ more: [UInt8] = []
    ) {
        let attributes = words.flatMap { RawAttribute.text($0.0, $0.1) } + more
        removals.append(NftReturn.message(type, name, attributes, 0))
    }

    private mutating func put(
        _ type: nf_tables_msg_types, _ name: NftState.TableName, _ attributes: [UInt8], _ flags: Int32 = NLM_F_CREATE
    ) {
        requests.append(NftReturn.message(type, name, attributes, flags))
    }

    // MARK: what goes

    /// Rules first, then elements, chains and sets: nothing that goes is in use any more.
    private mutating func subtract(_ old: NftState.Table, _ new: NftState.Table, _ name: NftState.TableName) {
        let table = (Int(NFTA_RULE_TABLE.rawValue), name.name)
        for chain in old.chains {
            let kept = new.chain(like: chain).map { NftReturn.common(chain.rules, $0.rules) } ?? [:]
            for (place, rule) in chain.rules.enumerated() where !kept.values.contains(place) {
                remove(
                    NFT_MSG_DELRULE, name, [table, (Int(NFTA_RULE_CHAIN.rawValue), chain.name)],
                    RawAttribute.bigEndian(Int(NFTA_RULE_HANDLE.rawValue), rule.handle))
            }
        }
        for set in old.sets {
            guard let other = new.set(like: set) else { continue }
            let gone = Set(set.elements).subtracting(other.elements)
            if !gone.isEmpty {
                remove(
                    NFT_MSG_DELSETELEM, name,
                    [(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), name.name), (2, set.name)],
                    RawAttribute.bytes(
                        Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue), gone.sorted { $0.count < $1.count }.flatMap { $0 }))
            }
        }
        for set in old.sets where new.set(like: set) == nil {
            remove(NFT_MSG_DELSET, name, [(Int(NFTA_SET_TABLE.rawValue), name.name), (2, set.name)])
        }
        for chain in old.chains where new.chain(like: chain) == nil {
            remove(
                NFT_MSG_DELCHAIN, name,
                [(Int(NFTA_CHAIN_TABLE.rawValue), name.name), (Int(NFTA_CHAIN_NAME.rawValue), chain.name)])
        }
        for object in old.objects where !new.objects.contains(object) {
            requests.append(NftReturn.message(NFT_MSG_DELOBJ, name, object, 0))
        }
    }

    /// Places in `new` with the places in `old` of the same rules in the same order (the longest such).
    static func common<Rule: Equatable>(_ old: [Rule], _ new: [Rule]) -> [Int: Int] {
        var start = 0
        while start < min(old.count, new.count), old[start] == new[start] { start += 1 }
        var end = 0
        while end < min(old.count, new.count) - start, old[old.count - 1 - end] == new[new.count - 1 - end] { end += 1 }
        var pairs: [Int: Int] = [:]
        for place in 0..<start { pairs[place] = place }
        for place in 0..<end { pairs[new.count - 1 - place] = old.count - 1 - place }
        let (left, right) = (Array(old[start..<(old.count - end)]), Array(new[start..<(new.count - end)]))
        // What is in between is short where people type; where it is not, it is written anew.
        guard !left.isEmpty, !right.isEmpty, left.count * right.count <= 250_000 else { return pairs }
        var lengths = [[Int]](repeating: [Int](repeating: 0, count: right.count + 1), count: left.count + 1)
        for i in stride(from: left.count - 1, through: 0, by: -1) {
            for j in stride(from: right.count - 1, through: 0, by: -1) {
                lengths[i][j] =
                    left[i] == right[j] ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if left[i] == right[j] {
                pairs[start + j] = start + i
                (i, j) = (i + 1, j + 1)
            } else if lengths[i + 1][j] >= lengths[i][j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
        return pairs
    }

    // MARK: what comes

    private mutating func add(
        _ new: NftState.Table, _ name: NftState.TableName, over old: NftState.Table, isNew: Bool
    ) {
        if isNew || old.settings != new.settings {
            put(NFT_MSG_NEWTABLE, name, RawAttribute.text(Int(NFTA_TABLE_NAME.rawValue), name.name) + new.settings)
        }
        for chain in new.chains {
            let known = old.chain(like: chain)
            guard known == nil || known?.policy != chain.policy else { continue }
            put(
                NFT_MSG_NEWCHAIN, name,
                RawAttribute.text(Int(NFTA_CHAIN_TABLE.rawValue), name.name)
                    + RawAttribute.text(Int(NFTA_CHAIN_NAME.rawValue), chain.name)
                    + (known == nil ? chain.place + chain.userdata : []) + chain.policy)
        }
        for object in new.objects where !old.objects.contains(object) { put(NFT_MSG_NEWOBJ, name, object) }
        for set in new.sets {
            let known = old.set(like: set)
            if known == nil { make(set, name, called: set.name) }
            let missing = set.elements.filter { known?.elements.contains($0) != true }
            if known != nil, !missing.isEmpty { fill(set.name, missing, name, number: nil) }
        }
        for chain in new.chains { add(chain, name, over: old.chain(like: chain)?.rules ?? []) }
    }

    private mutating func add(_ chain: NftState.Chain, _ name: NftState.TableName, over old: [NftState.Rule]) {
        let kept = NftReturn.common(old, chain.rules)
        // Backwards: each at the beginning, or behind the last kept one before it, comes to stand before those put so already.
        for place in chain.rules.indices.reversed() where kept[place] == nil {
            let before = chain.rules.indices[..<place].last { kept[$0] != nil }
            var rule = chain.rules[place]
            for set in rule.anonymous { make(set, name, called: set.pattern) }
            rule.number(setsFrom: sets - UInt32(rule.anonymous.count))
            let attributes =
                RawAttribute.text(Int(NFTA_RULE_TABLE.rawValue), name.name)
                + RawAttribute.text(Int(NFTA_RULE_CHAIN.rawValue), chain.name) + rule.body
                + (before.map {
                    RawAttribute.bigEndian(Int(NFTA_RULE_POSITION.rawValue), old[kept[$0]!].handle)
                } ?? [])
            // With a position NLM_F_APPEND is "behind it"; without both, "at the beginning".
            put(NFT_MSG_NEWRULE, name, attributes, before == nil ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_APPEND)
        }
    }

    private mutating func make(_ set: NftState.Set, _ name: NftState.TableName, called: String) {
        sets += 1
        put(
            NFT_MSG_NEWSET, name,
            RawAttribute.text(Int(NFTA_SET_TABLE.rawValue), name.name)
                + RawAttribute.text(Int(NFTA_SET_NAME.rawValue), called) + set.settings
                + RawAttribute.bigEndian(Int(NFTA_SET_ID.rawValue), sets))
        if !set.elements.isEmpty { fill(called, set.elements, name, number: sets) }
    }

    private mutating func fill(
        _ set: String, _ elements: [[UInt8]], _ name: NftState.TableName, number: UInt32?
    ) {
        // An attribute's length has 16 bits.
        for start in stride(from: 0, to: elements.count, by: 200) {
            put(
                NFT_MSG_NEWSETELEM, name,
                RawAttribute.text(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), name.name)
                    + RawAttribute.text(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set)
                    + (number.map { RawAttribute.bigEndian(Int(NFTA_SET_ELEM_LIST_SET_ID.rawValue), $0) } ?? [])
                    + RawAttribute.bytes(
                        Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue),
                        elements[start..<min(start + 200, elements.count)].flatMap { $0 }))
        }
    }
}

extension NftState.Table {
    func chain(like other: NftState.Chain) -> NftState.Chain? {
        chains.first { $0.name == other.name && $0.place == other.place }
    }

    func set(like other: NftState.Set) -> NftState.Set? {
        sets.first { $0.name == other.name && $0.settings == other.settings }
    }
}

extension NftState.Rule {
    /// The look-ups name their sets by the transaction's numbers: those after `first`, in order.
    fileprivate mutating func number(setsFrom first: UInt32) {
        guard !anonymous.isEmpty, first > 0 else { return }
        let parts = Attribute.list(body[...])
        body = parts.flatMap { part -> [UInt8] in
            guard part.type == Int(NFTA_RULE_EXPRESSIONS.rawValue) else { return part.raw }
            return RawAttribute.bytes(
                part.type, part.nested.flatMap { RawAttribute.bytes($0.type, renumbered($0.nested, first)) })
        }
    }

    /// Expressions that ask a set, with the attributes of its name and of its number in the transaction.
    static let lookUps = [
        "lookup": (set: Int(NFTA_LOOKUP_SET.rawValue), number: Int(NFTA_LOOKUP_SET_ID.rawValue)),
        "objref": (set: Int(NFTA_OBJREF_SET_NAME.rawValue), number: Int(NFTA_OBJREF_SET_ID.rawValue)),
    ]

    private func renumbered(_ parts: [Attribute], _ first: UInt32) -> [UInt8] {
        guard let name = parts[type: Int(NFTA_EXPR_NAME.rawValue)]?.text, let place = Self.lookUps[name] else {
            return parts.flatMap(\.raw)
        }
        return parts.flatMap { part -> [UInt8] in
            guard part.type == Int(NFTA_EXPR_DATA.rawValue),
                part.nested.contains(where: { $0.type == place.set && $0.text.hasSuffix("%d") })
            else { return part.raw }
            return RawAttribute.bytes(
                part.type,
                part.nested.flatMap { one in
                    one.type == place.number
                        ? RawAttribute.bigEndian(one.type, (one.bigEndian32 ?? 0) + first) : one.raw
                })
        }
    }
}
