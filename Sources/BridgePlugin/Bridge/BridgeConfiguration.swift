import CNI
import JSON
import NetCore

/// The bridge plugin's keys (cni.md 2.1), read and checked.
public struct BridgeConfiguration: Sendable {
    public let bridge: LinkName
    public let isGateway: Bool
    public let isDefaultGateway: Bool
    public let forceAddress: Bool
    /// What it shares with ptp: addresses, masquerade, MTU, DNS.
    public let cable: CableKeys
    public let hairpin: Bool
    public let promiscuous: Bool
    /// No frames between this container and other isolated ones of the bridge (`portIsolation`).
    public let isolated: Bool
    /// Only frames with the container's own source MAC address are taken (`macspoofchk`).
    public let checksSender: Bool
    /// The container's end stays down (`disableContainerInterface`).
    public let leavesDown: Bool
    public let detectsDuplicates: Bool

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try BridgeConfiguration.refuseUnsupported(root)
        let name = try root.string("bridge") ?? "cni0"
        guard let bridge = LinkName(name) else {
            throw root.error("bridge", "is no name of a link: it \(LinkName.fault(in: name) ?? "is not valid")")
        }
        self.bridge = bridge
        isDefaultGateway = try root.bool("isDefaultGateway")
        let gateway = try root.bool("isGateway")
        isGateway = gateway || isDefaultGateway
        forceAddress = try root.bool("forceAddress")
        cable = try CableKeys(request)
        hairpin = try root.bool("hairpinMode")
        promiscuous = try root.bool("promiscMode")
        if hairpin, promiscuous {
            throw root.unsupported(
                "promiscMode",
                "cannot be combined with \"hairpinMode\": true: a promiscuous bridge would send packets twice")
        }
        isolated = try root.bool("portIsolation")
        checksSender = try root.bool("macspoofchk")
        leavesDown = try root.bool("disableContainerInterface")
        // DEL and GC act on it.
        _ = try root.bool("removeEmptyBridge")
        detectsDuplicates = try root.bool("enabledad")
        if leavesDown, let ipamType = cable.ipamType {
            throw root.error(
                "disableContainerInterface",
                "cannot be combined with \"ipam.type\": \"\(ipamType)\": an interface that stays down has no addresses; leave one of them out"
            )
        }
    }

    /// Keys that are known and not built yet: never silence.
    private static func refuseUnsupported(_ root: ConfigurationObject) throws(CNIError) {
        if let vlan = try root.integer("vlan", in: 0...4094), vlan != 0 {
            throw root.unsupported("vlan", "asks for VLANs, which are not supported yet")
        }
        if let trunk = root.value("vlanTrunk"), trunk.array?.isEmpty != true {
            throw root.unsupported("vlanTrunk", "asks for VLANs, which are not supported yet")
        }
        if try root.bool("preserveDefaultVlan") {
            throw root.unsupported("preserveDefaultVlan", "asks for VLANs, which are not supported yet")
        }
    }
}
