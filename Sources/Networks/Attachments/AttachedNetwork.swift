import JSON

/// A published port: what `-p` asks for. `hostPort` 0 asks for any free one.
public struct PublishedPort: Sendable, Hashable {
    public var hostAddress: String
    public var hostPort: UInt16
    /// With more than `hostPort`: the first that is free of the two and all between.
    public var lastHostPort: UInt16 = 0
    public var containerPort: UInt16
    /// tcp, udp or sctp.
    public var protocolName: String
    public init(
        hostAddress: String, hostPort: UInt16, lastHostPort: UInt16 = 0, containerPort: UInt16, protocolName: String
    ) {
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.lastHostPort = lastHostPort
        self.containerPort = containerPort
        self.protocolName = protocolName
    }
}

/// What a container wishes of a network.
public struct AttachmentWish: Sendable {
    /// The container's id, 64 hexadecimal digits, and its name.
    public var containerID = ""
    public var containerName = ""
    /// `RUN/netns/ID`; it exists.
    public var namespace = ""
    /// eth0, eth1, …
    public var interface = "eth0"
    public var ports: [PublishedPort] = []
    /// What others have published, which a range of `ports` passes over.
    public var takenPorts: [PublishedPort] = []
    public var addresses: [String] = []
    public var macAddress: String?
    /// Names besides the container's own.
    public var aliases: [String] = []
    public init() {}
}

/// What an attachment got: kept by the caller, given back to `detach`.
public struct AttachedNetwork: Sendable, Hashable {
    public var network = ""
    public var networkID = ""
    /// Docker's EndpointID: made by chance for each attachment.
    public var endpointID = ""
    public var interface = ""
    /// With prefix length, as 172.16.0.2/24.
    public var addresses: [String] = []
    public var gateways: [String] = []
    public var macAddress = ""
    /// Where names are answered; empty: the host's own resolvers are to be used.
    public var nameservers: [String] = []
    /// With the ports that were chosen for 0.
    public var ports: [PublishedPort] = []
    public var aliases: [String] = []
    public init() {}
}

extension PublishedPort {
    var json: JSON {
        [
            "hostIP": .string(hostAddress), "hostPort": .integer(Int64(hostPort)),
            "containerPort": .integer(Int64(containerPort)), "protocol": .string(protocolName),
        ]
    }

    init?(_ json: JSON) {
        guard let host = json["hostPort"]?.integer.flatMap({ UInt16(exactly: $0) }),
            let container = json["containerPort"]?.integer.flatMap({ UInt16(exactly: $0) })
        else { return nil }
        self.init(
            hostAddress: json["hostIP"]?.string ?? "", hostPort: host, containerPort: container,
            protocolName: json["protocol"]?.string ?? "tcp")
    }
}

extension AttachedNetwork {
    /// As `json` wrote it. Throws 500 for what is none.
    public init(_ json: JSONObject) throws(NetworkError) {
        guard let network = json["network"]?.string else {
            throw NetworkError(500, "an attachment's record does not name its network")
        }
        self.network = network
        let texts = { (key: String) in (json[key]?.array ?? []).compactMap(\.string) }
        networkID = json["networkID"]?.string ?? ""
        endpointID = json["endpointID"]?.string ?? ""
        interface = json["interface"]?.string ?? ""
        addresses = texts("addresses")
        gateways = texts("gateways")
        macAddress = json["macAddress"]?.string ?? ""
        nameservers = texts("nameservers")
        ports = (json["ports"]?.array ?? []).compactMap { PublishedPort($0) }
        aliases = texts("aliases")
    }

    public var json: JSONObject {
        let array = { (texts: [String]) in JSON.array(texts.map { .string($0) }) }
        return [
            "network": .string(network), "networkID": .string(networkID),
            "endpointID": .string(endpointID), "interface": .string(interface),
            "addresses": array(addresses), "gateways": array(gateways), "macAddress": .string(macAddress),
            "nameservers": array(nameservers), "ports": .array(ports.map(\.json)), "aliases": array(aliases),
        ]
    }
}
