import CKernel
import Glibc

/// A token bucket filter (man 8 tc-tbf): packets leave at the rate, after bursts of at most so many bytes at once.
public struct TokenBucketFilter: Hashable, Sendable {
    /// Bytes a second.
    public let rate: UInt64
    /// Bytes. A packet that is larger is dropped, unless it can be cut into segments.
    public let burst: UInt32
    /// Bytes that wait at most, the burst included.
    public let limit: UInt32
    /// How long the burst lasts, in units of 64 ns, modulo 2^32: all that the kernel tells of it (PSCHED_NS2TICKS).
    let ticks: UInt32

    /// A packet waits 25 ms at most, as the reference's bandwidth plugin has it.
    public init(rate: UInt64, burst: UInt32) {
        self.rate = rate
        self.burst = burst
        let (waiting, isHuge) = (rate / 40).addingReportingOverflow(UInt64(burst))
        limit = isHuge ? .max : UInt32(clamping: waiting)
        ticks = UInt32(truncatingIfNeeded: rate == 0 ? 0 : (UInt64(burst) * 1_000_000_000 / rate) >> 6)
    }

    /// Nil when the options of a qdisc are no token bucket's.
    init?(_ options: [Attribute]) {
        let size = MemoryLayout<tc_tbf_qopt>.size
        guard let bytes = options[type: Int(TCA_TBF_PARMS)]?.payload, bytes.count >= size else { return nil }
        let parameters = Array(bytes.prefix(size)).withUnsafeBytes { $0.loadUnaligned(as: tc_tbf_qopt.self) }
        let wide = options[type: Int(TCA_TBF_RATE64)]?.payload.prefix(8).reversed().reduce(UInt64(0)) {
            $0 << 8 | UInt64($1)
        }
        rate = wide ?? UInt64(parameters.rate.rate)
        limit = parameters.limit
        ticks = parameters.buffer
        let (size64, isHuge) = (UInt64(ticks) << 6).multipliedReportingOverflow(by: rate)
        burst = isHuge ? .max : UInt32(clamping: size64 / 1_000_000_000)
    }

    /// Is that the same filter, as the kernel tells it? It divides by a rounded factor.
    public func isTold(by found: TokenBucketFilter) -> Bool {
        guard rate == found.rate, limit == found.limit else { return false }
        let distance = Int64(ticks) - Int64(found.ticks)
        return abs(distance) <= 2 + Int64(ticks >> 24)
    }
}

/// A queueing discipline of a link (RTM_NEWQDISC): what `tc qdisc show` prints.
public struct QueueingDiscipline: Hashable, Sendable {
    /// "tbf", "ingress", "noqueue", …
    public let kind: String
    public let handle: UInt32
    public let tokenBucket: TokenBucketFilter?

    /// Nil when the message is no queueing discipline.
    init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWQDISC, let header = reply.header(20) else { return nil }
        handle = header.dropFirst(8).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let attributes = reply.attributes(after: 20)
        kind = attributes[type: Int(TCA_KIND)]?.text ?? ""
        let options = attributes[type: Int(TCA_OPTIONS)]?.nested ?? []
        tokenBucket = kind == "tbf" ? TokenBucketFilter(options) : nil
    }

    /// Nobody chose it: the kernel gave it to the link.
    public var isDefault: Bool { handle == 0 }
    /// It bears the handle that ours do: a qdisc has no room for more of its owner.
    public var isOurs: Bool { handle == TrafficControl.handle }
    /// As `tc` writes it: "tbf be00:".
    public var words: String { "\(kind) \(String(handle >> 16, radix: 16)):" }
}

/// A filter of what comes in by a link (RTM_NEWTFILTER): what `tc filter show ingress` prints, as far as it sends packets
/// elsewhere.
public struct IngressFilter: Hashable, Sendable {
    public let kind: String
    public let preference: UInt16
    /// The link by which its packets leave; 0 when that has gone, nil when it sends none away.
    public let target: Int32?

    /// It has the place among the filters that ours have.
    public var isOurs: Bool { preference == TrafficControl.preference }

    /// Nil when the message is no filter.
    init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWTFILTER, let header = reply.header(20) else { return nil }
        let information = header.dropFirst(16).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        preference = UInt16(information >> 16)
        let attributes = reply.attributes(after: 20)
        kind = attributes[type: Int(TCA_KIND)]?.text ?? ""
        let options = attributes[type: Int(TCA_OPTIONS)]?.nested ?? []
        target = kind == "u32" ? IngressFilter.target(options[type: Int(TCA_U32_ACT)]?.nested ?? []) : nil
    }

    private static func target(_ actions: [Attribute]) -> Int32? {
        for action in actions.map(\.nested) where action[type: Int(TCA_ACT_KIND)]?.text == "mirred" {
            let size = MemoryLayout<tc_mirred>.size
            let options = action[type: Int(TCA_ACT_OPTIONS)]?.nested ?? []
            guard let bytes = options[type: Int(TCA_MIRRED_PARMS)]?.payload, bytes.count >= size else { continue }
            let parameters = Array(bytes.prefix(size)).withUnsafeBytes { $0.loadUnaligned(as: tc_mirred.self) }
            if parameters.eaction == TCA_EGRESS_REDIR { return Int32(bitPattern: parameters.ifindex) }
        }
        return nil
    }
}

/// Messages of traffic control (man 8 tc).
public enum TrafficControl {
    /// be00: is the handle of our queueing disciplines.
    public static let handle: UInt32 = 0xbe00_0000
    /// 48640 is the place of our filters among those of a link.
    public static let preference: UInt16 = 0xbe00

    static let root = UInt32(TC_H_ROOT)
    static let ingress = UInt32(TC_H_INGRESS)
    private static let ingressHandle: UInt32 = 0xffff_0000

    /// `tc qdisc add dev LINK root handle be00: tbf …`, or `replace`. Throws EMSGSIZE only.
    public static func setTokenBucket(
        _ filter: TokenBucketFilter, on link: Int32, named name: String, replacing: Bool
    ) throws(KernelError) -> NetlinkRequest {
        var options = tc_tbf_qopt()
        options.rate.linklayer = UInt8(TC_LINKLAYER_ETHERNET.rawValue)
        options.rate.rate = UInt32(clamping: filter.rate)
        options.limit = filter.limit
        return try NetlinkRequest(
            "limit link \(name) to \(filter.rate * 8) bit/s", type: RTM_NEWQDISC,
            flags: NLM_F_CREATE | (replacing ? NLM_F_REPLACE : NLM_F_EXCL), header: header(link, root, handle)
        ) {
            $0.put(Int(TCA_KIND), "tbf")
            $0.nest(Int(TCA_OPTIONS)) {
                $0.put(Int(TCA_TBF_PARMS), raw: options)
                if filter.rate > UInt64(UInt32.max) { $0.put(Int(TCA_TBF_RATE64), raw: filter.rate) }
                // With the burst in bytes the kernel needs no table of what a packet costs.
                $0.put(Int(TCA_TBF_BURST), filter.burst)
            }
        }
    }

    /// `tc qdisc delete dev LINK root handle be00:`
    public static func deleteTokenBucket(from link: Int32, named name: String) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "lift the limit of link \(name)", type: RTM_DELQDISC, flags: 0, header: header(link, root, handle))
    }

    /// `tc qdisc add dev LINK ingress`: where filters of what comes in can stand.
    public static func addIngress(to link: Int32, named name: String) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "add an ingress qdisc to link \(name)", type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL,
            header: header(link, ingress, ingressHandle)
        ) { $0.put(Int(TCA_KIND), "ingress") }
    }

    /// `tc qdisc delete dev LINK ingress`
    public static func deleteIngress(from link: Int32, named name: String) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "delete the ingress qdisc of link \(name)", type: RTM_DELQDISC, flags: 0,
            header: header(link, ingress, ingressHandle))
    }

    /// `tc filter add dev LINK parent ffff: protocol all pref 48640 u32 match u32 0 0 action mirred egress redirect dev …`
    public static func addRedirect(from link: Int32, named name: String, to target: Int32, named other: String)
        throws(KernelError) -> NetlinkRequest
    {
        var selector = tc_u32_sel()
        selector.flags = UInt8(TC_U32_TERMINAL)
        selector.nkeys = 1
        var parameters = tc_mirred()
        parameters.action = TC_ACT_STOLEN
        parameters.eaction = TCA_EGRESS_REDIR
        parameters.ifindex = UInt32(bitPattern: target)
        return try NetlinkRequest(
            "send what comes in by link \(name) through \(other)", type: RTM_NEWTFILTER,
            flags: NLM_F_CREATE | NLM_F_EXCL, header: filterHeader(link)
        ) {
            $0.put(Int(TCA_KIND), "u32")
            $0.nest(Int(TCA_OPTIONS)) {
                // A key whose mask is zero matches every packet.
                let key = [UInt8](repeating: 0, count: MemoryLayout<tc_u32_key>.size)
                $0.put(Int(TCA_U32_SEL), bytes: withUnsafeBytes(of: selector) { Array($0) } + key)
                $0.nest(Int(TCA_U32_ACT)) {
                    $0.nest(1) {
                        $0.put(Int(TCA_ACT_KIND), "mirred")
                        $0.nest(Int(TCA_ACT_OPTIONS)) { $0.put(Int(TCA_MIRRED_PARMS), raw: parameters) }
                    }
                }
            }
        }
    }

    /// `tc filter delete dev LINK parent ffff: pref 48640`
    public static func deleteRedirect(from link: Int32, named name: String) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "delete the redirection of link \(name)", type: RTM_DELTFILTER, flags: 0, header: filterHeader(link))
    }

    static func header(_ link: Int32, _ parent: UInt32, _ handle: UInt32 = 0) -> tcmsg {
        var header = tcmsg()
        header.tcm_ifindex = link
        header.tcm_parent = parent
        header.tcm_handle = handle
        return header
    }

    private static func filterHeader(_ link: Int32) -> tcmsg {
        var header = header(link, ingressHandle)
        // Every protocol, in network byte order.
        header.tcm_info = UInt32(preference) << 16 | UInt32(UInt16(ETH_P_ALL).bigEndian)
        return header
    }

    static func filtersOf(_ link: Int32) -> tcmsg { header(link, ingressHandle) }
}

extension NetlinkSocket {
    /// The link's root queueing discipline; nil while the link is down and has none.
    public mutating func rootQdisc(of link: Int32, named name: String) throws(KernelError) -> QueueingDiscipline? {
        try qdisc(link, TrafficControl.root, "look up the root qdisc of link \(name)")
    }

    /// The queueing discipline at which filters of what comes in stand; nil where there is none.
    public mutating func ingressQdisc(of link: Int32, named name: String) throws(KernelError) -> QueueingDiscipline? {
        try qdisc(link, TrafficControl.ingress, "look up the ingress qdisc of link \(name)")
    }

    private mutating func qdisc(_ link: Int32, _ parent: UInt32, _ operation: String) throws(KernelError)
        -> QueueingDiscipline?
    {
        // Without ECHO the kernel tells the listeners of RTNLGRP_TC only (qdisc_notify).
        let request = try NetlinkRequest(
            operation, type: RTM_GETQDISC, flags: NLM_F_ECHO, header: TrafficControl.header(link, parent))
        // A link without one, or that has gone.
        let replies = try ignoring(.noSuchFile, .noSuchDevice) { () throws(KernelError) in try ask(request) }
        return replies?.lazy.compactMap(QueueingDiscipline.init).first
    }

    /// The filters of what comes in by the link.
    public mutating func ingressFilters(of link: Int32, named name: String) throws(KernelError) -> [IngressFilter] {
        let request = try NetlinkRequest(
            "list the ingress filters of link \(name)", type: RTM_GETTFILTER, flags: NLM_F_DUMP,
            header: TrafficControl.filtersOf(link))
        let replies = try ignoring(.noSuchDevice, .invalidArgument) { () throws(KernelError) in try ask(request) }
        return (replies ?? []).compactMap(IngressFilter.init)
    }
}
