import CNI
import JSON
import NetCore

/// What went wrong with a network, as Docker's API tells it: `status` is an HTTP status code (400, 403, 404, 409, 500).
public struct NetworkError: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
    public init(_ status: Int, _ description: String) {
        self.status = status
        self.description = description
    }
}

/// A published port: what `-p` asks for. `hostPort` 0 asks for any free one.
public struct PublishedPort: Sendable, Hashable {
    public var hostAddress: String
    public var hostPort: UInt16
    public var containerPort: UInt16
    /// tcp, udp or sctp.
    public var protocolName: String
    public init(hostAddress: String, hostPort: UInt16, containerPort: UInt16, protocolName: String) {
        self.hostAddress = hostAddress
        self.hostPort = hostPort
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
    public var addresses: [String] = []
    public var macAddress: String?
    /// Names besides the container's own.
    public var aliases: [String] = []
    public init() {}
}

/// What an attachment got: kept by the caller, given back to `detach`.
public struct AttachedNetwork: Sendable {
    public var network = ""
    public var networkID = ""
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
    public init(_ json: JSONObject) throws(NetworkError) { throw NetworkError(501, "not yet") }
    public var json: JSONObject { JSONObject() }
}

/// Networks as CNI lists (docs/runtime/parts.md): `bridge` (the default, made when it is first asked for), `host` and `none` are always there;
/// others come from ROOT/networks and, by name, from /etc/cni/net.d. Any number of processes may use it.
public struct NetworkStore: Sendable {
    public let root: String
    public let run: String
    /// Where plugins are looked for; the first entry is berth's own.
    public let pluginPath: [String]
    public init(root: String, run: String, pluginPath: [String]) {
        self.root = root
        self.run = run
        self.pluginPath = pluginPath
    }

    /// Docker's Network objects (Name, Id, Created, Scope, Driver, EnableIPv6, IPAM, Internal, Attachable, Containers, Options, Labels).
    public func networks() throws(NetworkError) -> [JSONObject] { throw NetworkError(501, "not yet") }
    /// By name, id or a beginning of one. Throws 404, 409.
    public func network(_ reference: String) throws(NetworkError) -> JSONObject { throw NetworkError(501, "not yet") }
    /// Docker's NetworkCreateRequest. Gives Id and Warning. Throws 400, 403, 409 (name or subnet taken: by what).
    public func create(_ body: JSONObject) throws(NetworkError) -> (id: String, warning: String) {
        throw NetworkError(501, "not yet")
    }
    /// Throws 403 for a predefined one and for one that has containers (it names them).
    public func remove(_ reference: String) throws(NetworkError) { throw NetworkError(501, "not yet") }
    /// Those that no container is on, but for the predefined; gives their names.
    public func prune() throws(NetworkError) -> [String] { throw NetworkError(501, "not yet") }
    /// The list's ADD, then the names. A failed ADD is followed by DEL. Throws 409 for a port in use (its holder is named).
    public func attach(_ wish: AttachmentWish, to network: String) throws(NetworkError) -> AttachedNetwork {
        throw NetworkError(501, "not yet")
    }
    /// The names are gone, then the list's DEL. Done again, it does nothing. `namespace` may be gone.
    public func detach(_ containerID: String, namespace: String, from attached: AttachedNetwork) throws(NetworkError) {
        throw NetworkError(501, "not yet")
    }
    /// The running container's published ports are those (berth publish add, rm); what goes has its flows forgotten.
    public func publish(
        _ ports: [PublishedPort], _ containerID: String, namespace: String, on attached: AttachedNetwork
    ) throws(NetworkError) -> AttachedNetwork { throw NetworkError(501, "not yet") }
}
