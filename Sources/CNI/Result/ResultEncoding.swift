import JSON
import NetCore

extension CNIResult {
    /// The result in a version's shape (cni.md 1.5): what the version does not know is left out. Throws code 999 when
    /// 0.1.0 or 0.2.0 is asked for and there is no address.
    public func json(version: SpecVersion) throws(CNIError) -> JSON {
        var object: JSONObject = ["cniVersion": .string(version.rawValue)]
        if version < .v0_3_0 {
            try addLegacy(to: &object)
        } else {
            object.set("interfaces", interfaces.map { $0.json(version) })
            object.set("ips", ips.map { $0.json(version) })
            object.set("routes", routes.map { $0.json(version) })
        }
        if !dns.isEmpty { object["dns"] = dns.json }
        object.merge(extra)
        return .object(object)
    }

    /// The result as who reads `json(version:)` knows it. Throws as that does.
    public func seen(in version: SpecVersion) throws(CNIError) -> CNIResult {
        guard version < .v1_1_0 else { return self }
        guard version >= .v0_3_0 else {
            return try CNIResult(decoding: try json(version: version), version: version, path: "prevResult")
        }
        var result = self
        for index in result.interfaces.indices {
            result.interfaces[index].mtu = nil
            result.interfaces[index].socketPath = nil
            result.interfaces[index].pciID = nil
        }
        for index in result.routes.indices {
            result.routes[index].mtu = nil
            result.routes[index].advmss = nil
            result.routes[index].priority = nil
            result.routes[index].table = nil
            result.routes[index].scope = nil
        }
        return result
    }

    private func addLegacy(to object: inout JSONObject) throws(CNIError) {
        for (key, family) in [("ip4", AddressFamily.v4), ("ip6", AddressFamily.v6)] {
            guard let ip = ips.first(where: { $0.address.family == family }) else { continue }
            var part: JSONObject = ["ip": .string("\(ip.address)")]
            part.set("gateway", ip.gateway?.description)
            part.set("routes", routes.filter { $0.destination.family == family }.map { $0.json(.v0_2_0) })
            object[key] = .object(part)
        }
        guard object.count > 1 else {
            throw CNIError(
                .internal, "cannot convert: no valid IP addresses",
                details: "results of 0.1.0 and 0.2.0 need an address; set \"cniVersion\" to 0.3.0 or later")
        }
    }
}

extension CNIResult.Interface {
    fileprivate func json(_ version: SpecVersion) -> JSON {
        var object: JSONObject = ["name": .string(name)]
        object.set("mac", mac)
        if version >= .v1_1_0 { object.set("mtu", mtu) }
        object.set("sandbox", sandbox)
        if version >= .v1_1_0 {
            object.set("socketPath", socketPath)
            object.set("pciID", pciID)
        }
        object.merge(extra)
        return .object(object)
    }
}

extension CNIResult.IPConfiguration {
    fileprivate func json(_ version: SpecVersion) -> JSON {
        var object = JSONObject()
        if version < .v1_0_0 { object["version"] = address.family == .v4 ? "4" : "6" }
        object.set("interface", interface)
        object["address"] = .string("\(address)")
        object.set("gateway", gateway?.description)
        object.merge(extra)
        return .object(object)
    }
}

extension CNIResult.RouteConfiguration {
    fileprivate func json(_ version: SpecVersion) -> JSON {
        var object: JSONObject = ["dst": .string("\(destination)")]
        object.set("gw", gateway?.description)
        if version >= .v1_1_0 {
            object.set("mtu", mtu)
            object.set("advmss", advmss)
            object.set("priority", priority)
            object.set("table", table)
            object.set("scope", scope)
        }
        if version >= .v0_3_0 { object.merge(extra) }
        return .object(object)
    }
}

extension CNIResult.DNS {
    /// Empty members are left out.
    public var json: JSON {
        var object = JSONObject()
        object.set("nameservers", nameservers.map { .string($0) })
        object.set("domain", domain)
        object.set("search", search.map { .string($0) })
        object.set("options", options.map { .string($0) })
        object.merge(extra)
        return .object(object)
    }
}

extension JSONObject {
    fileprivate mutating func set(_ key: String, _ text: String?) {
        if let text { self[key] = .string(text) }
    }

    fileprivate mutating func set(_ key: String, _ number: Int?) {
        if let number { self[key] = .integer(Int64(number)) }
    }

    fileprivate mutating func set(_ key: String, _ array: [JSON]) {
        if !array.isEmpty { self[key] = .array(array) }
    }
}
