import CKernel
import Glibc
import NetCore

/// Matches and targets of x_tables, of iptables-nft's rules and of iptables-legacy's entries (linux/netfilter/xt_*.h).
extension Machine {
    func legacy(
        _ entry: LegacyEntry, _ chain: Chain, _ here: inout Situation, _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        guard heads(entry, here) else { return .continue }
        for match in entry.matches {
            switch matches(match, here) {
            case true?: continue
            case false?: return .continue
            case nil:
                if !unknowns.choose("\(chain.words): match \(match.name) of iptables") { return .continue }
            }
        }
        if entry.target.name.isEmpty {
            if let jump = entry.jump {
                // IPT_F_GOTO, IP6T_F_GOTO.
                let isGoto = entry.isV6 ? entry.head[safe: 131] & 4 != 0 : entry.head[safe: 82] & 2 != 0
                return isGoto ? .goto(jump) : .jump(jump)
            }
            switch Int32(bitPattern: entry.target.data.little32(0)) {
            case -1: return .drop
            case -2: return .accept
            case -5: return .return
            default: return .queue
            }
        }
        return target(entry.target, chain, &here, apply)
    }

    /// Addresses, devices and protocol.
    private func heads(_ entry: LegacyEntry, _ here: Situation) -> Bool {
        let head = entry.head
        let length = entry.isV6 ? 16 : 4
        let packet = here.packet
        guard (packet.family == .v6) == entry.isV6 else { return false }
        let masked = { (address: IPAddress, at: Int) -> Bool in
            (0..<length).allSatisfy { address.bytes[$0] & head[at + 2 * length + $0] == head[at + $0] }
        }
        let base = 4 * length
        let (proto, flags, inverted) =
            entry.isV6
            ? (UInt8(truncatingIfNeeded: head.little16(base + 64)), head[base + 67], head[base + 68])
            : (UInt8(truncatingIfNeeded: head.little16(base + 64)), head[base + 66], head[base + 67])
        let device = { (name: String?, at: Int) -> Bool in
            let bytes = Array((name ?? "").utf8.prefix(15))
            let full = bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
            return (0..<16).allSatisfy { (full[$0] ^ head[at + $0]) & head[at + 32 + $0] == 0 }
        }
        let isInverted = { (bit: UInt8) in inverted & bit != 0 }
        // IPT_INV_VIA_IN 1, VIA_OUT 2, SRCIP 8, DSTIP 0x10, PROTO 0x40.
        if masked(packet.source, 0) == isInverted(0x08) { return false }
        if masked(packet.destination, length) == isInverted(0x10) { return false }
        if device(here.input?.name, base) == isInverted(0x01) { return false }
        if device(here.output?.name, base + 16) == isInverted(0x02) { return false }
        let hasProto = entry.isV6 ? flags & 1 != 0 || proto != 0 : proto != 0
        if hasProto, (proto == packet.proto) == isInverted(0x40) { return false }
        return true
    }

    /// Nil: not known.
    func matches(_ match: LegacyEntry.Extension, _ here: Situation) -> Bool? {
        let data = match.data
        let packet = here.packet
        let within = { (port: UInt16?, low: UInt16, high: UInt16) -> Bool? in
            if low == 0 && high == 0xffff { return true }
            guard let port else { return nil }
            return port >= low && port <= high
        }
        let both = { (one: Bool?, other: Bool?) -> Bool? in
            if one == false || other == false { return false }
            return one == nil || other == nil ? nil : true
        }
        switch (match.name, match.revision) {
        case ("comment", _), ("limit", _): return true
        case ("tcp", _), ("udp", _):
            guard packet.proto == (match.name == "tcp" ? UInt8(IPPROTO_TCP) : UInt8(IPPROTO_UDP)) else { return false }
            let inverted = match.name == "tcp" ? data[safe: 11] : data[safe: 8]
            let source = within(packet.sourcePort, data.little16(0), data.little16(2)).map { $0 != (inverted & 1 != 0) }
            let destination = within(packet.destinationPort, data.little16(4), data.little16(6)).map {
                $0 != (inverted & 2 != 0)
            }
            var ports = both(source, destination)
            if match.name == "tcp" {
                let (mask, wanted) = (data[safe: 9], data[safe: 10])
                let flags: UInt8 = packet.isReset ? 0x14 : packet.isAnswer ? 0x12 : 0x02
                ports = both(ports, ((flags & mask) == wanted) != (inverted & 4 != 0))
                if data[safe: 8] != 0 { ports = both(ports, nil) }
            }
            return ports
        case ("multiport", 1):
            // flags, count, ports[15], pflags[15], invert.
            let (kind, count) = (data[safe: 0], Int(data[safe: 1]))
            var found: Bool? = false
            var index = 0
            while index < count, index < 15 {
                let low = data.little16(2 + 2 * index)
                var high = low
                if data[safe: 32 + index] != 0 {
                    index += 1
                    high = data.little16(2 + 2 * index)
                }
                let source = within(packet.sourcePort, low, high)
                let destination = within(packet.destinationPort, low, high)
                let hit: Bool? =
                    kind == 0
                    ? source
                    : kind == 1 ? destination : source == true || destination == true ? true : both(source, destination)
                if hit == true { found = true } else if hit == nil, found == false { found = nil }
                index += 1
            }
            return found.map { $0 != (data[safe: 47] != 0) }
        case ("addrtype", 1):
            let (source, destination, flags) = (data.little16(0), data.little16(2), data.little32(4))
            let bound = flags & 4 != 0 ? here.input : flags & 8 != 0 ? here.output : nil
            let hit = { (address: IPAddress, mask: UInt16) -> Bool in
                mask & 1 << UInt16(self.node.addressType(address, on: bound)) != 0
            }
            if source != 0, hit(packet.source, source) == (flags & 1 != 0) { return false }
            if destination != 0, hit(packet.destination, destination) == (flags & 2 != 0) { return false }
            return true
        case ("addrtype", 0):
            let hit = { (address: IPAddress, mask: UInt16) -> Bool in
                mask & 1 << UInt16(self.node.addressType(address, on: nil)) != 0
            }
            if data.little16(0) != 0, hit(packet.source, data.little16(0)) == (data.little32(4) != 0) { return false }
            if data.little16(2) != 0, hit(packet.destination, data.little16(2)) == (data.little32(8) != 0) {
                return false
            }
            return true
        case ("conntrack", 1...3): return tracked(data, match.revision, here)
        case ("state", _): return here.state & data.little32(0) != 0
        case ("mark", 1): return (packet.mark & data.little32(4) == data.little32(0)) != (data[safe: 8] != 0)
        case ("connmark", 1):
            return ((here.flow?.mark ?? 0) & data.little32(4) == data.little32(0)) != (data[safe: 8] != 0)
        case ("physdev", _):
            // physindev, in_mask, physoutdev, out_mask, invert, bitmask.
            let (inverted, bits) = (data[safe: 64], data[safe: 65])
            let device = { (name: String?, at: Int) -> Bool in
                let bytes = Array((name ?? "").utf8.prefix(15))
                let full = bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
                return (0..<16).allSatisfy { (full[$0] ^ data[safe: at + $0]) & data[safe: at + 16 + $0] == 0 }
            }
            let isBridged = here.physicalInput != nil && here.physicalOutput != nil
            if bits & 4 != 0, isBridged == (inverted & 4 != 0) { return false }
            if bits & 8 != 0, (here.physicalInput != nil) == (inverted & 8 != 0) { return false }
            if bits & 16 != 0, (here.physicalOutput != nil) == (inverted & 16 != 0) { return false }
            if bits & 1 != 0, device(here.physicalInput?.name, 0) == (inverted & 1 != 0) { return false }
            if bits & 2 != 0, device(here.physicalOutput?.name, 32) == (inverted & 2 != 0) { return false }
            return true
        case ("icmp", _), ("icmp6", _):
            guard packet.isICMP else { return false }
            let isAny = match.name == "icmp" && data[safe: 0] == 0xff
            let hit = isAny || packet.type == data[safe: 0] && data[safe: 1] == 0
            return hit != (data[safe: 3] & 1 != 0)
        case ("iprange", 1):
            let flags = data[safe: 64]
            let length = packet.family.bits / 8
            let within = { (address: IPAddress, low: Int) -> Bool in
                guard data.count >= low + 32 else { return false }
                return !address.bytes.lexicographicallyPrecedes(data[low..<(low + length)])
                    && !data[(low + 16)..<(low + 16 + length)].lexicographicallyPrecedes(address.bytes)
            }
            if flags & 1 != 0, within(packet.source, 0) == (flags & 16 != 0) { return false }
            if flags & 2 != 0, within(packet.destination, 32) == (flags & 32 != 0) { return false }
            return true
        case ("mac", _):
            guard let macs = here.macs, data.count >= 12 else { return false }
            return (macs.source.bytes == Array(data[..<6])) != (data.little32(8) != 0)
        case ("pkttype", _): return (data.little32(0) == 0) != (data.little32(4) != 0)
        case ("ttl", _), ("hl", _):
            let (mode, value) = (data[safe: 0], Int(data[safe: 1]))
            return mode == 0
                ? packet.ttl == value
                : mode == 1 ? packet.ttl != value : mode == 2 ? packet.ttl < value : packet.ttl > value
        default: return nil
        }
    }

    /// struct xt_conntrack_mtinfo1 to 3.
    private func tracked(_ data: [UInt8], _ revision: UInt8, _ here: Situation) -> Bool? {
        let (matchFlags, inverted) = (data.little16(146), data.little16(148))
        let stateMask = revision == 1 ? UInt16(data[safe: 150]) : data.little16(150)
        let statusMask = revision == 1 ? UInt16(data[safe: 151]) : data.little16(152)
        let isOn = { (bit: UInt16) in matchFlags & bit != 0 }
        let isNot = { (bit: UInt16) in inverted & bit != 0 }
        if isOn(1) || isOn(8192) {
            var bits: UInt16
            if here.isUntracked {
                bits = 256
            } else if here.flow == nil {
                bits = 1
            } else {
                bits = UInt16(here.state)
                if here.flow?.rewritesSource == true { bits |= 64 }
                if here.flow?.rewritesDestination == true { bits |= 128 }
            }
            if (bits & stateMask != 0) == isNot(1) { return false }
        }
        guard let flow = here.flow else { return matchFlags & ~(1 | 8192) == 0 }
        // IP_CT_DIR_ORIGINAL ^ !inverted: the flag without its inversion wants the original direction.
        if isOn(4096), !here.isReply == isNot(4096) { return false }
        if isOn(2), (UInt16(flow.proto) == data.little16(136)) == isNot(2) { return false }
        let length = here.packet.family.bits / 8
        let address = { (one: IPAddress, at: Int) -> Bool in
            (0..<length).allSatisfy { one.bytes[$0] & data[safe: at + 16 + $0] == data[safe: at + $0] }
        }
        if isOn(4), address(flow.original.source, 0) == isNot(4) { return false }
        if isOn(8), address(flow.original.destination, 32) == isNot(8) { return false }
        if isOn(16), address(flow.reply.source, 64) == isNot(16) { return false }
        if isOn(32), address(flow.reply.destination, 96) == isNot(32) { return false }
        if isOn(64), (UInt16(truncatingIfNeeded: here.status) & statusMask != 0) == isNot(64) { return false }
        let port = { (number: UInt16?, low: Int, high: Int) -> Bool? in
            guard let number else { return nil }
            // Of revision 3 a range in this machine's order; before it one number in the network's.
            if revision < 3 { return number == data.big16(low) }
            return number >= data.little16(low) && number <= data.little16(high)
        }
        var isUnknown = false
        for (bit, number, low, high) in [
            (UInt16(256), flow.original.sourcePort, 138, 154), (512, flow.original.destinationPort, 140, 156),
            (1024, flow.reply.sourcePort, 142, 158), (2048, flow.reply.destinationPort, 144, 160),
        ] where isOn(bit) {
            switch port(number, low, high) {
            case nil: isUnknown = true
            case let hit?: if hit == isNot(bit) { return false }
            }
        }
        return isUnknown ? nil : true
    }

    func target(
        _ target: LegacyEntry.Extension, _ chain: Chain, _ here: inout Situation,
        _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        let data = target.data
        let isV6 = here.packet.family == .v6
        // nf_nat_ipv4_multi_range_compat has a count before its range; nf_nat_range does not.
        let range = { () -> (address: IPAddress?, port: UInt16?) in
            if !isV6 && (target.revision == 0) {
                let flags = data.little32(4)
                return (
                    flags & 1 != 0 && data.count >= 12 ? IPAddress(bytes: data[8..<12]) : nil,
                    flags & 2 != 0 ? data.big16(16) : nil
                )
            }
            let flags = data.little32(0)
            return (
                flags & 1 != 0 && data.count >= 20 ? IPAddress(bytes: data[4..<(isV6 ? 20 : 8)]) : nil,
                flags & 2 != 0 ? data.big16(36) : nil
            )
        }
        switch target.name {
        case "DNAT":
            let found = range()
            apply(.destination(found.address, found.port), &here)
            return .accept
        case "SNAT":
            let found = range()
            apply(.source(found.address, found.port), &here)
            return .accept
        case "MASQUERADE":
            apply(.masquerade, &here)
            return .accept
        case "REDIRECT":
            apply(.redirect(range().port), &here)
            return .accept
        case "REJECT":
            // IPT_TCP_RESET, IP6T_TCP_RESET.
            apply(.reject(reset: data.little32(0) == (isV6 ? 6 : 7)), &here)
            return .drop
        case "MARK" where target.revision == 2:
            apply(.mark((here.packet.mark & ~data.little32(4)) ^ data.little32(0)), &here)
        case "CONNMARK" where target.revision >= 1:
            let (mark, mask, packetMask, mode) = (data.little32(0), data.little32(4), data.little32(8), data[safe: 12])
            let known = here.flow?.mark ?? 0
            switch mode {
            case 0: apply(.connectionMark((known & ~mask) ^ mark), &here)
            case 1: apply(.connectionMark((known & ~mask) ^ (here.packet.mark & packetMask)), &here)
            default: apply(.mark((here.packet.mark & ~packetMask) ^ (known & mask)), &here)
            }
        case "NOTRACK": apply(.untracked, &here)
        case "CT": if data.little16(0) & 1 != 0 { apply(.untracked, &here) }
        case "NFQUEUE": return .queue
        default: break
        }
        return .continue
    }
}

extension Array where Element == UInt8 {
    /// 0 beyond the end.
    subscript(safe at: Int) -> UInt8 { at >= 0 && at < count ? self[at] : 0 }
}
