import CKernel
import NetCore

/// A change of a tracked flow (ctnetlink, groups NFNLGRP_CONNTRACK_NEW, _UPDATE and _DESTROY).
public struct ConntrackEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case new, update, destroy }
    public var kind: Kind
    public var id: UInt32
    /// IPS_*: 0x2 seen reply, 0x4 assured, 0x8 confirmed, 0x10 SNAT, 0x20 DNAT, 0x80 and 0x100 the same done. Zero when
    /// the message does not tell.
    public var status: UInt32
    public var original: FlowTuple
    public var reply: FlowTuple

    /// Nil when the message is no event of a flow.
    public init?(_ message: NetlinkReply) {
        let subsystem = Int(NFNL_SUBSYS_CTNETLINK) << 8
        switch message.type {
        case subsystem | Int(IPCTNL_MSG_CT_NEW.rawValue):
            kind = message.flags & 0x600 != 0 ? .new : .update  // NLM_F_CREATE | NLM_F_EXCL
        case subsystem | Int(IPCTNL_MSG_CT_DELETE.rawValue): kind = .destroy
        default: return nil
        }
        let attributes = message.attributes(after: 4)
        guard let original = attributes[type: Int(CTA_TUPLE_ORIG.rawValue)].flatMap({ FlowTuple($0.nested) }),
            let reply = attributes[type: Int(CTA_TUPLE_REPLY.rawValue)].flatMap({ FlowTuple($0.nested) }),
            let id = attributes[type: Int(CTA_ID.rawValue)]?.bigEndian32
        else { return nil }
        self.id = id
        self.original = original
        self.reply = reply
        status = attributes[type: Int(CTA_STATUS.rawValue)]?.bigEndian32 ?? 0
    }
}

extension FlowTuple {
    var hasPorts: Bool { [6, 17, 132].contains(protocolNumber) }
    var from: String { PacketHeaders.endpoint(source, hasPorts ? sourcePort : nil) }
    var to: String { PacketHeaders.endpoint(destination, hasPorts ? destinationPort : nil) }
    var words: String { "\(from)>\(to)" }

    func matches(_ headers: PacketHeaders) -> Bool {
        protocolNumber == headers.protocolNumber && source == headers.source && destination == headers.destination
            && (!hasPorts || headers.sourcePort == sourcePort && headers.destinationPort == destinationPort)
    }
}
