import JSON
import NetCore

/// Docker's NetworkCreateRequest, read and judged.
struct NetworkRequest: Sendable {
    /// One entry of IPAM.Config.
    struct Pool: Sendable, Hashable {
        var subnet: IPPrefix
        var range: IPPrefix?
        var gateway: IPAddress
        var reserved: [IPAddress] = []
        /// As it was asked for, for inspect.
        var json: JSONObject = [:]
    }

    var name = ""
    var driver = "bridge"
    var isInternal = false
    var isAttachable = false
    var hasIPv4 = true
    var hasIPv6 = false
    var pools: [Pool] = []
    var options: JSONObject = [:]
    var labels: JSONObject = [:]

    init(_ body: JSONObject) throws(NetworkError) {
        name = try NetworkRequest.text(body, "Name") ?? ""
        if let fault = NetworkName.fault(in: name) {
            throw NetworkError(400, "the network's name \"\(name)\" \(fault)")
        }
        if let driver = try NetworkRequest.text(body, "Driver"), !driver.isEmpty { self.driver = driver }
        isInternal = try NetworkRequest.flag(body, "Internal") ?? false
        isAttachable = try NetworkRequest.flag(body, "Attachable") ?? false
        hasIPv4 = try NetworkRequest.flag(body, "EnableIPv4") ?? true
        let wantsIPv6 = try NetworkRequest.flag(body, "EnableIPv6")
        options = try NetworkRequest.texts(body, "Options")
        labels = try NetworkRequest.texts(body, "Labels")
        try NetworkRequest.refuseCluster(body)
        guard let ipam = body["IPAM"], ipam != .null else {
            hasIPv6 = wantsIPv6 ?? false
            try requireFamily()
            return
        }
        guard let ipam = ipam.object else {
            throw NetworkError(400, "\"IPAM\" is \(body["IPAM"]?.kind ?? "null"), not an object")
        }
        let driver = try NetworkRequest.text(ipam, "Driver") ?? ""
        guard ["", "default"].contains(driver) else {
            throw NetworkError(
                400,
                "IPAM driver \"\(driver)\" is not there: leave it out, or put a list of your own into /etc/cni/net.d")
        }
        guard try NetworkRequest.texts(ipam, "Options").isEmpty else {
            throw NetworkError(400, "the default IPAM driver takes no options: leave \"IPAM.Options\" out")
        }
        for entry in ipam["Config"]?.array ?? [] {
            guard let entry = entry.object else {
                throw NetworkError(400, "\"IPAM.Config\" holds \(entry.kind), not an object")
            }
            if let pool = try NetworkRequest.pool(entry) { pools.append(pool) }
        }
        hasIPv6 = wantsIPv6 ?? pools.contains { $0.subnet.family == .v6 }
        try judgePools()
        try requireFamily()
    }

    private func requireFamily() throws(NetworkError) {
        guard hasIPv4 || hasIPv6 else {
            throw NetworkError(400, "network \"\(name)\" has neither IPv4 nor IPv6: switch one of them on")
        }
    }

    private func judgePools() throws(NetworkError) {
        for family in AddressFamily.allCases {
            let own = pools.filter { $0.subnet.family == family }
            if own.count > 1 {
                throw NetworkError(
                    400,
                    "network \"\(name)\" has \(own.count) IPv\(family.rawValue) subnets (\(own.map { "\($0.subnet)" }.joined(by: ", "))): one of a family"
                )
            }
            if let pool = own.first, !(family == .v4 ? hasIPv4 : hasIPv6) {
                throw NetworkError(
                    400,
                    "subnet \(pool.subnet) is of IPv\(family.rawValue), which is switched off for network \"\(name)\": ask for it (\(family == .v4 ? "EnableIPv4" : "--ipv6"))"
                )
            }
        }
    }

    /// Nil for an entry that asks for nothing.
    private static func pool(_ entry: JSONObject) throws(NetworkError) -> Pool? {
        let subnetText = try text(entry, "Subnet") ?? ""
        let rangeText = try text(entry, "IPRange") ?? ""
        let gatewayText = try text(entry, "Gateway") ?? ""
        let auxiliary = try texts(entry, "AuxiliaryAddresses")
        if subnetText.isEmpty {
            guard rangeText.isEmpty, gatewayText.isEmpty, auxiliary.isEmpty else {
                throw NetworkError(400, "IPRange, Gateway and AuxiliaryAddresses need a Subnet that they lie in")
            }
            return nil
        }
        guard let subnet = IPPrefix(subnetText) else {
            throw NetworkError(400, "invalid subnet \(subnetText): write it as 10.5.0.0/24")
        }
        guard subnet.isNetwork else {
            throw NetworkError(400, "invalid subnet \(subnet): it should be \(subnet.network)")
        }
        guard subnet.length <= subnet.family.bits - 2 else {
            throw NetworkError(400, "invalid subnet \(subnet): it has no room for a gateway and a container")
        }
        let first = subnet.first
        guard !first.isLoopback, !first.isMulticast, !first.isLinkLocal, subnet.length > 0 else {
            throw NetworkError(400, "invalid subnet \(subnet): containers cannot have such addresses")
        }
        let within = { (text: String, what: String) throws(NetworkError) -> IPAddress in
            guard let address = IPAddress(text) else { throw NetworkError(400, "invalid \(what) \(text): no address") }
            guard subnet.contains(address) else {
                throw NetworkError(400, "no matching subnet for \(what) \(address): it does not lie in \(subnet)")
            }
            return address
        }
        let gateway = gatewayText.isEmpty ? first.advanced(by: 1) : try within(gatewayText, "gateway")
        guard let gateway, gateway != first, subnet.family == .v6 || gateway != subnet.last else {
            throw NetworkError(
                400, "invalid gateway \(gatewayText): it is the network's or the broadcast address of \(subnet)")
        }
        var pool = Pool(subnet: subnet, gateway: gateway)
        pool.json = ["Subnet": .string("\(subnet)")]
        if !rangeText.isEmpty {
            guard let range = IPPrefix(rangeText)?.network else {
                throw NetworkError(400, "invalid IP range \(rangeText): write it as 10.5.0.128/25")
            }
            guard range.family == subnet.family, subnet.contains(range.first), subnet.contains(range.last) else {
                throw NetworkError(400, "no matching subnet for range \(range): it does not lie in \(subnet)")
            }
            pool.range = range
            pool.json["IPRange"] = .string("\(range)")
        }
        pool.json["Gateway"] = .string("\(gateway)")
        if !auxiliary.isEmpty {
            for (_, value) in auxiliary { pool.reserved.append(try within(value.string ?? "", "auxiliary address")) }
            pool.json["AuxiliaryAddresses"] = .object(auxiliary)
        }
        return pool
    }

    private static func refuseCluster(_ body: JSONObject) throws(NetworkError) {
        let scope = try text(body, "Scope") ?? ""
        guard ["", "local"].contains(scope) else {
            throw NetworkError(400, "scope \"\(scope)\" is a swarm's: networks here are local")
        }
        for key in ["Ingress", "ConfigOnly"] where try flag(body, key) == true {
            throw NetworkError(400, "\"\(key)\": true asks for a swarm's network: networks here are local")
        }
        if let from = body["ConfigFrom"]?["Network"]?.string, !from.isEmpty {
            throw NetworkError(
                400,
                "\"ConfigFrom\" \"\(from)\" asks for a configuration network, which are not supported: say the keys here"
            )
        }
    }

    private static func text(_ object: JSONObject, _ key: String) throws(NetworkError) -> String? {
        guard let value = object[key], value != .null else { return nil }
        guard let text = value.string else { throw NetworkError(400, "\"\(key)\" is \(value.kind), not a string") }
        return text
    }

    private static func flag(_ object: JSONObject, _ key: String) throws(NetworkError) -> Bool? {
        guard let value = object[key], value != .null else { return nil }
        guard let flag = value.bool else { throw NetworkError(400, "\"\(key)\" is \(value.kind), not a boolean") }
        return flag
    }

    private static func texts(_ object: JSONObject, _ key: String) throws(NetworkError) -> JSONObject {
        guard let value = object[key], value != .null else { return [:] }
        guard let texts = value.object, texts.allSatisfy({ $0.value.string != nil }) else {
            throw NetworkError(400, "\"\(key)\" is not an object of strings")
        }
        return texts
    }
}
