import CNI
import JSON
import NetCore

extension NetworkStore {
    /// Docker's Network object.
    func object(_ network: StoredNetwork) throws(NetworkError) -> JSONObject {
        let known = network.known
        let subnets = network.subnets
        let config: [JSON]
        if let asked = known["ipam"]?.array {
            config = asked
        } else {
            config = subnets.map { subnet, gateway in
                var entry: JSONObject = ["Subnet": .string("\(subnet)")]
                if let gateway { entry["Gateway"] = .string("\(gateway)") }
                return .object(entry)
            }
        }
        var containers = JSONObject()
        for entry in try files.held(network.name) where !entry.isAttaching {
            let address = { (family: AddressFamily) in
                entry.addresses.first { IPPrefix($0)?.family == family } ?? ""
            }
            containers[entry.containerID] = [
                "Name": .string(entry.containerName), "EndpointID": .string(entry.endpointID),
                "MacAddress": .string(entry.macAddress), "IPv4Address": .string(address(.v4)),
                "IPv6Address": .string(address(.v6)),
            ]
        }
        let hasLists = network.kind != .host && network.kind != .none
        return [
            "Name": .string(network.name), "Id": .string(network.id),
            "Created": .string(known["created"]?.string ?? "1970-01-01T00:00:00Z"), "Scope": "local",
            "Driver": .string(network.driver),
            "EnableIPv4": .bool(!hasLists || subnets.isEmpty || subnets.contains { $0.subnet.family == .v4 }),
            "EnableIPv6": .bool(subnets.contains { $0.subnet.family == .v6 }),
            "IPAM": ["Driver": "default", "Options": .null, "Config": .array(config)],
            "Internal": .bool(network.isInternal), "Attachable": .bool(known["attachable"]?.bool ?? false),
            "Ingress": false, "ConfigFrom": ["Network": ""], "ConfigOnly": false, "Containers": .object(containers),
            "Options": .object(known["options"]?.object ?? [:]), "Labels": .object(known["labels"]?.object ?? [:]),
        ]
    }
}
