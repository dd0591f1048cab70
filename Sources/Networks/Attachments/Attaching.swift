import CNI
import Glibc
import JSON
import NetCore

extension NetworkStore {
    /// The list's ADD, then the names. A failed ADD is followed by DEL. Throws 409 for a port in use (its holder is named).
    public func attach(_ wish: AttachmentWish, to network: String) throws(NetworkError) -> AttachedNetwork {
        let network = try find(network)
        var attached = AttachedNetwork()
        attached.network = network.name
        attached.networkID = network.id
        attached.aliases = wish.aliases
        attached.endpointID = Hex.text(Chance.bytes(32))
        let hasLists = network.kind != .host && network.kind != .none
        if hasLists { try judge(wish, network) }
        try reserve(wish, network, attached.endpointID)
        if hasLists {
            do throws(NetworkError) {
                try run(wish, network, &attached)
            } catch {
                if !error.isHalfMade { try forget(wish.containerID, network) }
                throw error
            }
        }
        do throws(NetworkError) {
            try record(wish, network, attached)
        } catch {
            // Without its names it is not attached.
            if hasLists {
                do throws(ChainRefusal) { try chain(wish).del(network) } catch let failure {
                    throw NetworkError(
                        500, "\(error); and undoing the attachment failed: \(failure.sentence)", isHalfMade: true)
                }
            }
            try forget(wish.containerID, network)
            throw error
        }
        return attached
    }

    /// What can be told before anything is made.
    func judge(_ wish: AttachmentWish, _ network: StoredNetwork) throws(NetworkError) {
        for text in wish.addresses {
            guard let address = IPAddress(String(text.prefix { $0 != "/" })) else {
                throw NetworkError(400, "invalid IP address: \(text)")
            }
            if network.kind == .standard {
                throw NetworkError(
                    400,
                    "user specified IP address is supported on user defined networks only: make one with network create"
                )
            }
            let subnets = network.subnets.map(\.subnet)
            if !subnets.isEmpty, !subnets.contains(where: { $0.contains(address) }) {
                throw NetworkError(
                    400,
                    "no configured subnet contains IP address \(address): network \(network.name) has \(subnets.map { "\($0)" }.joined(by: ", "))"
                )
            }
        }
        if let text = wish.macAddress, !text.isEmpty {
            guard let mac = MACAddress(text), !mac.isMulticast, !mac.isZero else {
                throw NetworkError(400, "invalid MAC address: \(text)")
            }
        }
        guard wish.ports.isEmpty || !network.isInternal else {
            throw NetworkError(
                400, "network \(network.name) is internal: nobody outside reaches it, leave out what publishes ports")
        }
        guard wish.ports.isEmpty || publishes(network) else {
            throw NetworkError(
                400,
                "network \(network.name) publishes no ports: its list has no plugin with the capability portMappings")
        }
    }

    func publishes(_ network: StoredNetwork) -> Bool {
        (network.list["plugins"]?.array ?? []).contains { $0["capabilities"]?["portMappings"]?.bool == true }
    }

    func chain(_ wish: AttachmentWish) -> ChainProgram {
        ChainProgram(
            store: self, containerID: wish.containerID, interface: wish.interface, namespace: wish.namespace)
    }

    /// The container is on the network from now on: the network cannot be removed, and who comes after a crash knows of it.
    private func reserve(_ wish: AttachmentWish, _ network: StoredNetwork, _ endpoint: String) throws(NetworkError) {
        try files.locked { () throws(NetworkError) in
            if network.kind == .created, try own(network.name)?.id != network.id {
                throw NetworkError(404, "network \(network.name) not found")
            }
            if let other = try files.held(wish.containerID, network.name) {
                guard other.isAttaching || other.boot != Host.bootID else {
                    throw NetworkError(
                        403, "endpoint with name \(wish.containerName) already exists in network \(network.name)")
                }
                // An attachment that was killed on its way, or of before a restart of the machine.
                do throws(ChainRefusal) {
                    try chain(wish).del(network)
                } catch {
                    throw error.error("clear away an attachment to network \(network.name) that was cut off")
                }
            }
            let entry = HeldAttachment(
                containerID: wish.containerID, containerName: wish.containerName, endpointID: endpoint,
                interface: wish.interface, aliases: wish.aliases, boot: Host.bootID)
            try files.write(entry, network.name)
        }
    }

    private func record(_ wish: AttachmentWish, _ network: StoredNetwork, _ attached: AttachedNetwork)
        throws(NetworkError)
    {
        try files.locked { () throws(NetworkError) in
            guard var entry = try files.held(wish.containerID, network.name) else {
                throw NetworkError(
                    409, "container \(wish.containerName) was detached from network \(network.name) meanwhile")
            }
            entry.isAttaching = false
            entry.addresses = attached.addresses
            entry.macAddress = attached.macAddress
            let names = entry.names
            do throws(NetworkError) {
                try tellNames(of: network) { $0.put(names) }
                try files.write(entry, network.name)
            } catch {
                do throws(NetworkError) { try forgetNames(of: wish.containerID, network) } catch {}
                throw error
            }
        }
    }

    /// Its names are gone already, where it had any.
    func forget(_ containerID: String, _ network: StoredNetwork) throws(NetworkError) {
        try files.locked { () throws(NetworkError) in try files.removeHeld(containerID, network.name) }
    }

    private func run(_ wish: AttachmentWish, _ network: StoredNetwork, _ attached: inout AttachedNetwork)
        throws(NetworkError)
    {
        var chain = chain(wish)
        var choice = PortChoice(wish.ports, beside: wish.takenPorts)
        while true {
            let ports = try choice.next()
            chain.capabilities = try capabilities(wish, network, ports)
            do throws(ChainRefusal) {
                attached.ports = ports
                try read(try chain.add(network), network, wish.interface, &attached)
                return try closeInternal(network)
            } catch {
                // It undoes itself, unless it was killed.
                if error.code != CNIErrorCode.interfaceExists.rawValue { try clearAway(chain, network, error) }
                guard error.code == CNIErrorCode.portConflict.rawValue, choice.refuse(error.message) else {
                    throw try named(error).error("failed to set up container networking on network \(network.name)")
                }
            }
        }
    }

    /// What a container sends by the bridge's own hardware address is not forwarded either.
    private func closeInternal(_ network: StoredNetwork) throws(ChainRefusal) {
        guard network.isInternal, let bridge = network.bridge else { return }
        do throws(KernelError) {
            try Sysctl.write("net/ipv4/conf/\(bridge)/forwarding", "0")
        } catch {
            throw ChainRefusal(code: 999, message: "\(error)", details: nil)
        }
    }

    /// Whose port it is, by name.
    func named(_ refusal: ChainRefusal) throws(NetworkError) -> ChainRefusal {
        guard refusal.code == CNIErrorCode.portConflict.rawValue else { return refusal }
        var held: [HeldAttachment] = []
        for network in try all() { held += try files.held(network.name) }
        return refusal.naming(held)
    }

    private func clearAway(_ chain: ChainProgram, _ network: StoredNetwork, _ first: ChainRefusal) throws(NetworkError)
    {
        do throws(ChainRefusal) {
            try chain.del(network)
        } catch {
            throw NetworkError(
                500,
                "failed to set up container networking on network \(network.name): \(first.sentence); and DEL failed: \(error.sentence)",
                isHalfMade: true)
        }
    }

    func capabilities(_ wish: AttachmentWish, _ network: StoredNetwork, _ ports: [PublishedPort])
        throws(NetworkError) -> JSONObject
    {
        var capabilities = JSONObject()
        if !ports.isEmpty { capabilities["portMappings"] = .array(try mappings(ports, network)) }
        if !wish.addresses.isEmpty { capabilities["ips"] = .array(wish.addresses.map { .string($0) }) }
        if let mac = wish.macAddress, !mac.isEmpty { capabilities["mac"] = .string(mac) }
        if !wish.aliases.isEmpty {
            capabilities["aliases"] = [network.name: .array(wish.aliases.map { .string($0) })]
        }
        return capabilities
    }

    func mappings(_ ports: [PublishedPort], _ network: StoredNetwork) throws(NetworkError) -> [JSON] {
        let standard = try NetworkOptions(network.known["options"]?.object ?? [:], driver: network.driver).hostAddress
        return ports.map { port in
            var mapping: JSONObject = [
                "hostPort": .integer(Int64(port.hostPort)), "containerPort": .integer(Int64(port.containerPort)),
                "protocol": .string(port.protocolName),
            ]
            let host = port.hostAddress.isEmpty ? standard ?? "" : port.hostAddress
            if !host.isEmpty { mapping["hostIP"] = .string(host) }
            return .object(mapping)
        }
    }

    func read(
        _ json: JSON, _ network: StoredNetwork, _ interface: String, _ attached: inout AttachedNetwork
    ) throws(ChainRefusal) {
        let result: CNIResult
        do throws(CNIError) {
            let version = json["cniVersion"]?.string.flatMap { SpecVersion(rawValue: $0) } ?? .latest
            result = try CNIResult(decoding: json, version: version)
        } catch {
            throw ChainRefusal(code: 999, message: "the network's result cannot be read: \(error)", details: nil)
        }
        let own = { (index: Int?) in
            guard let index, result.interfaces.indices.contains(index) else { return true }
            return result.interfaces[index].sandbox?.isEmpty == false
        }
        let ips = result.ips.filter { own($0.interface) }
        attached.interface = interface
        attached.addresses = ips.map { "\($0.address)" }
        attached.gateways = network.isInternal ? [] : ips.compactMap { $0.gateway.map { "\($0)" } }
        attached.macAddress =
            result.interfaces.first { $0.name == interface && $0.sandbox?.isEmpty == false }?.mac ?? ""
        attached.nameservers =
            network.hasNames ? network.nameservers.map { "\($0)" } : result.dns.nameservers
    }
}
