import JSON
import NetCore

/// The CNI list that a request becomes.
struct NetworkList: Sendable {
    let request: NetworkRequest
    let options: NetworkOptions
    let pools: [NetworkRequest.Pool]
    let bridge: String
    let id: String
    /// RFC 3339.
    let created: String
    /// Of host-local.
    let leases: String

    var json: JSONObject {
        var known: JSONObject = [
            "id": .string(id), "created": .string(created), "labels": .object(request.labels),
            "options": .object(request.options), "ipam": .array(pools.map { .object($0.json) }),
        ]
        if request.isInternal { known["internal"] = true }
        if request.isAttachable { known["attachable"] = true }
        let plugins: [JSON] =
            request.driver == "macvlan"
            ? [.object(macvlan)] : [.object(bridged), .object(portmap), .object(firewall), .object(tuning)]
        return [
            "cniVersion": "1.1.0", "name": .string(request.name), "loadOnlyInlinedPlugins": true,
            "plugins": .array(plugins), "berth": .object(known),
        ]
    }

    private var bridged: JSONObject {
        var plugin: JSONObject = [
            "type": "bridge", "bridge": .string(bridge), "isGateway": true,
            "ipMasq": .bool(options.masquerades && !request.isInternal), "hairpinMode": true,
            "capabilities": ["ips": true, "mac": true],
        ]
        if let mtu = options.mtu { plugin["mtu"] = .integer(mtu) }
        plugin["ipam"] = .object(ipam)
        return plugin
    }

    private var macvlan: JSONObject {
        var plugin: JSONObject = ["type": "macvlan", "capabilities": ["ips": true, "mac": true]]
        if let parent = options.parent { plugin["master"] = .string(parent) }
        if let mode = options.mode { plugin["mode"] = .string(mode) }
        if let mtu = options.mtu { plugin["mtu"] = .integer(mtu) }
        plugin["ipam"] = .object(ipam)
        return plugin
    }

    private var portmap: JSONObject {
        // A port of a program of the host is not taken from it.
        ["type": "portmap", "capabilities": ["portMappings": true], "hostSockets": "refuse"]
    }

    private var firewall: JSONObject {
        // As Docker: networks do not reach each other; with enable_icc=false neighbours neither.
        ["type": "firewall", "ingressPolicy": options.letsContainersTalk ? "same-bridge" : "isolated"]
    }

    private var tuning: JSONObject { ["type": "tuning", "capabilities": ["mac": true]] }

    private var ipam: JSONObject {
        var ipam: JSONObject = [
            "type": "host-local", "dataDir": .string(leases),
            "ranges": .array(pools.map { .array(NetworkList.ranges($0)) }),
        ]
        if !request.isInternal {
            ipam["routes"] = .array(pools.map { ["dst": $0.subnet.family == .v4 ? "0.0.0.0/0" : "::/0"] })
        }
        return ipam
    }

    /// What containers may get: the range without the reserved addresses, in pieces.
    static func ranges(_ pool: NetworkRequest.Pool) -> [JSON] {
        let within = pool.range ?? pool.subnet
        var first = within.first
        var last = within.last
        if first == pool.subnet.first, let next = first.advanced(by: 1) { first = next }
        if pool.subnet.family == .v4, last == pool.subnet.last, let before = last.predecessor { last = before }
        var pieces: [(IPAddress, IPAddress)] = []
        for reserved in Set(pool.reserved).sorted() where reserved >= first && reserved <= last {
            if reserved > first, let before = reserved.predecessor { pieces.append((first, before)) }
            guard let next = reserved.advanced(by: 1) else { break }
            first = next
        }
        if first <= last { pieces.append((first, last)) }
        return pieces.map { start, end in
            [
                "subnet": .string("\(pool.subnet)"), "rangeStart": .string("\(start)"), "rangeEnd": .string("\(end)"),
                "gateway": .string("\(pool.gateway)"),
            ]
        }
    }
}
