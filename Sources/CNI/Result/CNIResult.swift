import JSON
import NetCore

/// What ADD answers, held in the form of 1.1.0 (SPEC section 5); it is read from and written in any version's shape.
/// Keys that nobody here knows stand in `extra` and are passed on (P-31).
public struct CNIResult: Hashable, Sendable {
    /// Every interface that was made, the host's side too (P-36).
    public struct Interface: Hashable, Sendable {
        public var name: String
        public var mac: String?
        /// Bytes.
        public var mtu: Int?
        /// The container side's CNI_NETNS, to the letter; nil for the host's side.
        public var sandbox: String?
        public var socketPath: String?
        public var pciID: String?
        public var extra: JSONObject

        public init(
            name: String, mac: String? = nil, mtu: Int? = nil, sandbox: String? = nil, socketPath: String? = nil,
            pciID: String? = nil, extra: JSONObject = [:]
        ) {
            self.name = name
            self.mac = mac
            self.mtu = mtu
            self.sandbox = sandbox
            self.socketPath = socketPath
            self.pciID = pciID
            self.extra = extra
        }
    }

    public struct IPConfiguration: Hashable, Sendable {
        public var address: IPPrefix
        public var gateway: IPAddress?
        /// An index into `interfaces`; nil in results of address management (P-62).
        public var interface: Int?
        public var extra: JSONObject

        public init(address: IPPrefix, gateway: IPAddress? = nil, interface: Int? = nil, extra: JSONObject = [:]) {
            self.address = address
            self.gateway = gateway
            self.interface = interface
            self.extra = extra
        }
    }

    public struct RouteConfiguration: Hashable, Sendable {
        public var destination: IPPrefix
        public var gateway: IPAddress?
        /// Bytes.
        public var mtu: Int?
        /// Bytes.
        public var advmss: Int?
        public var priority: Int?
        /// 0 is a value.
        public var table: Int?
        /// 0 (universe) is a value.
        public var scope: Int?
        public var extra: JSONObject

        public init(
            destination: IPPrefix, gateway: IPAddress? = nil, mtu: Int? = nil, advmss: Int? = nil, priority: Int? = nil,
            table: Int? = nil, scope: Int? = nil, extra: JSONObject = [:]
        ) {
            self.destination = destination
            self.gateway = gateway
            self.mtu = mtu
            self.advmss = advmss
            self.priority = priority
            self.table = table
            self.scope = scope
            self.extra = extra
        }
    }

    public struct DNS: Hashable, Sendable {
        public var nameservers: [String]
        public var domain: String?
        public var search: [String]
        public var options: [String]
        public var extra: JSONObject

        public init(
            nameservers: [String] = [], domain: String? = nil, search: [String] = [], options: [String] = [],
            extra: JSONObject = [:]
        ) {
            self.nameservers = nameservers
            self.domain = domain
            self.search = search
            self.options = options
            self.extra = extra
        }

        public var isEmpty: Bool {
            nameservers.isEmpty && domain == nil && search.isEmpty && options.isEmpty && extra.isEmpty
        }
    }

    public var interfaces: [Interface] = []
    public var ips: [IPConfiguration] = []
    public var routes: [RouteConfiguration] = []
    public var dns = DNS()
    /// Top-level keys that nobody here knows.
    public var extra: JSONObject = [:]

    public init() {}
}
