import NetCore

/// Frames that come in by a port with another source MAC address than the container's are dropped, before the bridge
/// learns from them (the bridge plugin's macspoofchk): two elements a container.
public struct SenderCheck: Hashable, Sendable {
    /// The host end of the container's cable.
    public let port: LinkName
    public let mac: MACAddress

    public init(port: LinkName, mac: MACAddress) {
        self.port = port
        self.mac = mac
    }

    var words: String { "frames that come in by \(port) from another MAC address than \(mac) are dropped" }

    func netfilter(_ owner: Owner) -> NetfilterChanges {
        let name = NftField.name(port.description)
        return NetfilterChanges(owned: [
            NftElement(FrameTable.senders, [name, .mac(mac)], comment: owner.comment),
            NftElement(FrameTable.ports, [name], comment: owner.comment),
        ])
    }
}
