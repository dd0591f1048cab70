import CNI
import JSON
import NetCore
import NetPlan

/// A port mapping as a runtime asks for it.
public struct PortMapping: Hashable, Sendable {
    public let hostAddress: IPAddress?
    /// "0.0.0.0" or "::": any address, of that family alone. Nil: both families, or the address's own.
    public let family: AddressFamily?
    public let proto: TransportProtocol
    public let hostPorts: ClosedRange<UInt16>
    public let containerPort: UInt16

    /// "127.0.0.1:8080-8090/tcp"
    public var text: String {
        let host = hostAddress.map { $0.family == .v4 ? "\($0):" : "[\($0)]:" } ?? ""
        return "\(host)\(hostPorts.lowerBound)\(hostPorts.count > 1 ? "-\(hostPorts.upperBound)" : "")/\(proto)"
    }
}

/// The portmap plugin's keys (cni.md 2.5).
public struct PortmapConfiguration: Sendable {
    public let mappings: [PortMapping]
    /// Hairpin and 127.0.0.1 work, by rewriting the source there.
    public let translatesSource: Bool
    public let everySource: Bool
    /// Sockets of host programs at a port that is to be published: a warning, or a refusal.
    public let refusesHostSockets: Bool

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        translatesSource = try root.bool("snat", default: true)
        everySource = try root.bool("masqAll")
        let bit = try root.integer("markMasqBit", in: 0...31)
        if let chain = try root.string("externalSetMarkChain") {
            if bit != nil {
                throw root.error("markMasqBit", "cannot be combined with \"externalSetMarkChain\": \"\(chain)\"")
            }
            throw root.unsupported("externalSetMarkChain", "needs the iptables backend, which is not supported yet")
        }
        for key in ["conditionsV4", "conditionsV6"] {
            if let conditions = try root.strings(key), !conditions.isEmpty {
                throw root.unsupported(
                    key,
                    "asks for further conditions, which are not supported yet; \"hostIP\" of a mapping limits where it answers"
                )
            }
        }
        try refuseForeignBackend(root)
        if try root.bool("localhostRelay") {
            throw root.unsupported("localhostRelay", "asks for a relay for ::1, which is not supported yet")
        }
        switch try root.string("hostSockets") {
        case nil, "warn": refusesHostSockets = false
        case "refuse": refusesHostSockets = true
        default: throw root.error("hostSockets", "is neither \"warn\" nor \"refuse\"")
        }
        let runtime = ConfigurationObject(request.configuration.runtimeConfig, path: "runtimeConfig")
        var mappings: [PortMapping] = []
        for object in try runtime.objects("portMappings") ?? [] {
            let mapping = try PortmapConfiguration.mapping(object)
            if let twin = mappings.first(where: { $0.overlaps(mapping) }) {
                throw object.error("hostPort", "is mapped twice in one call: \(twin.text) and \(mapping.text)")
            }
            mappings.append(mapping)
        }
        self.mappings = mappings
    }

    private static func mapping(_ object: ConfigurationObject) throws(CNIError) -> PortMapping {
        guard let host = try object.integer("hostPort", in: 1...65535) else {
            throw object.error("hostPort", "is missing")
        }
        guard let container = try object.integer("containerPort", in: 1...65535) else {
            throw object.error("containerPort", "is missing")
        }
        var wanted = try object.integer("range", in: 1...65535)
        if wanted == nil { wanted = try object.integer("count", in: 1...65535) }
        let count = wanted ?? 1
        guard host + count - 1 <= 65535, container + count - 1 <= 65535 else {
            throw object.error(object.has("range") ? "range" : "count", "leads beyond port 65535")
        }
        let name = try object.string("protocol") ?? "tcp"
        guard let proto = TransportProtocol(rawValue: name.lowercased()) else {
            throw object.error("protocol", "is not one of tcp, udp, sctp")
        }
        var address = try object.address("hostIP")
        let family = address?.family
        if address?.isUnspecified == true { address = nil }
        if let address, address.family == .v6, address.isLoopback {
            throw object.unsupported(
                "hostIP", "needs a relay, which is not supported yet; no kernel routes from ::1 to a container")
        }
        return PortMapping(
            hostAddress: address, family: family, proto: proto, hostPorts: UInt16(host)...UInt16(host + count - 1),
            containerPort: UInt16(container))
    }
}

/// Throws code 2 for a backend that is not built yet, 7 for one that does not exist.
func refuseForeignBackend(_ root: ConfigurationObject) throws(CNIError) {
    switch try root.string("backend") {
    case nil, "auto", "nftables": return
    case "iptables", "firewalld":
        throw root.unsupported(
            "backend", "asks for a backend that is not supported yet; leave the key out or use \"nftables\"")
    default: throw root.error("backend", "is not one of auto, nftables, iptables, firewalld")
    }
}

extension PortMapping {
    /// Did this forward come of the mapping?
    func leads(_ forward: PortForward) -> Bool {
        proto == forward.proto && hostPorts == forward.hostPorts && (family == nil || family == forward.family)
    }

    func overlaps(_ other: PortMapping) -> Bool {
        proto == other.proto && hostPorts.overlaps(other.hostPorts)
            && (family == nil || other.family == nil || family == other.family)
            && (hostAddress == nil || other.hostAddress == nil || hostAddress == other.hostAddress)
    }
}
