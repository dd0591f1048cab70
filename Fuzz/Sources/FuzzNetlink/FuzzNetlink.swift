import NetCore

/// Any bytes that a socket may receive, as a datagram and as the body of each message that is read, are read to an end
/// inside them: attributes, links, addresses, routes, flows, sockets and lists of nftables elements.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    read(NetlinkReply.list(bytes[...]), within: count)
    // RTM_NEWLINK, RTM_NEWADDR and SOCK_DIAG_BY_FAMILY, RTM_NEWROUTE, a flow, nftables elements.
    for type in [16, 20, 24, 0x100, 0xa0c] {
        let length = count + 16
        let header = [length, length >> 8, length >> 16, length >> 24, type, type >> 8].map(
            UInt8.init(truncatingIfNeeded:))
        let replies = NetlinkReply.list((header + [UInt8](repeating: 0, count: 10) + bytes)[...])
        precondition(replies.count == 1 && replies[0].type == type && replies[0].payload.elementsEqual(bytes))
        read(replies, within: count)
    }
    descend(Attribute.list(bytes[...]), within: count, depth: 0)
    return 0
}

private func descend(_ attributes: [Attribute], within count: Int, depth: Int) {
    let total = attributes.reduce(0) { $0 + $1.payload.count + 4 }
    precondition(total <= count, "attributes lie one after the other inside the bytes")
    for attribute in attributes {
        _ = attribute.text
        precondition((attribute.u32 == nil) == (attribute.payload.count < 4))
        precondition((attribute.bigEndian64 == nil) == (attribute.payload.count < 8))
        if depth < 8 { descend(attribute.nested, within: attribute.payload.count, depth: depth + 1) }
    }
}

private func read(_ replies: [NetlinkReply], within count: Int) {
    precondition(replies.reduce(0) { $0 + $1.payload.count } <= count)
    for reply in replies {
        if let link = Link(reply) { precondition(link.mac.map { $0.bytes.count == 6 } ?? true) }
        if let address = LinkAddress(reply) { readsBack(address.prefix) }
        if let route = Route(reply) { readsBack(route.destination) }
        if let flow = ConntrackFlow(reply) { _ = flow.hashValue }
        if let socket = ListeningSocket(reply) { precondition(socket.receives(at: nil)) }
        for element in NftElementFound.list(reply) {
            precondition(element.identity.key.count <= count && element.data.count <= count)
            precondition(!(element.comment ?? "").utf8.contains(0))
        }
    }
}

/// IPv4-mapped addresses excepted: text reads them as the IPv4 address that they stand for.
private func readsBack(_ prefix: IPPrefix) {
    guard prefix.family == .v4 || prefix.address.value >> 32 != 0xffff else { return }
    precondition(IPPrefix(prefix.description) == prefix)
}
