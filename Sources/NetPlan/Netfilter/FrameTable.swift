import NetCore

/// Our table `bridge berth`, which sees the frames that ports of bridges take in; made when a container's source MAC
/// address is first to be checked. Like `inet berth` it has constant rules that ask sets.
enum FrameTable {
    /// Ports of which only known senders are taken.
    static let ports = NftSet("checked_ports", [.ifname], family: .bridge)
    /// Port and source MAC address of the frames that are taken.
    static let senders = NftSet("senders", [.ifname, .mac], family: .bridge)

    static let sets = [ports, senders]

    static let chains = [
        // Before the bridge learns from a frame where an address is. A port that is not checked costs one look, and a
        // checked one two, however many there are.
        NftChain(
            "prerouting", .prerouting("filter", -300), family: .bridge,
            rules: [NftRule(.incomingIn(ports), .senderIn(senders, not: true), .drop)])
    ]
}
