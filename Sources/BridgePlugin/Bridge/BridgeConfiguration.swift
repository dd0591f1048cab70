import CNI
import JSON
import NetCore

/// The bridge plugin's keys (cni.md 2.1), read and checked.
public struct BridgeConfiguration: Sendable {
    public let bridge: LinkName
    public let isGateway: Bool
    public let isDefaultGateway: Bool
    public let forceAddress: Bool
    public let masquerade: Bool
    public let masqueradeTranslations: [IPAddress]
    public let masqueradeFullyRandom: Bool
    public let masqueradeExceptions: [IPPrefix]
    /// Nil: the default route's link decides.
    public let mtu: Int?
    public let hairpin: Bool
    public let promiscuous: Bool
    /// No frames between this container and other isolated ones of the bridge (`portIsolation`).
    public let isolated: Bool
    /// Only frames with the container's own source MAC address are taken (`macspoofchk`).
    public let checksSender: Bool
    /// The container's end stays down (`disableContainerInterface`).
    public let leavesDown: Bool
    public let detectsDuplicates: Bool
    public let mac: MACAddress?
    public let dns: CNIResult.DNS?
    /// The runtime's word (capability `dns`): what it names goes before the configuration's and IPAM's.
    public let runtimeDNS: CNIResult.DNS
    public let ipamType: String?

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
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
        masquerade = try root.bool("ipMasq")
        masqueradeFullyRandom = try root.bool("fullyRandom")
        masqueradeTranslations = try BridgeConfiguration.list(root, "snatTo", "an address", IPAddress.init)
        masqueradeExceptions = try BridgeConfiguration.list(
            root, "noMasqTo", "a network as address/length", IPPrefix.init)
        let size = try root.integer("mtu", in: 0...65535) ?? 0
        if size != 0, size < 68 { throw root.error("mtu", "is too small: IPv4 needs 68 bytes, IPv6 1280") }
        mtu = size == 0 ? nil : size
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
        mac = try BridgeConfiguration.mac(request)
        let dns = try root.object("dns")
        self.dns = try dns.map { (object) throws(CNIError) in try CNIResult.DNS(object) }
        runtimeDNS = try BridgeConfiguration.runtimeDNS(request)
        ipamType = try BridgeConfiguration.ipamType(root)
        if leavesDown, let ipamType {
            throw root.error(
                "disableContainerInterface",
                "cannot be combined with \"ipam.type\": \"\(ipamType)\": an interface that stays down has no addresses; leave one of them out"
            )
        }
    }

    private static func runtimeDNS(_ request: Request) throws(CNIError) -> CNIResult.DNS {
        let runtime = ConfigurationObject(request.configuration.runtimeConfig, path: "runtimeConfig")
        guard let dns = try runtime.object("dns") else { return CNIResult.DNS() }
        return CNIResult.DNS(
            nameservers: try dns.strings("servers") ?? [], search: try dns.strings("searches") ?? [],
            options: try dns.strings("options") ?? [])
    }

    private static func list<Element>(
        _ root: ConfigurationObject, _ key: String, _ kind: String, _ parse: (String) -> Element?
    ) throws(CNIError) -> [Element] {
        var elements: [Element] = []
        for text in try root.strings(key) ?? [] {
            guard let element = parse(text) else { throw root.error(key, "holds \"\(text)\", which is not \(kind)") }
            elements.append(element)
        }
        return elements
    }

    static func ipamType(_ root: ConfigurationObject) throws(CNIError) -> String? {
        guard let ipam = try root.object("ipam"), !ipam.json.isEmpty else { return nil }
        // As the reference has it: an empty type asks for no addresses.
        if ipam.value("type")?.string == "" { return nil }
        guard let type = try ipam.string("type") else {
            throw ipam.error("type", "is missing: name an IPAM plugin, such as \"host-local\"")
        }
        return type
    }

    /// runtimeConfig.mac before args.cni.mac before CNI_ARGS MAC.
    static func mac(_ request: Request) throws(CNIError) -> MACAddress? {
        let configuration = request.configuration
        let sources: [(ConfigurationObject, String)] = [
            (ConfigurationObject(configuration.runtimeConfig, path: "runtimeConfig"), "mac"),
            (ConfigurationObject(configuration.cniArgs, path: "args.cni"), "mac"),
            (
                ConfigurationObject(request.arguments["MAC"].map { ["MAC": .string($0)] } ?? [:], path: "CNI_ARGS"),
                "MAC"
            ),
        ]
        for (object, key) in sources {
            guard let mac = try object.mac(key) else { continue }
            guard !mac.isMulticast, !mac.isZero else { throw object.error(key, "is no unicast address") }
            return mac
        }
        return nil
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
        if let backend = try root.string("ipMasqBackend") {
            switch backend {
            case "nftables", "auto": break
            case "iptables":
                throw root.unsupported(
                    "ipMasqBackend",
                    "asks for a backend that is not supported yet; leave the key out or use \"nftables\"")
            default: throw root.error("ipMasqBackend", "is not one of auto, nftables, iptables")
            }
        }
    }
}
