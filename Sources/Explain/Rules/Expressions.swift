import CKernel
import Glibc
import NetCore

/// Expressions that load something into registers, or look it up (linux/netfilter/nf_tables.h).
extension Machine {
    func payload(_ expression: Rule.Expression, _ here: Situation) -> Verdict {
        guard let to = place(expression.number(NFTA_PAYLOAD_DREG.rawValue)) else { return .continue }
        let offset = Int(expression.number(NFTA_PAYLOAD_OFFSET.rawValue) ?? 0)
        let length = Int(expression.number(NFTA_PAYLOAD_LEN.rawValue) ?? 0)
        let header: [UInt8?]
        switch expression.number(NFTA_PAYLOAD_BASE.rawValue) {
        case UInt32(NFT_PAYLOAD_LL_HEADER.rawValue):
            guard let macs = here.macs else { return .break }
            let type: [UInt8?] = here.packet.family == .v4 ? [0x08, 0x00] : [0x86, 0xdd]
            header = macs.destination.bytes.map { $0 } + macs.source.bytes.map { $0 } + type
        case UInt32(NFT_PAYLOAD_NETWORK_HEADER.rawValue): header = here.packet.networkHeader
        case UInt32(NFT_PAYLOAD_TRANSPORT_HEADER.rawValue): header = here.packet.transportHeader
        default: header = []
        }
        var bytes = [UInt8?](repeating: nil, count: length)
        for index in 0..<length where offset + index < header.count { bytes[index] = header[offset + index] }
        store(to, bytes)
        return .continue
    }

    func meta(
        _ expression: Rule.Expression, _ here: inout Situation, _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        let key = expression.number(NFTA_META_KEY.rawValue) ?? 0
        if let from = place(expression.number(NFTA_META_SREG.rawValue)) {
            if key == UInt32(NFT_META_MARK.rawValue), let value = known(load(from, 4)) {
                apply(.mark(value.little32(0)), &here)
            }
            return .continue
        }
        let to = place(expression.number(NFTA_META_DREG.rawValue))
        switch key {
        case UInt32(NFT_META_PROTOCOL.rawValue): store(to, here.packet.family == .v4 ? [0x08, 0x00] : [0x86, 0xdd])
        case UInt32(NFT_META_MARK.rawValue): store(to, Machine.host(here.packet.mark))
        case UInt32(NFT_META_IIF.rawValue): store(to, Machine.host(UInt32(here.input?.index ?? 0)))
        case UInt32(NFT_META_OIF.rawValue): store(to, Machine.host(UInt32(here.output?.index ?? 0)))
        case UInt32(NFT_META_IIFNAME.rawValue): store(to, Machine.name(here.input?.name))
        case UInt32(NFT_META_OIFNAME.rawValue): store(to, Machine.name(here.output?.name))
        case UInt32(NFT_META_BRI_IIFNAME.rawValue), UInt32(NFT_META_BRI_OIFNAME.rawValue):
            let device = key == UInt32(NFT_META_BRI_IIFNAME.rawValue) ? here.input : here.output
            guard let master = device?.master, let bridge = node.device(master) else { return .break }
            store(to, Machine.name(bridge.name))
        case UInt32(NFT_META_IIFKIND.rawValue): store(to, Machine.name(here.input?.kind))
        case UInt32(NFT_META_OIFKIND.rawValue): store(to, Machine.name(here.output?.kind))
        case UInt32(NFT_META_IFTYPE.rawValue), UInt32(NFT_META_OIFTYPE.rawValue):
            let device = key == UInt32(NFT_META_IFTYPE.rawValue) ? here.input : here.output
            guard let device else { return .break }
            store(to, Machine.host16(device.isLoopback ? 772 : 1))
        case UInt32(NFT_META_NFPROTO.rawValue):
            store(to, [here.packet.family == .v4 ? UInt8(NFPROTO_IPV4) : UInt8(NFPROTO_IPV6)])
        case UInt32(NFT_META_L4PROTO.rawValue): store(to, [here.packet.proto])
        case UInt32(NFT_META_PKTTYPE.rawValue): store(to, [0])
        case UInt32(NFT_META_IIFGROUP.rawValue), UInt32(NFT_META_OIFGROUP.rawValue): store(to, Machine.host(0))
        case UInt32(NFT_META_PRIORITY.rawValue), UInt32(NFT_META_SECMARK.rawValue): store(to, Machine.host(0))
        default: store(to, [UInt8?](repeating: nil, count: 16))
        }
        return .continue
    }

    func conntrack(
        _ expression: Rule.Expression, _ here: inout Situation, _ apply: (Change, inout Situation) -> Void
    ) -> Verdict {
        let key = expression.number(NFTA_CT_KEY.rawValue) ?? 0
        if let from = place(expression.number(NFTA_CT_SREG.rawValue)) {
            if key == UInt32(NFT_CT_MARK.rawValue), let value = known(load(from, 4)) {
                apply(.connectionMark(value.little32(0)), &here)
            }
            return .continue
        }
        let to = place(expression.number(NFTA_CT_DREG.rawValue))
        if key == UInt32(NFT_CT_STATE.rawValue) {
            store(to, Machine.host(here.state))
            return .continue
        }
        guard let flow = here.flow else { return .break }
        let direction = expression.data[type: Int(NFTA_CT_DIRECTION.rawValue)]?.u8
        let tuple = direction == 1 ? flow.reply : flow.original
        let port = { (number: UInt16?) -> [UInt8?] in number.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? [nil, nil] }
        switch key {
        case UInt32(NFT_CT_DIRECTION.rawValue): store(to, [here.isReply ? 1 : 0])
        case UInt32(NFT_CT_STATUS.rawValue): store(to, Machine.host(here.status))
        case UInt32(NFT_CT_MARK.rawValue): store(to, Machine.host(flow.mark))
        case UInt32(NFT_CT_L3PROTOCOL.rawValue):
            store(to, [here.packet.family == .v4 ? UInt8(NFPROTO_IPV4) : UInt8(NFPROTO_IPV6)])
        case UInt32(NFT_CT_PROTOCOL.rawValue): store(to, [flow.proto])
        case UInt32(NFT_CT_SRC.rawValue), UInt32(NFT_CT_SRC_IP.rawValue), UInt32(NFT_CT_SRC_IP6.rawValue):
            store(to, tuple.source.bytes.map { $0 })
        case UInt32(NFT_CT_DST.rawValue), UInt32(NFT_CT_DST_IP.rawValue), UInt32(NFT_CT_DST_IP6.rawValue):
            store(to, tuple.destination.bytes.map { $0 })
        case UInt32(NFT_CT_PROTO_SRC.rawValue): store(to, port(tuple.sourcePort))
        case UInt32(NFT_CT_PROTO_DST.rawValue): store(to, port(tuple.destinationPort))
        case UInt32(NFT_CT_ZONE.rawValue): store(to, [0, 0])
        default: store(to, [UInt8?](repeating: nil, count: 16))
        }
        return .continue
    }

    func fib(_ expression: Rule.Expression, _ here: Situation) -> Verdict {
        let to = place(expression.number(NFTA_FIB_DREG.rawValue))
        let flags = expression.number(NFTA_FIB_FLAGS.rawValue) ?? 0
        let address = flags & UInt32(NFTA_FIB_F_SADDR.rawValue) != 0 ? here.packet.source : here.packet.destination
        let isPresence = flags & UInt32(NFTA_FIB_F_PRESENT.rawValue) != 0
        switch expression.number(NFTA_FIB_RESULT.rawValue) {
        case UInt32(NFT_FIB_RESULT_ADDRTYPE.rawValue):
            let bound =
                flags & UInt32(NFTA_FIB_F_IIF.rawValue) != 0
                ? here.input : flags & UInt32(NFTA_FIB_F_OIF.rawValue) != 0 ? here.output : nil
            store(to, Machine.host(node.addressType(address, on: bound)))
        case let result?:
            let route = node.route(to: address, mark: here.packet.mark)
            var device = route.kind == .refused || route.kind == .none ? nil : route.device.flatMap { node.device($0) }
            if flags & UInt32(NFTA_FIB_F_IIF.rawValue) != 0, device != here.input { device = nil }
            if isPresence {
                store(to, [device == nil ? 0 : 1])
            } else if result == UInt32(NFT_FIB_RESULT_OIFNAME.rawValue) {
                store(to, Machine.name(device?.name))
            } else {
                store(to, Machine.host(UInt32(device?.index ?? 0)))
            }
        default: store(to, [nil, nil, nil, nil])
        }
        return .continue
    }

    func bitwise(_ expression: Rule.Expression, _ rule: Rule, _ chain: Chain) -> Verdict {
        guard let from = place(expression.number(NFTA_BITWISE_SREG.rawValue)),
            let to = place(expression.number(NFTA_BITWISE_DREG.rawValue)),
            let length = expression.number(NFTA_BITWISE_LEN.rawValue).map(Int.init)
        else { return .continue }
        let value = { (type: UInt32) in
            expression.data[type: Int(type)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)].map { Array($0.payload) }
        }
        guard (expression.number(NFTA_BITWISE_OP.rawValue) ?? 0) == 0, let mask = value(NFTA_BITWISE_MASK.rawValue),
            let other = value(NFTA_BITWISE_XOR.rawValue)
        else {
            store(to, [UInt8?](repeating: nil, count: length))
            return .continue
        }
        var result = load(from, length)
        for index in result.indices where index < mask.count && index < other.count {
            // A byte that is masked away is known whatever it was.
            result[index] = mask[index] == 0 ? other[index] : result[index].map { $0 & mask[index] ^ other[index] }
        }
        store(to, result)
        return .continue
    }

    func byteorder(_ expression: Rule.Expression) -> Verdict {
        guard let from = place(expression.number(NFTA_BYTEORDER_SREG.rawValue)),
            let to = place(expression.number(NFTA_BYTEORDER_DREG.rawValue)),
            let length = expression.number(NFTA_BYTEORDER_LEN.rawValue).map(Int.init),
            let size = expression.number(NFTA_BYTEORDER_SIZE.rawValue).map(Int.init), size > 0
        else { return .continue }
        let bytes = load(from, length)
        var result: [UInt8?] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            result += bytes[start..<Swift.min(start + size, bytes.count)].reversed()
        }
        store(to, result)
        return .continue
    }

    func lookup(_ expression: Rule.Expression, _ rule: Rule, _ chain: Chain) -> Verdict {
        guard let from = place(expression.number(NFTA_LOOKUP_SREG.rawValue)),
            let set = expression.data[type: Int(NFTA_LOOKUP_SET.rawValue)]?.text
        else { return .continue }
        let isInverted = (expression.number(NFTA_LOOKUP_FLAGS.rawValue) ?? 0) & 1 != 0
        let target = expression.number(NFTA_LOOKUP_DREG.rawValue)
        let name = "\(chain.family) \(chain.table) \(set)"
        guard
            let length = keyLengths[name] ?? node.netfilter({ $0.setKeyLength(set, table: chain.table, chain.family) })
        else {
            return ask("set \(set)", rule, chain)
        }
        keyLengths[name] = length
        guard let key = known(load(from, length)) else {
            return ask("a port or number that nobody knows yet", rule, chain)
        }
        switch node.setAnswer({ $0.setElement(key, set: set, table: chain.table, chain.family) }) {
        case .missing: return isInverted ? .continue : .break
        case .unknown: return ask("set \(set)", rule, chain)
        case .found(let data, let verdict):
            if isInverted { return .break }
            guard let target else { return .continue }
            // The register of the verdict.
            if target == 0 { return verdict ?? .continue }
            store(place(target), (data ?? []).map { $0 })
            return .continue
        }
    }
}
