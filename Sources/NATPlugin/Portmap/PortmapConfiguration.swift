import CNI
import JSON
import NetCore
import NetPlan
import PluginKit

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

    /// How iptables knows packets whose source is to be rewritten.
    public let marking: Hairpin.Marking
    /// What packets of a family must fulfil besides.
    public let conditions: [Conditions]
    public let backend: Plan.Backend

    /// The words of conditionsV4 or conditionsV6.
    public struct Conditions: Hashable, Sendable {
        public let family: AddressFamily
        public let rule: IptablesRule
    }

    /// Throws code 7 for a mistake and 2 for what cannot be done, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        translatesSource = try root.bool("snat", default: true)
        everySource = try root.bool("masqAll")
        let bit = try root.integer("markMasqBit", in: 0...31)
        let chain = try root.string("externalSetMarkChain")
        if let chain, bit != nil {
            throw root.error("markMasqBit", "cannot be combined with \"externalSetMarkChain\": \"\(chain)\"")
        }
        if let chain, chain.isEmpty || chain.utf8.count > 28 || chain.utf8.contains(0x20) {
            throw root.error(
                "externalSetMarkChain", "is no name of a chain: at most 28 characters, none of them a space")
        }
        marking = chain.map { .chain($0) } ?? .bit(bit ?? IptablesNames.defaultMarkBit)
        conditions = try PortmapConfiguration.conditions(root)
        backend = try request.backend("backend", demanding: BackendChoice.demanding(request.configuration.json))
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

extension PortmapConfiguration {
    /// iptables' words, of which berth knows those that IptablesRule has; nftables' words nobody can put into a map.
    private static func conditions(_ root: ConfigurationObject) throws(CNIError) -> [Conditions] {
        var found: [Conditions] = []
        for (key, family) in [("conditionsV4", AddressFamily.v4), ("conditionsV6", .v6)] {
            guard let words = try root.strings(key), let first = words.first else { continue }
            guard first.hasPrefix("-") || first == "!" else {
                throw root.unsupported(
                    key,
                    "asks for conditions in nftables' words, which a map of ports has no place for; say it in iptables' words "
                        + "with \"backend\": \"iptables\", or limit by a mapping's \"hostIP\"")
            }
            do throws(IptablesRule.Mistake) {
                let rule = try IptablesRule.conditions(reading: words, family)
                guard rule.proto == nil, rule.comment == nil else {
                    throw IptablesRule.Mistake("a port map says its own protocol and comment")
                }
                found.append(Conditions(family: family, rule: rule))
            } catch {
                throw root.unsupported(key, "cannot be honoured: \(error)")
            }
        }
        return found
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
