import JSON
import NetCore

/// A description as JSON: as the holder is given it, and as it stands in the state file.
extension WorldDescription {
    var json: JSON {
        [
            "name": .string(name), "title": .string(title), "nodes": .array(nodes.map(\.json)),
            "cables": .array(cables.map { .array($0.ends.map(\.json)) }),
            "seed": seed.map { .integer(Int64($0)) } ?? .null,
        ]
    }

    /// Nil for anything that `json` did not write.
    init?(_ json: JSON) {
        guard let name = json["name"]?.string, let title = json["title"]?.string,
            let nodes = read(json["nodes"], { NodeDescription($0) }),
            let cables = read(
                json["cables"],
                { (pair) -> CableDescription? in
                    guard let ends = read(pair, { CableDescription.End($0) }), ends.count == 2 else { return nil }
                    return CableDescription(ends[0], ends[1])
                })
        else { return nil }
        self.init(name, title: title, nodes: nodes, cables: cables)
        seed = json["seed"]?.integer.map { Int($0) }
    }
}

extension NodeDescription {
    fileprivate var json: JSON {
        [
            "name": .string(name), "forwards": .bool(forwards), "loopback": .bool(loopback),
            "bridges": .array(bridges.map { ["name": .string($0.name), "addresses": texts($0.addresses)] }),
            "routes": .array(
                routes.map {
                    ["to": .string($0.destination.description), "via": .string($0.gateway.description)]
                }),
            "parameters": .array(parameters.map { ["path": .string($0.path), "value": .string($0.value)] }),
            "containers": .bool(hasContainers),
        ]
    }

    fileprivate init?(_ json: JSON) {
        guard let name = json["name"]?.string, let forwards = json["forwards"]?.bool,
            let loopback = json["loopback"]?.bool,
            let bridges = read(
                json["bridges"],
                { (json) -> BridgeDescription? in
                    guard let name = json["name"]?.string, let addresses = prefixes(json["addresses"]) else {
                        return nil
                    }
                    return BridgeDescription(name, addresses: addresses)
                }),
            let routes = read(
                json["routes"],
                { (json) -> RouteDescription? in
                    guard let target = json["to"]?.string.flatMap({ IPPrefix($0) }),
                        let gateway = json["via"]?.string.flatMap({ IPAddress($0) })
                    else { return nil }
                    return RouteDescription(target, via: gateway)
                }),
            let parameters = read(
                json["parameters"],
                { (json) -> Parameter? in
                    guard let path = json["path"]?.string, let value = json["value"]?.string else { return nil }
                    return Parameter(path, value)
                })
        else { return nil }
        self.init(name)
        (self.forwards, self.loopback) = (forwards, loopback)
        (self.bridges, self.routes, self.parameters) = (bridges, routes, parameters)
        hasContainers = json["containers"]?.bool ?? false
    }
}

extension CableDescription.End {
    fileprivate var json: JSON {
        [
            "node": .string(node), "link": .string(link), "addresses": texts(addresses),
            "bridge": bridge.map { .string($0) } ?? .null,
        ]
    }

    fileprivate init?(_ json: JSON) {
        guard let node = json["node"]?.string, let link = json["link"]?.string,
            let addresses = prefixes(json["addresses"])
        else { return nil }
        self.init(node, link, addresses: addresses, bridge: json["bridge"]?.string)
    }
}

private func texts(_ addresses: [IPPrefix]) -> JSON { .array(addresses.map { .string($0.description) }) }

private func prefixes(_ json: JSON?) -> [IPPrefix]? { read(json) { $0.string.flatMap { IPPrefix($0) } } }

/// Every element, or nil when one cannot be read.
private func read<Value>(_ json: JSON?, _ one: (JSON) -> Value?) -> [Value]? {
    guard let list = json?.array else { return nil }
    var values: [Value] = []
    for item in list {
        guard let value = one(item) else { return nil }
        values.append(value)
    }
    return values
}
