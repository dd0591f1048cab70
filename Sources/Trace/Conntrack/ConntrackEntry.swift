import CKernel
import Glibc
public import NetCore

/// All that conntrack tells of a flow it tracks, be it from its table or in an event.
public struct ConntrackEntry: Hashable, Sendable {
    /// Its tuples, status and number.
    public var flow: ConntrackEvent
    /// "ESTABLISHED"; nil for a protocol without states.
    public var state: String?
    /// Seconds that it has left without another packet.
    public var timeout: UInt32?
    public var mark: UInt32
    public var zone: UInt16
    /// Nil unless they are counted (net.netfilter.nf_conntrack_acct=1).
    public var originalCounter: Counter?
    public var replyCounter: Counter?
    /// Of an echo.
    public var icmp: ICMP?
    private let originalBytes: [UInt8]
    private let zoneBytes: [UInt8]?

    public struct Counter: Hashable, Sendable {
        public var packets: UInt64
        public var bytes: UInt64
    }

    public struct ICMP: Hashable, Sendable {
        public var type: UInt8
        public var code: UInt8
        public var id: UInt16
    }

    /// Nil when the message is none of a flow.
    public init?(_ message: NetlinkReply) {
        guard let flow = ConntrackEvent(message) else { return nil }
        self.flow = flow
        let attributes = message.attributes(after: 4)
        let found = { (type: ctattr_type) in attributes[type: Int(type.rawValue)] }
        timeout = found(CTA_TIMEOUT)?.bigEndian32
        mark = found(CTA_MARK)?.bigEndian32 ?? 0
        zone = found(CTA_ZONE)?.bigEndian16 ?? 0
        zoneBytes = found(CTA_ZONE).map { Array($0.payload) }
        originalBytes = found(CTA_TUPLE_ORIG).map { Array($0.payload) } ?? []
        originalCounter = found(CTA_COUNTERS_ORIG).flatMap { Counter($0.nested) }
        replyCounter = found(CTA_COUNTERS_REPLY).flatMap { Counter($0.nested) }
        state = found(CTA_PROTOINFO).flatMap { ConntrackEntry.state($0.nested) }
        icmp = found(CTA_TUPLE_ORIG).flatMap { ICMP($0.nested) }
    }

    private static let tcpStates = [
        "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
        "SYN_SENT2",
    ]
    private static let sctpStates = [
        "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD",
        "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED",
    ]

    private static func state(_ attributes: [Attribute]) -> String? {
        for (kind, names) in [(CTA_PROTOINFO_TCP, tcpStates), (CTA_PROTOINFO_SCTP, sctpStates)] {
            // The state is the first attribute in either (CTA_PROTOINFO_TCP_STATE, CTA_PROTOINFO_SCTP_STATE).
            guard let number = attributes[type: Int(kind.rawValue)]?.nested[type: 1]?.u8 else { continue }
            return names.indices.contains(Int(number)) ? names[Int(number)] : "state \(number)"
        }
        return nil
    }

    static let stateNames: Set<String> = Set(tcpStates + sctpStates)

    public var isAnswered: Bool { flow.status & 0x2 != 0 }
    /// Both sides have spoken enough that a full table does not drop it.
    public var isAssured: Bool { flow.status & 0x4 != 0 }
    public var isOffloaded: Bool { flow.status & 0xc000 != 0 }

    /// Forgets exactly this entry. Always with its tuple: before Linux 5.8 a DELETE without one empties the table.
    func deleteRequest() throws(KernelError) -> NetlinkRequest {
        var header = nfgenmsg()
        header.nfgen_family = flow.original.source.family.constant
        let words = flow.original.words
        return try NetlinkRequest(
            "forget flow \(words)", type: Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_DELETE.rawValue),
            flags: 0,
            header: header
        ) {
            $0.put(Int(CTA_TUPLE_ORIG.rawValue) | Int(NLA_F_NESTED), bytes: originalBytes)
            if let zoneBytes { $0.put(Int(CTA_ZONE.rawValue), bytes: zoneBytes) }
            // Another flow may have taken the tuple meanwhile.
            $0.put(Int(CTA_ID.rawValue), bigEndian: flow.id)
        }
    }
}

extension ConntrackEntry.Counter {
    fileprivate init?(_ attributes: [Attribute]) {
        guard let packets = attributes[type: Int(CTA_COUNTERS_PACKETS.rawValue)]?.bigEndian64,
            let bytes = attributes[type: Int(CTA_COUNTERS_BYTES.rawValue)]?.bigEndian64
        else { return nil }
        self.init(packets: packets, bytes: bytes)
    }
}

extension ConntrackEntry.ICMP {
    fileprivate init?(_ tuple: [Attribute]) {
        let proto = tuple[type: Int(CTA_TUPLE_PROTO.rawValue)]?.nested ?? []
        let found = { (v4: ctattr_l4proto, v6: ctattr_l4proto) in
            proto[type: Int(v4.rawValue)] ?? proto[type: Int(v6.rawValue)]
        }
        guard let type = found(CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMPV6_TYPE)?.u8,
            let code = found(CTA_PROTO_ICMP_CODE, CTA_PROTO_ICMPV6_CODE)?.u8
        else { return nil }
        self.init(type: type, code: code, id: found(CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID)?.bigEndian16 ?? 0)
    }
}

extension NetlinkSocket {
    /// Every flow that the socket's namespace tracks; time grows with the table.
    public mutating func trackedFlows() throws(KernelError) -> [ConntrackEntry] {
        let request = try NetlinkRequest(
            "list tracked flows", type: Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_GET.rawValue),
            flags: NLM_F_DUMP, header: nfgenmsg())
        return try ask(request).compactMap(ConntrackEntry.init)
    }

    /// The entry is gone; false when it was already.
    public mutating func forget(_ entry: ConntrackEntry) throws(KernelError) -> Bool {
        let request = try entry.deleteRequest()
        return try ignoring(.noSuchFile) { () throws(KernelError) in try perform([request]) } != nil
    }
}
