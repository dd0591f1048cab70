import NetCore
import Trace

/// Any bytes that a socket of NFLOG may receive are no event of iptables-legacy's TRACE, or one with a place and a whole IP header.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    let length = count + 16
    // NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET.
    let header = [length, length >> 8, length >> 16, length >> 24, 0, 4].map(UInt8.init(truncatingIfNeeded:))
    let message = header + [UInt8](repeating: 0, count: 10) + bytes
    for reply in NetlinkReply.list(bytes[...]) + NetlinkReply.list(message[...]) {
        guard let event = LegacyTraceEvent(reply) else { continue }
        precondition(!event.table.isEmpty && !event.chain.isEmpty && !event.kind.isEmpty)
        // What is no UTF-8 is read as U+FFFD, which has three bytes.
        precondition(event.table.utf8.count + event.chain.utf8.count <= 3 * count)
        precondition(event.headers.transport.count <= count)
        _ = PacketIdentity(event.headers)
    }
    return 0
}
