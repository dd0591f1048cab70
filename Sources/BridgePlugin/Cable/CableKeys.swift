import CNI
import JSON
import NetCore

/// The keys of plugins that make a cable (cni.md 2.1, 2.2), read and checked.
public struct CableKeys: Sendable {
    /// Nil: packets keep the container's address.
    public let masquerade: Masquerading?
    /// Nil: the default route's link decides.
    public let mtu: Int?
    /// The container's, where somebody names one.
    public let mac: MACAddress?
    public let names: NameServers
    public let ipamType: String?

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        masquerade = try Masquerading(request)
        let size = try root.integer("mtu", in: 0...65535) ?? 0
        if size != 0, size < 68 { throw root.error("mtu", "is too small: IPv4 needs 68 bytes, IPv6 1280") }
        mtu = size == 0 ? nil : size
        mac = try CableKeys.mac(request)
        names = try NameServers(request)
        ipamType = try CableKeys.ipamType(root)
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
}
