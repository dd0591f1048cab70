import CKernel
import Glibc

/// One direction of a tracked flow.
public struct FlowTuple: Hashable, Sendable {
    public let source: IPAddress
    public let destination: IPAddress
    public let protocolNumber: UInt8
    public let sourcePort: UInt16
    public let destinationPort: UInt16

    /// The tuple in the attributes of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY; nil where one is missing.
    public init?(_ attributes: [Attribute]) {
        let ip = attributes[type: Int(CTA_TUPLE_IP.rawValue)]?.nested ?? []
        let proto = attributes[type: Int(CTA_TUPLE_PROTO.rawValue)]?.nested ?? []
        let address = { (v4: UInt32, v6: UInt32) in
            (ip[type: Int(v4)] ?? ip[type: Int(v6)]).flatMap { IPAddress(bytes: $0.payload) }
        }
        guard let source = address(CTA_IP_V4_SRC.rawValue, CTA_IP_V6_SRC.rawValue),
            let destination = address(CTA_IP_V4_DST.rawValue, CTA_IP_V6_DST.rawValue),
            let number = proto[type: Int(CTA_PROTO_NUM.rawValue)]?.u8
        else { return nil }
        self.source = source
        self.destination = destination
        protocolNumber = number
        sourcePort = proto[type: Int(CTA_PROTO_SRC_PORT.rawValue)]?.bigEndian16 ?? 0
        destinationPort = proto[type: Int(CTA_PROTO_DST_PORT.rawValue)]?.bigEndian16 ?? 0
    }
}

/// A flow that conntrack remembers (man 8 conntrack).
public struct ConntrackFlow: Hashable, Sendable {
    public let original: FlowTuple
    public let reply: FlowTuple
    private let originalBytes: [UInt8]
    private let zone: [UInt8]?

    /// Nil when the message is no flow.
    public init?(_ message: NetlinkReply) {
        guard message.type == Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_NEW.rawValue) else { return nil }
        let attributes = message.attributes(after: 4)
        guard let original = attributes[type: Int(CTA_TUPLE_ORIG.rawValue)],
            let tuple = FlowTuple(original.nested),
            let reply = attributes[type: Int(CTA_TUPLE_REPLY.rawValue)].flatMap({ FlowTuple($0.nested) })
        else { return nil }
        self.original = tuple
        self.reply = reply
        originalBytes = Array(original.payload)
        zone = attributes[type: Int(CTA_ZONE.rawValue)].map { Array($0.payload) }
    }

    fileprivate func deleteRequest() throws(KernelError) -> NetlinkRequest {
        // Always with a tuple: before Linux 5.8 a DELETE without one empties the table.
        try Conntrack.request(
            "forget flow \(original.source):\(original.sourcePort) to \(original.destination):\(original.destinationPort)",
            IPCTNL_MSG_CT_DELETE, 0, original.source.family
        ) {
            $0.put(Int(CTA_TUPLE_ORIG.rawValue) | Int(NLA_F_NESTED), bytes: originalBytes)
            if let zone { $0.put(Int(CTA_ZONE.rawValue), bytes: zone) }
        }
    }
}

public enum Conntrack {
    fileprivate static func request(
        _ operation: @escaping @autoclosure @Sendable () -> String, _ type: cntl_msg_types, _ flags: Int32,
        _ family: AddressFamily,
        _ build: (inout AttributeWriter) -> Void = { _ in }
    ) throws(KernelError) -> NetlinkRequest {
        var header = nfgenmsg()
        header.nfgen_family = family.constant
        return try NetlinkRequest(
            operation(), type: Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(type.rawValue), flags: flags, header: header, build
        )
    }
}

extension NetlinkSocket {
    /// Every tracked flow of a family; time grows with the table.
    public mutating func flows(_ family: AddressFamily) throws(KernelError) -> [ConntrackFlow] {
        let request = try Conntrack.request("list tracked flows", IPCTNL_MSG_CT_GET, NLM_F_DUMP, family)
        return try ask(request).compactMap(ConntrackFlow.init)
    }

    /// The flows are forgotten; one that ended meanwhile is no failure.
    public mutating func forget(_ flows: [ConntrackFlow]) throws(KernelError) {
        for flow in flows {
            let request = try flow.deleteRequest()
            _ = try ignoring(.noSuchFile) { () throws(KernelError) in try perform([request]) }
        }
    }
}
