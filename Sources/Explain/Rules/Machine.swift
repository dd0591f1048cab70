import CKernel
import Glibc
import NetCore

/// Runs the rules of base chains over a packet, as the kernel does (net/netfilter/nf_tables_core.c): registers, comparisons, look-ups. What
/// it does not know, it asks `Unknowns`.
final class Machine {
    enum Outcome { case accept, drop, `continue` }

    let node: Node
    var unknowns: Unknowns
    private(set) var decisions: [Decision] = []
    private var registers = [UInt8?](repeating: 0, count: 64)
    var keyLengths: [String: Int] = [:]

    init(_ node: Node, _ unknowns: Unknowns) { (self.node, self.unknowns) = (node, unknowns) }

    /// One base chain. Changes are given to `apply` as they come.
    func run(_ chain: Chain, _ here: inout Situation, _ apply: (Change, inout Situation) -> Void) -> Outcome {
        decisions = []
        let verdict = walk(chain, &here, depth: 0, apply)
        switch verdict {
        case .accept: return .accept
        case .drop, .queue: return .drop
        default:
            guard chain.drops else { return .continue }
            decisions.append(Decision(kind: .policy, chain: chain.words, rule: nil, what: "policy drop"))
            return .drop
        }
    }

    private func walk(_ chain: Chain, _ here: inout Situation, depth: Int, _ apply: (Change, inout Situation) -> Void)
        -> Verdict
    {
        for (number, rule) in chain.rules.enumerated() {
            let name = chain.isLegacy ? "rule \(number + 1)" : "#\(rule.handle)"
            let verdict: Verdict
            if let entry = rule.entry {
                verdict = legacy(entry, chain, &here) { change, situation in
                    self.decided(change, chain, name, rule.comment)
                    apply(change, &situation)
                }
            } else {
                verdict = program(rule, chain, &here) { change, situation in
                    self.decided(change, chain, name, rule.comment)
                    apply(change, &situation)
                }
            }
            switch verdict {
            case .continue, .break: continue
            case .return: return depth == 0 ? .continue : .return
            case .jump(let target), .goto(let target):
                guard depth < 16,
                    let next = node.rules.chains[
                        Ruleset.Name(family: chain.family, table: chain.table, chain: target, isLegacy: chain.isLegacy)]
                else { continue }
                let inner = walk(next, &here, depth: depth + 1, apply)
                if case .accept = inner { return inner }
                if case .drop = inner { return inner }
                if case .queue = inner { return inner }
                if case .goto = verdict { return depth == 0 ? .continue : .return }
            case .accept:
                if decisions.last.map({ $0.chain != chain.words || $0.rule != name }) ?? true {
                    decisions.append(
                        Decision(kind: .accept, chain: chain.words, rule: name, what: "accept", comment: rule.comment))
                }
                return .accept
            case .drop, .queue:
                if decisions.last.map({ $0.kind != .reject || $0.rule != name }) ?? true {
                    decisions.append(
                        Decision(
                            kind: .drop, chain: chain.words, rule: name, what: verdict == .drop ? "drop" : "queue",
                            comment: rule.comment))
                }
                return verdict
            }
        }
        return depth == 0 ? .continue : .return
    }

    private func decided(_ change: Change, _ chain: Chain, _ name: String, _ comment: String?) {
        let decision = { (kind: Decision.Kind, what: String) in
            self.decisions.append(Decision(kind: kind, chain: chain.words, rule: name, what: what, comment: comment))
        }
        let words = { (address: IPAddress?, port: UInt16?) -> String in
            if let address { return Packet.endpoint(address, port) }
            return port.map { ":\($0)" } ?? "?"
        }
        switch change {
        case .destination(let address, let port): decision(.nat, "dnat to \(words(address, port))")
        case .source(let address, let port): decision(.nat, "snat to \(words(address, port))")
        case .masquerade: decision(.nat, "masquerade")
        case .redirect(let port): decision(.nat, "redirect\(port.map { " to :\($0)" } ?? "")")
        case .mark(let mark): decision(.mark, "mark \(mark)")
        case .connectionMark(let mark): decision(.mark, "ct mark \(mark)")
        case .untracked: decision(.mark, "notrack")
        case .reject(let reset): decision(.reject, reset ? "reject with tcp reset" : "reject")
        }
    }

    // MARK: registers

    func place(_ register: UInt32?) -> Int? {
        guard let register, register != 0 else { return nil }
        if register >= 8 { return Int(register - 8) * 4 < 64 ? Int(register - 8) * 4 : nil }
        return register <= 4 ? Int(register - 1) * 16 : nil
    }

    func load(_ place: Int, _ count: Int) -> [UInt8?] {
        guard place + count <= registers.count else { return [UInt8?](repeating: nil, count: count) }
        return Array(registers[place..<(place + count)])
    }

    func store(_ place: Int?, _ bytes: [UInt8?]) {
        guard let place else { return }
        for (offset, byte) in bytes.enumerated() where place + offset < registers.count {
            registers[place + offset] = byte
        }
        // What is shorter than a word has zeros behind it.
        for offset in bytes.count..<((bytes.count + 3) & ~3) where place + offset < registers.count {
            registers[place + offset] = 0
        }
    }

    func known(_ bytes: [UInt8?]) -> [UInt8]? {
        let found = bytes.compactMap { $0 }
        return found.count == bytes.count ? found : nil
    }

    static func host(_ value: UInt32) -> [UInt8?] { withUnsafeBytes(of: value) { $0.map { $0 } } }
    static func host16(_ value: UInt16) -> [UInt8?] { withUnsafeBytes(of: value) { $0.map { $0 } } }
    static func name(_ text: String?) -> [UInt8?] {
        let bytes = Array((text ?? "").utf8.prefix(15))
        return bytes.map { $0 } + [UInt8?](repeating: 0, count: 16 - bytes.count)
    }

    // MARK: expressions

    private func program(
        _ rule: Rule, _ chain: Chain, _ here: inout Situation, _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        registers = [UInt8?](repeating: 0, count: 64)
        for expression in rule.expressions {
            let verdict = step(expression, rule, chain, &here, apply)
            if verdict != .continue { return verdict }
        }
        return .continue
    }

    private func step(
        _ expression: Rule.Expression, _ rule: Rule, _ chain: Chain, _ here: inout Situation,
        _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        let data = expression.data
        switch expression.name {
        case "payload": return payload(expression, here)
        case "meta": return meta(expression, &here, apply)
        case "ct": return conntrack(expression, &here, apply)
        case "fib": return fib(expression, here)
        case "cmp":
            guard let from = place(expression.number(NFTA_CMP_SREG.rawValue)),
                let value = data[type: Int(NFTA_CMP_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)]?
                    .payload
            else { return .continue }
            return compare(
                load(from, value.count), Array(value), expression.number(NFTA_CMP_OP.rawValue) ?? 0, rule, chain)
        case "range":
            guard let from = place(expression.number(NFTA_RANGE_SREG.rawValue)),
                let low = data[type: Int(NFTA_RANGE_FROM_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)]?
                    .payload,
                let high = data[type: Int(NFTA_RANGE_TO_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)]?
                    .payload
            else { return .continue }
            guard let value = known(load(from, low.count)) else {
                return ask("a port or number that nobody knows yet", rule, chain)
            }
            let isIn = !value.lexicographicallyPrecedes(low) && !high.lexicographicallyPrecedes(value)
            return isIn == ((expression.number(NFTA_RANGE_OP.rawValue) ?? 0) == 0) ? .continue : .break
        case "bitwise": return bitwise(expression, rule, chain)
        case "byteorder": return byteorder(expression)
        case "immediate":
            let target = expression.number(NFTA_IMMEDIATE_DREG.rawValue)
            let parts = data[type: Int(NFTA_IMMEDIATE_DATA.rawValue)]?.nested ?? []
            if let verdict = parts[type: Int(NFTA_DATA_VERDICT.rawValue)].flatMap({ Verdict($0.nested) }) {
                return verdict
            }
            store(place(target), parts[type: Int(NFTA_DATA_VALUE.rawValue)].map { $0.payload.map { $0 } } ?? [])
        case "lookup": return lookup(expression, rule, chain)
        case "nat":
            let family = expression.number(NFTA_NAT_FAMILY.rawValue)
            let isV6 = family == UInt32(NFPROTO_IPV6)
            // In a table of both families a packet of the other one passes it (nft_nat_inet_eval).
            if family != UInt32(NFPROTO_INET), isV6 != (here.packet.family == .v6) { return .continue }
            let address = place(expression.number(NFTA_NAT_REG_ADDR_MIN.rawValue)).flatMap {
                known(load($0, isV6 ? 16 : 4))
            }
            .flatMap { IPAddress(bytes: $0) }
            let port = place(expression.number(NFTA_NAT_REG_PROTO_MIN.rawValue)).flatMap { known(load($0, 2)) }.map {
                $0.big16(0)
            }
            let isSource = expression.number(NFTA_NAT_TYPE.rawValue) == 0
            apply(isSource ? .source(address, port) : .destination(address, port), &here)
            return .accept
        case "masq":
            apply(.masquerade, &here)
            return .accept
        case "redir":
            let port = place(expression.number(NFTA_REDIR_REG_PROTO_MIN.rawValue)).flatMap { known(load($0, 2)) }.map {
                $0.big16(0)
            }
            apply(.redirect(port), &here)
            return .accept
        case "notrack": apply(.untracked, &here)
        case "reject":
            apply(
                .reject(reset: expression.number(NFTA_REJECT_TYPE.rawValue) == UInt32(NFT_REJECT_TCP_RST.rawValue)),
                &here)
            return .drop
        case "match":
            let found = LegacyEntry.Extension(
                name: data[type: Int(NFTA_MATCH_NAME.rawValue)]?.text ?? "",
                revision: UInt8(truncatingIfNeeded: expression.number(NFTA_MATCH_REV.rawValue) ?? 0),
                data: data[type: Int(NFTA_MATCH_INFO.rawValue)].map { Array($0.payload) } ?? [])
            switch matches(found, here) {
            case true?: break
            case false?: return .break
            case nil: return ask("match \(found.name) of iptables", rule, chain)
            }
        case "target":
            let found = LegacyEntry.Extension(
                name: data[type: Int(NFTA_TARGET_NAME.rawValue)]?.text ?? "",
                revision: UInt8(truncatingIfNeeded: expression.number(NFTA_TARGET_REV.rawValue) ?? 0),
                data: data[type: Int(NFTA_TARGET_INFO.rawValue)].map { Array($0.payload) } ?? [])
            return target(found, chain, &here, apply)
        case "queue": return .queue
        // They count, write down or remember, and let the packet on.
        case "counter", "log", "objref", "dynset", "last", "quota", "dup", "fwd", "tproxy": break
        case "limit", "connlimit":
            // A single packet is within a rate, and not over it.
            if (data[type: Int(NFTA_LIMIT_FLAGS.rawValue)]?.bigEndian32 ?? 0) & 1 != 0 { return .break }
        default: return ask("expression \(expression.name)", rule, chain)
        }
        return .continue
    }

    /// Does an unknown thing match?
    func ask(_ what: String, _ rule: Rule, _ chain: Chain) -> Verdict {
        unknowns.choose("\(chain.words) #\(rule.handle): \(what)") ? .continue : .break
    }

    private func compare(_ found: [UInt8?], _ value: [UInt8], _ operation: UInt32, _ rule: Rule, _ chain: Chain)
        -> Verdict
    {
        guard let found = known(found) else {
            // Bytes that are known may decide by themselves.
            let differs = zip(found, value).contains { $0 != nil && $0 != $1 }
            if differs, operation == 0 { return .break }
            if differs, operation == 1 { return .continue }
            return ask("a port or number that nobody knows yet", rule, chain)
        }
        let isLess = found.lexicographicallyPrecedes(value)
        let isEqual = found == value
        let holds =
            switch operation {
            case 0: isEqual
            case 1: !isEqual
            case 2: isLess
            case 3: isLess || isEqual
            case 4: !isLess && !isEqual
            default: !isLess
            }
        return holds ? .continue : .break
    }
}
