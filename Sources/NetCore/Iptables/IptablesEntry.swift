import CKernel
import Glibc

/// A rule as a legacy table holds it (linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h).
public struct IptablesEntry: Hashable, Sendable {
    /// struct ipt_ip or struct ip6t_ip6: addresses, links, protocol.
    public let header: [UInt8]
    public let matches: [IptablesExtension]
    /// The verdict's or the chain's name, or the extension's.
    public let target: String
    /// Nil for verdicts and jumps.
    public let targetExtension: IptablesExtension?

    public init(
        header: [UInt8], matches: [IptablesExtension], target: String, targetExtension: IptablesExtension?
    ) {
        self.header = header
        self.matches = matches
        self.target = target
        self.targetExtension = targetExtension
    }

    /// Of a rule.
    public init(_ rule: IptablesRule, _ family: AddressFamily) {
        header = family == .v4 ? IptablesEntry.header4(rule) : IptablesEntry.header6(rule)
        matches = rule.matches.map(rule.matchExtension)
        target = rule.target.name
        targetExtension = rule.targetExtension(family)
    }

    // MARK: headers

    private static func header4(_ rule: IptablesRule) -> [UInt8] {
        var ip = ipt_ip()
        if let source = rule.source {
            ip.src.s_addr = UInt32(truncatingIfNeeded: source.value.first.value).bigEndian
            ip.smsk.s_addr = UInt32(truncatingIfNeeded: source.value.mask.value).bigEndian
        }
        if let destination = rule.destination {
            ip.dst.s_addr = UInt32(truncatingIfNeeded: destination.value.first.value).bigEndian
            ip.dmsk.s_addr = UInt32(truncatingIfNeeded: destination.value.mask.value).bigEndian
        }
        put(rule.incoming, &ip.iniface, &ip.iniface_mask)
        put(rule.outgoing, &ip.outiface, &ip.outiface_mask)
        ip.proto = UInt16(rule.proto?.number ?? 0)
        ip.invflags = UInt8(
            inverse(
                rule, source: IPT_INV_SRCIP, destination: IPT_INV_DSTIP, incoming: IPT_INV_VIA_IN,
                outgoing: IPT_INV_VIA_OUT))
        return withUnsafeBytes(of: ip) { Array($0) }
    }

    private static func header6(_ rule: IptablesRule) -> [UInt8] {
        var ip = ip6t_ip6()
        if let source = rule.source {
            copy(source.value.first.bytes, &ip.src)
            copy(source.value.mask.bytes, &ip.smsk)
        }
        if let destination = rule.destination {
            copy(destination.value.first.bytes, &ip.dst)
            copy(destination.value.mask.bytes, &ip.dmsk)
        }
        put(rule.incoming, &ip.iniface, &ip.iniface_mask)
        put(rule.outgoing, &ip.outiface, &ip.outiface_mask)
        if let proto = rule.proto {
            ip.proto = UInt16(proto.number)
            ip.flags = UInt8(IP6T_F_PROTO)
        }
        ip.invflags = UInt8(
            inverse(
                rule, source: IP6T_INV_SRCIP, destination: IP6T_INV_DSTIP, incoming: IP6T_INV_VIA_IN,
                outgoing: IP6T_INV_VIA_OUT))
        let bytes = withUnsafeBytes(of: ip) { Array($0) }
        // Its last three bytes are padding: what a Swift value has there is anything.
        return bytes.dropLast(3) + [0, 0, 0]
    }

    private static func inverse(
        _ rule: IptablesRule, source: Int32, destination: Int32, incoming: Int32, outgoing: Int32
    ) -> Int32 {
        (rule.source?.not == true ? source : 0) | (rule.destination?.not == true ? destination : 0)
            | (rule.incoming?.not == true ? incoming : 0) | (rule.outgoing?.not == true ? outgoing : 0)
    }

    /// The name and its final NUL must be the packet's: all bits of both count.
    private static func put<Name, Mask>(
        _ link: IptablesRule.Condition<String>?, _ name: inout Name, _ mask: inout Mask
    ) {
        guard let link else { return }
        let text = Array(link.value.utf8)
        copy(text, &name)
        copy([UInt8](repeating: 0xff, count: text.count + 1), &mask)
    }

    private static func copy<Value>(_ bytes: [UInt8], _ value: inout Value) {
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes.prefix($0.count)) }
    }

    // MARK: bytes

    /// The whole entry, with counters of zero (struct ipt_entry or struct ip6t_entry).
    public func bytes(_ family: AddressFamily) -> [UInt8] {
        let fixed = family == .v4 ? MemoryLayout<ipt_entry>.size : MemoryLayout<ip6t_entry>.size
        var tail: [UInt8] = []
        for match in matches { tail += IptablesEntry.framed(match.name, match.revision, match.data) }
        let offset = fixed + tail.count
        if let extended = targetExtension {
            tail += IptablesEntry.framed(extended.name, extended.revision, extended.data)
        } else {
            // struct xt_standard_target: libiptc makes a verdict or a place of the name.
            tail += IptablesEntry.framed(target, 0, [UInt8](repeating: 0, count: 8))
        }
        var bytes = header + [UInt8](repeating: 0, count: fixed - header.count) + tail
        let place = family == .v4 ? 88 : 140  // after the header and nfcache
        for (index, number) in [offset, bytes.count].enumerated() {
            bytes[place + 2 * index] = UInt8(truncatingIfNeeded: number)
            bytes[place + 2 * index + 1] = UInt8(truncatingIfNeeded: number >> 8)
        }
        return bytes
    }

    /// struct xt_entry_match and struct xt_entry_target: size, name, revision.
    private static func framed(_ name: String, _ revision: UInt8, _ data: [UInt8]) -> [UInt8] {
        let size = MemoryLayout<xt_entry_match>.size + data.count
        let text = Array(name.utf8.prefix(Int(XT_EXTENSION_MAXNAMELEN) - 1))
        return [UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8)] + text
            + [UInt8](repeating: 0, count: Int(XT_EXTENSION_MAXNAMELEN) - text.count) + [revision] + data
    }

    /// From an entry's bytes as the kernel tells them; `target` is the name of its verdict or chain, which only libiptc knows.
    /// Nil for bytes that do not hold together.
    public init?(_ bytes: [UInt8], _ family: AddressFamily, target: String) {
        let fixed = family == .v4 ? MemoryLayout<ipt_entry>.size : MemoryLayout<ip6t_entry>.size
        let place = family == .v4 ? 88 : 140
        guard bytes.count >= fixed else { return nil }
        let number = { (at: Int) in Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
        let offset = number(place)
        guard offset >= fixed, offset <= bytes.count else { return nil }
        header = Array(bytes.prefix(family == .v4 ? MemoryLayout<ipt_ip>.size : MemoryLayout<ip6t_ip6>.size))
        var matches: [IptablesExtension] = []
        var at = fixed
        while at < offset {
            guard let (found, size) = IptablesEntry.extended(bytes[at..<offset]) else { return nil }
            matches.append(found)
            at += size
        }
        guard let (found, _) = IptablesEntry.extended(bytes[offset...]) else { return nil }
        self.matches = matches
        self.target = target
        // A verdict's name is empty in the kernel.
        targetExtension = found.name.isEmpty || found.name != target ? nil : found
    }

    private static func extended(_ bytes: ArraySlice<UInt8>) -> (IptablesExtension, Int)? {
        let frame = MemoryLayout<xt_entry_match>.size
        guard bytes.count >= frame else { return nil }
        let start = bytes.startIndex
        let size = Int(bytes[start]) | Int(bytes[start + 1]) << 8
        guard size >= frame, size <= bytes.count else { return nil }
        // Behind the name's end stands what the reader's memory held.
        let name = String(decoding: bytes[(start + 2)..<(start + frame - 1)].prefix { $0 != 0 }, as: UTF8.self)
        return (
            IptablesExtension(name, bytes[start + frame - 1], bytes: Array(bytes[(start + frame)..<(start + size)])),
            size
        )
    }

    /// Its first comment.
    public var comment: String? {
        matches.first { $0.name == "comment" }.map { IptablesExtension.comment(in: $0.data[...]) }
    }
}
