import NetCore
import Trace

/// Any bytes that a socket of nftables' tracing may receive are no event, or one whose parts lie inside them; also as the body of a
/// message of that kind.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    for reply in NetlinkReply.list(bytes[...]) + NetlinkReply.list(message(bytes)[...]) {
        guard let event = NftTraceEvent(reply) else { continue }
        // What is no UTF-8 is read as U+FFFD, which has three bytes.
        precondition(event.table.utf8.count <= 3 * count && event.chain.utf8.count <= 3 * count)
        precondition(!(event.verdict?.description.isEmpty ?? false))
        if let headers = event.headers { read(headers, within: count) }
    }
    return 0
}

/// NFNL_SUBSYS_NFTABLES, NFT_MSG_TRACE.
private func message(_ body: [UInt8]) -> [UInt8] {
    let length = body.count + 16
    return [length, length >> 8, length >> 16, length >> 24, 17, 10].map(UInt8.init(truncatingIfNeeded:))
        + [UInt8](repeating: 0, count: 10) + body
}

private func read(_ headers: PacketHeaders, within count: Int) {
    precondition(headers.transport.count <= count)
    precondition(headers.hasPorts || headers.sourcePort == nil)
    precondition(!headers.isICMPError || headers.isICMP)
    precondition(PacketIdentity(headers) == PacketIdentity(headers))
    _ = headers.flagLetters
}
