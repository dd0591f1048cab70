import CKernel

/// Where a bridge sends the frames for a MAC address (man 8 bridge, fdb).
public enum ForwardingEntryRequest {
    /// `bridge fdb replace MAC dev PORT master static sticky`: frames for `mac` leave by that port, and none that comes in
    /// elsewhere moves it. Throws EMSGSIZE only.
    public static func stick(_ mac: MACAddress, to port: Int32, named name: String) throws(KernelError)
        -> NetlinkRequest
    {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = port
        header.ndm_state = UInt16(NUD_NOARP | NUD_REACHABLE)
        header.ndm_flags = UInt8(NTF_MASTER | NTF_STICKY)
        return try NetlinkRequest(
            "add forwarding entry \(mac) of port \(name)", type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE,
            header: header
        ) { $0.put(Int(NDA_LLADDR), bytes: mac.bytes) }
    }
}

/// An entry of a bridge's forwarding database as the kernel tells it.
public struct ForwardingEntry: Hashable, Sendable {
    /// Index of the port.
    public let port: Int32
    /// It stays where it is, whatever comes in elsewhere.
    public let isSticky: Bool
}

extension NetlinkSocket {
    /// What the bridge of a port knows of a MAC address (`bridge fdb get MAC br BRIDGE`); nil when nothing.
    public mutating func forwardingEntry(_ mac: MACAddress, atBridgeOf port: Int32) throws(KernelError)
        -> ForwardingEntry?
    {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = port
        header.ndm_flags = UInt8(NTF_MASTER)
        let request = try NetlinkRequest(
            "look up forwarding entry \(mac)", type: RTM_GETNEIGH, flags: 0, header: header
        ) { $0.put(Int(NDA_LLADDR), bytes: mac.bytes) }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } ?? []
        guard let reply = replies.first(where: { $0.type == RTM_NEWNEIGH }), let found = reply.header(12) else {
            return nil
        }
        // struct ndmsg: family, padding, index at 4, state at 8, flags at 10, type at 11.
        let bytes = Array(found)
        let index = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + $1]) << (8 * UInt32($1)) }
        return ForwardingEntry(port: Int32(bitPattern: index), isSticky: Int32(bytes[10]) & Int32(NTF_STICKY) != 0)
    }
}
