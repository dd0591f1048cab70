import CNI
import NetCore
import NetPlan

/// The macvlan plugin's keys (cni.md 2.10), read and checked.
public struct MacvlanConfiguration: Sendable {
    /// Nil: the link of the default route.
    public let master: LinkName?
    /// Where master and default route are looked for.
    public let masterPlace: Place
    public let mode: Macvlan.Mode
    /// Nil: the master's.
    public let mtu: Int?
    public let mac: MACAddress?
    public let broadcastQueueLength: UInt32?
    public let names: NameServers
    /// Nil: no addresses.
    public let ipamType: String?

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        var master: LinkName?
        if let text = try root.string("master") {
            guard let name = LinkName(text) else {
                throw root.error("master", "is no name of a link: it \(LinkName.fault(in: text) ?? "is not valid")")
            }
            master = name
        }
        self.master = master
        masterPlace = try root.bool("linkInContainer") ? .container : .host
        let word = try root.string("mode") ?? "bridge"
        guard let mode = Macvlan.Mode(rawValue: word) else {
            throw root.error("mode", "is not one of \(Macvlan.Mode.allCases.map(\.rawValue).joined(by: ", "))")
        }
        self.mode = mode
        let size = try root.integer("mtu", in: 0...65535) ?? 0
        if size != 0, size < 68 { throw root.error("mtu", "is too small: IPv4 needs 68 bytes, IPv6 1280") }
        mtu = size == 0 ? nil : size
        var mac = try CableKeys.mac(request)
        let own = try root.mac("mac")
        if let own, own.isMulticast || own.isZero { throw root.error("mac", "is no unicast address") }
        mac = mac ?? own
        if let mac, mode == .passthru {
            throw root.unsupported(
                "mode", "has the master's MAC address, and \(mac) is asked for: leave one of the two out")
        }
        self.mac = mac
        let queue = try root.integer("bcqueuelen", in: 0...Int(UInt32.max)) ?? 0
        broadcastQueueLength = queue == 0 ? nil : UInt32(queue)
        names = try NameServers(request)
        ipamType = try CableKeys.ipamType(root)
    }
}
