import NetCore
import Trace

/// Any bytes that a socket of conntrack's events may receive are no event, or one with both tuples of one protocol and family each.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    // NFNL_SUBSYS_CTNETLINK: IPCTNL_MSG_CT_NEW as a change and as a beginning, IPCTNL_MSG_CT_DELETE.
    for (type, flags) in [(0, 0), (0, 6), (2, 0)] {
        let length = count + 16
        let header = [length, length >> 8, length >> 16, length >> 24, type, 1, 0, flags].map(
            UInt8.init(truncatingIfNeeded:))
        let message = header + [UInt8](repeating: 0, count: 8) + bytes
        for reply in NetlinkReply.list(bytes[...]) + NetlinkReply.list(message[...]) {
            guard let event = ConntrackEvent(reply) else { continue }
            precondition(event.original.source.family == event.original.destination.family)
            precondition(event.reply.source.family == event.reply.destination.family)
            _ = event.hashValue
        }
    }
    return 0
}
