import JSON
import NetCore

extension CNIResult {
    /// The result that `json` stands for in any of the seven shapes. Its own `cniVersion` decides; `version` is for a
    /// result without one (R-12, P-62). Throws code 6 with path and value, 1 for a version that nobody here speaks.
    public init(decoding json: JSON, version: SpecVersion) throws(CNIError) {
        try self.init(decoding: json, version: version, path: "")
    }

    /// As above; `path` is where the result stands, for error messages.
    public init(decoding json: JSON, version: SpecVersion, path: String) throws(CNIError) {
        guard let object = json.object else {
            let subject = path.isEmpty ? "the result" : "\"\(path)\""
            throw CNIError(.decoding, "\(subject) is \(json.kind), not an object")
        }
        let root = ConfigurationObject(object, path: path, code: .decoding)
        var shape = version
        if let text = try root.string("cniVersion") {
            guard let own = SpecVersion(rawValue: text) else {
                throw CNIError(
                    .incompatibleVersion,
                    "\"\(root.place("cniVersion"))\": \(ConfigurationObject.clipped(.string(text))) is unknown",
                    details: "known are \(SpecVersion.allCases.map(\.rawValue).joined(by: ", "))")
            }
            shape = own
        }
        if shape < .v0_3_0 {
            try self.init(legacy: root)
        } else {
            try self.init(current: root)
        }
        // The other shape's keys too: passed on as unknown, they would be read as that shape's when the version changes.
        extra = object.removing("cniVersion", "interfaces", "ips", "routes", "dns", "ip4", "ip6")
        dns = try root.object("dns").map { (object) throws(CNIError) in try DNS(object) } ?? DNS()
    }

    private init(current root: ConfigurationObject) throws(CNIError) {
        self.init()
        for object in try root.objects("interfaces") ?? [] { interfaces.append(try Interface(object)) }
        for object in try root.objects("ips") ?? [] {
            ips.append(try IPConfiguration(object, interfaces: interfaces.count))
        }
        for object in try root.objects("routes") ?? [] { routes.append(try RouteConfiguration(object)) }
    }

    /// 0.1.0 and 0.2.0: one address a family, each with its routes.
    private init(legacy root: ConfigurationObject) throws(CNIError) {
        self.init()
        for key in ["ip4", "ip6"] {
            guard let object = try root.object(key) else { continue }
            let address = try object.required("ip") { (key) throws(CNIError) in try object.prefix(key) }
            ips.append(IPConfiguration(address: address, gateway: try object.address("gateway")))
            for route in try object.objects("routes") ?? [] { routes.append(try RouteConfiguration(route)) }
        }
    }
}

extension ConfigurationObject {
    /// The value of a key that must stand.
    fileprivate func required<R>(_ key: String, _ read: (String) throws(CNIError) -> R?) throws(CNIError) -> R {
        guard let value = try read(key) else { throw error(key, "is missing") }
        return value
    }

    /// An unsigned 32-bit attribute of the kernel's.
    fileprivate func attribute(_ key: String) throws(CNIError) -> Int? { try integer(key, in: 0...Int(UInt32.max)) }

    /// The same where 0 stands for "not said".
    fileprivate func nonZero(_ key: String) throws(CNIError) -> Int? {
        try attribute(key).flatMap { $0 == 0 ? nil : $0 }
    }
}

extension CNIResult.Interface {
    fileprivate init(_ object: ConfigurationObject) throws(CNIError) {
        self.init(
            name: try object.string("name") ?? "", mac: try object.string("mac"), mtu: try object.nonZero("mtu"),
            sandbox: try object.string("sandbox"), socketPath: try object.string("socketPath"),
            pciID: try object.string("pciID"),
            extra: object.json.removing("name", "mac", "mtu", "sandbox", "socketPath", "pciID"))
    }
}

extension CNIResult.IPConfiguration {
    /// An index that points nowhere (-1 in old results) counts as absent; `version` follows from the address.
    fileprivate init(_ object: ConfigurationObject, interfaces: Int) throws(CNIError) {
        let index = try object.integer("interface", in: Int.min...Int.max)
        self.init(
            address: try object.required("address") { (key) throws(CNIError) in try object.prefix(key) },
            gateway: try object.address("gateway"),
            interface: index.flatMap { (0..<interfaces).contains($0) ? $0 : nil },
            extra: object.json.removing("version", "interface", "address", "gateway"))
    }
}

extension CNIResult.RouteConfiguration {
    /// A route of a result or of a configuration (`ipam.routes`). Throws under the object's code: 6 or 7.
    public init(_ object: ConfigurationObject) throws(CNIError) {
        self.init(
            destination: try object.required("dst") { (key) throws(CNIError) in try object.prefix(key) },
            gateway: try object.address("gw"), mtu: try object.nonZero("mtu"), advmss: try object.nonZero("advmss"),
            priority: try object.nonZero("priority"), table: try object.attribute("table"),
            scope: try object.integer("scope", in: 0...255),
            extra: object.json.removing("dst", "gw", "mtu", "advmss", "priority", "table", "scope"))
    }
}

extension CNIResult.DNS {
    /// The `dns` of a result or of a configuration. Throws under the object's code: 6 or 7.
    public init(_ object: ConfigurationObject) throws(CNIError) {
        self.init(
            nameservers: try object.strings("nameservers") ?? [], domain: try object.string("domain"),
            search: try object.strings("search") ?? [], options: try object.strings("options") ?? [],
            extra: object.json.removing("nameservers", "domain", "search", "options"))
    }
}
