import CKernel
import Glibc

/// A match or a target of x_tables as the kernel takes it, whether by iptables' own tables or by nf_tables
/// (linux/netfilter/x_tables.h): its name, its revision and its structure, padded to eight bytes.
public struct IptablesExtension: Hashable, Sendable {
    public let name: String
    public let revision: UInt8
    public let data: [UInt8]

    /// Of a structure whose last `padding` bytes are none of its fields: what a Swift value has there is anything.
    private init<Info>(_ name: String, _ revision: UInt8, _ info: Info, padding: Int = 0) {
        let bytes = withUnsafeBytes(of: info) { Array($0) }
        self.init(name, revision, bytes: bytes.dropLast(padding) + [UInt8](repeating: 0, count: padding))
    }
    init(_ name: String, _ revision: UInt8, bytes: [UInt8]) {
        self.name = name
        self.revision = revision
        data = bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    }

    // MARK: matches

    /// xt_comment_info: 256 bytes with the final NUL (linux/netfilter/xt_comment.h).
    static func comment(_ text: String) -> IptablesExtension {
        let bytes = Array(text.utf8.prefix(255))
        return IptablesExtension("comment", 0, bytes: bytes + [UInt8](repeating: 0, count: 256 - bytes.count))
    }

    static let toThisHost: IptablesExtension = {
        var info = xt_addrtype_info_v1()
        info.dest = UInt16(XT_ADDRTYPE_LOCAL)
        return IptablesExtension("addrtype", 1, info)
    }()

    static func ports(_ ranges: [ClosedRange<UInt16>]) -> IptablesExtension {
        // struct xt_multiport_v1: kind and number of ports, fifteen ports, a flag each whether a range begins, and "not".
        var numbers: [UInt16] = []
        var begins: [UInt8] = []
        for range in ranges {
            numbers.append(range.lowerBound)
            begins.append(range.count > 1 ? 1 : 0)
            if range.count > 1 {
                numbers.append(range.upperBound)
                begins.append(0)
            }
        }
        let room = [UInt16](repeating: 0, count: max(0, Int(XT_MULTI_PORTS) - numbers.count))
        var bytes = [UInt8(XT_MULTIPORT_DESTINATION.rawValue), UInt8(numbers.count)]
        for number in numbers + room { bytes += [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)] }
        bytes += begins + [UInt8](repeating: 0, count: room.count + 1)
        return IptablesExtension("multiport", 1, bytes: bytes)
    }

    /// `--dport` of -m tcp, -m udp or -m sctp.
    static func port(_ range: ClosedRange<UInt16>, _ proto: IptablesRule.IPProtocol) -> IptablesExtension {
        switch proto {
        case .udp:
            var info = xt_udp()
            info.spts = (0, 0xffff)
            info.dpts = (range.lowerBound, range.upperBound)
            return IptablesExtension("udp", 0, info, padding: 1)
        case .sctp:
            var info = xt_sctp_info()
            info.dpts = (range.lowerBound, range.upperBound)
            info.flags = UInt32(XT_SCTP_DEST_PORTS)
            // No kind of chunk, as iptables says it.
            let none = xt_sctp_flag_info(chunktype: 0xff, flag: 0, flag_mask: 0)
            info.flag_info = (none, none, none, none)
            return IptablesExtension("sctp", 0, info)
        default:
            var info = xt_tcp()
            info.spts = (0, 0xffff)
            info.dpts = (range.lowerBound, range.upperBound)
            return IptablesExtension("tcp", 0, info)
        }
    }

    static func mark(_ mark: UInt32, mask: UInt32, not: Bool) -> IptablesExtension {
        var info = xt_mark_mtinfo1()
        (info.mark, info.mask, info.invert) = (mark, mask, not ? 1 : 0)
        return IptablesExtension("mark", 1, info, padding: 3)
    }

    static func states(_ states: [IptablesRule.ConntrackState], not: Bool) -> IptablesExtension {
        var info = xt_conntrack_mtinfo3()
        info.match_flags = UInt16(XT_CONNTRACK_STATE)
        if not { info.invert_flags = UInt16(XT_CONNTRACK_STATE) }
        for state in states { info.state_mask |= bit(state) }
        return IptablesExtension("conntrack", 3, info, padding: 2)
    }

    /// XT_CONNTRACK_STATE_BIT and its like, which the importer does not show.
    private static func bit(_ state: IptablesRule.ConntrackState) -> UInt16 {
        switch state {
        case .invalid: 1
        case .established: 1 << (UInt16(IP_CT_ESTABLISHED.rawValue) + 1)
        case .related: 1 << (UInt16(IP_CT_RELATED.rawValue) + 1)
        case .new: 1 << (UInt16(IP_CT_NEW.rawValue) + 1)
        case .sourceTranslated: 1 << (UInt16(IP_CT_NUMBER.rawValue) + 1)
        case .translated: 1 << (UInt16(IP_CT_NUMBER.rawValue) + 2)
        case .untracked: 1 << (UInt16(IP_CT_NUMBER.rawValue) + 3)
        }
    }

    // MARK: targets

    static func masquerade(_ family: AddressFamily, fullyRandom: Bool) -> IptablesExtension {
        let flags = fullyRandom ? UInt32(NF_NAT_RANGE_PROTO_RANDOM_FULLY) : 0
        if family == .v4 {
            var info = nf_nat_ipv4_multi_range_compat()
            info.rangesize = 1
            info.range.flags = flags
            return IptablesExtension("MASQUERADE", 0, info)
        }
        var info = nf_nat_range()
        info.flags = flags
        return IptablesExtension("MASQUERADE", 0, info)
    }

    static func translateSource(_ address: IPAddress) -> IptablesExtension {
        if address.family == .v4 {
            var info = nf_nat_ipv4_multi_range_compat()
            info.rangesize = 1
            info.range.flags = UInt32(NF_NAT_RANGE_MAP_IPS)
            info.range.min_ip = UInt32(truncatingIfNeeded: address.value).bigEndian
            info.range.max_ip = info.range.min_ip
            return IptablesExtension("SNAT", 0, info)
        }
        // struct nf_nat_range: flags, two addresses of sixteen bytes, two ports.
        var bytes = word(UInt32(NF_NAT_RANGE_MAP_IPS))
        for part in [address.bytes, address.bytes, [0, 0, 0, 0]] { bytes += part }
        return IptablesExtension("SNAT", 1, bytes: bytes)
    }

    /// Revision 2 for both families: of an older one iptables-save says "unsupported revision".
    static func translateDestination(_ address: IPAddress, port: UInt16?) -> IptablesExtension {
        var flags = UInt32(NF_NAT_RANGE_MAP_IPS)
        if port != nil { flags |= UInt32(NF_NAT_RANGE_PROTO_SPECIFIED) }
        let room = address.bytes + [UInt8](repeating: 0, count: 16 - address.bytes.count)
        let number: [UInt8] = [UInt8((port ?? 0) >> 8), UInt8(truncatingIfNeeded: port ?? 0)]
        // struct nf_nat_range2: as nf_nat_range, and the port that a shifted range begins with.
        return IptablesExtension("DNAT", 2, bytes: word(flags) + room + room + number + number + [0, 0])
    }

    static func setMark(_ mark: UInt32) -> IptablesExtension {
        var info = xt_mark_tginfo2()
        (info.mark, info.mask) = (mark, mark)
        return IptablesExtension("MARK", 2, info)
    }

    private static func word(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

    // MARK: reading

    /// The comment in a comment match's structure.
    public static func comment(in data: ArraySlice<UInt8>) -> String {
        String(decoding: data.prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension IptablesRule {
    /// The target as an extension; nil for verdicts and jumps.
    func targetExtension(_ family: AddressFamily) -> IptablesExtension? {
        switch target {
        case .accept, .drop, .comeBack, .jump: nil
        case .masquerade(let fullyRandom): .masquerade(family, fullyRandom: fullyRandom)
        case .translateSource(let address): .translateSource(address)
        case .translateDestination(let address, let port): .translateDestination(address, port: port)
        case .setMark(let mark): .setMark(mark)
        }
    }

    /// A match as an extension.
    func matchExtension(_ match: Match) -> IptablesExtension {
        switch match {
        case .comment(let text): .comment(text)
        case .toThisHost: .toThisHost
        case .port(let range): .port(range, proto ?? .tcp)
        case .ports(let ranges): .ports(ranges)
        case .mark(let mark, let mask, let not): .mark(mark, mask: mask, not: not)
        case .states(let states, let not): .states(states, not: not)
        }
    }
}
