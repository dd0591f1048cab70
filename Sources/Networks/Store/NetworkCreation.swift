import CKernel
import Glibc
import JSON
import NetCore

extension NetworkStore {
    /// Docker's NetworkCreateRequest. Gives Id and Warning. Throws 400, 403, 409 (name or subnet taken: by what).
    public func create(_ body: JSONObject) throws(NetworkError) -> (id: String, warning: String) {
        let request = try NetworkRequest(body)
        if ["bridge", "host", "none", "default", "container"].contains(request.name) {
            throw NetworkError(
                403, "operation is not permitted on predefined \(request.name) network: take another name")
        }
        try NetworkStore.judge(driver: request.driver)
        let options = try NetworkOptions(request.options, driver: request.driver)
        if request.driver == "macvlan", options.parent == nil {
            throw NetworkError(400, "a macvlan network needs the host's link that it stands on: -o parent=eth0")
        }
        return try files.locked { () throws(NetworkError) in
            if let other = try all().first(where: { $0.name == request.name }) {
                let place = other.kind == .foreign ? " (\(other.file))" : ""
                throw NetworkError(409, "network with name \(request.name) already exists\(place)")
            }
            let id = Hex.text(Chance.bytes(32))
            let bridge = options.bridge ?? "br-\(id.prefix(12))"
            if request.driver == "bridge" { try requireFree(bridge) }
            let pools = try self.pools(request, bridge: bridge)
            try write(request, options, pools, bridge: bridge, id: id)
            return (id, "")
        }
    }

    private static func judge(driver: String) throws(NetworkError) {
        switch driver {
        case "bridge", "macvlan": return
        case "host", "null":
            throw NetworkError(403, "only one instance of \"\(driver)\" network is allowed")
        default:
            throw NetworkError(
                400,
                "driver \"\(driver)\" is not supported: take bridge or macvlan, or put a CNI list of your own into /etc/cni/net.d and use it by name"
            )
        }
    }

    /// No other network has the bridge, and no other link the name.
    private func requireFree(_ bridge: String) throws(NetworkError) {
        if let other = try all().first(where: { $0.bridge == bridge }) {
            throw NetworkError(403, "bridge \(bridge) is already that of network \"\(other.name)\": take another name")
        }
        let link = try answering("look for link \(bridge)") { () throws(KernelError) in
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            return try ignoring(.noSuchDevice) { () throws(KernelError) in try socket.link(bridge) }
        }
        if let link, link.kind != "bridge" {
            throw NetworkError(
                403, "link \(bridge) exists and is no bridge but \(link.kind ?? "a device"): take another name")
        }
    }

    /// Those asked for, judged, and what was left to us.
    private func pools(_ request: NetworkRequest, bridge: String) throws(NetworkError) -> [NetworkRequest.Pool] {
        let occupied = try occupied()
        var pools: [NetworkRequest.Pool] = []
        for family in AddressFamily.allCases where family == .v4 ? request.hasIPv4 : request.hasIPv6 {
            if let pool = request.pools.first(where: { $0.subnet.family == family }) {
                // A macvlan stands in a network that the host knows; a bridge that is there may have its address.
                if request.driver != "macvlan", let other = occupied.overlap(pool.subnet, beside: bridge) {
                    throw NetworkError(
                        403,
                        "invalid pool request: Pool overlaps with other one on this address space: \(pool.subnet) overlaps \(other.words)"
                    )
                }
                pools.append(pool)
                continue
            }
            guard let subnet = family == .v4 ? occupied.freeSubnet() : occupied.freeLocalSubnet(),
                let gateway = subnet.first.advanced(by: 1)
            else { throw NetworkStore.exhausted }
            pools.append(NetworkStore.pool(subnet, gateway))
        }
        return pools
    }

    private static func pool(_ subnet: IPPrefix, _ gateway: IPAddress) -> NetworkRequest.Pool {
        var pool = NetworkRequest.Pool(subnet: subnet, gateway: gateway)
        pool.json = ["Subnet": .string("\(subnet)"), "Gateway": .string("\(gateway)")]
        return pool
    }

    private static let exhausted = NetworkError(
        403,
        "could not find an available, non-overlapping IPv4 address pool: the host's routes and the networks leave no /24 of 172.16.0.0/12 and 10.0.0.0/8 free; name a subnet, or remove networks"
    )

    private func write(
        _ request: NetworkRequest, _ options: NetworkOptions, _ pools: [NetworkRequest.Pool], bridge: String, id: String
    ) throws(NetworkError) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let created = UniversalTime.text(now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
        let list = NetworkList(
            request: request, options: options, pools: pools, bridge: bridge, id: id, created: created,
            leases: files.leases)
        try files.write(files.list(request.name), list.json, isList: true)
    }

    /// The default network as `standard` would make it; nothing is made.
    func plannedStandard() throws(NetworkError) -> StoredNetwork {
        if let network = try own("bridge") { return network }
        let request = try NetworkRequest(["Name": "bridge"])
        let list = NetworkList(
            request: request, options: try NetworkOptions([:], driver: "bridge"), pools: [try standardPool()],
            bridge: try freeBridgeName(), id: Hex.text(Chance.bytes(32)), created: "", leases: files.leases)
        return StoredNetwork(
            kind: .standard, name: "bridge", id: Hex.text(Chance.bytes(32)), file: files.list("bridge"), list: list.json
        )
    }

    private func standardPool() throws(NetworkError) -> NetworkRequest.Pool {
        guard let subnet = try occupied().freeSubnet(), let gateway = subnet.first.advanced(by: 1) else {
            throw NetworkStore.exhausted
        }
        return NetworkStore.pool(subnet, gateway)
    }

    /// The default network; made, with the first subnet that is free, when it is first asked for. Throws 403 where none is.
    func standard() throws(NetworkError) -> StoredNetwork {
        if let network = try own("bridge") { return network }
        return try files.locked { () throws(NetworkError) in
            if let network = try own("bridge") { return network }
            let pool = try standardPool()
            let request = try NetworkRequest(["Name": "bridge"])
            let options = try NetworkOptions([:], driver: "bridge")
            try write(
                request, options, [pool], bridge: try freeBridgeName(),
                id: Hex.text(Chance.bytes(32)))
            guard let network = try own("bridge") else { throw NetworkError(500, "\(files.list("bridge")) vanished") }
            return network
        }
    }

    /// berth0, unless another daemon's network has it.
    private func freeBridgeName() throws(NetworkError) -> String {
        let taken = try answering("list the host's links") { () throws(KernelError) in
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            return Set(try socket.links().map(\.name))
        }
        let own = try all().compactMap(\.bridge)
        return (0..<1000).lazy.map { "berth\($0)" }.first { !taken.contains($0) && !own.contains($0) } ?? "berth0"
    }
}
