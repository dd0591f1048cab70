import JSON
import MiniRuntime
import NetCore
import Networks

// A container's networks: all of them at its start, one more or less while it runs.
extension Containers {
    /// The path of its network namespace, which exists, without any network; nil for the host's.
    func namespace(_ container: Container, _ undo: inout Undo) throws(APIError) -> String? {
        let mode = container.now.host["NetworkMode"]?.string ?? ""
        if mode == "host" { return nil }
        if let other = try other(mode, "NetworkMode") {
            guard other.now.isAlive else {
                throw APIError(409, "cannot join network of a non running container: \(other.id)")
            }
            return other.now.host["NetworkMode"]?.string == "host" ? nil : "/proc/\(other.now.pid)/ns/net"
        }
        // That of a user namespace was made with it.
        if container.now.map == nil {
            try Faults.kernel("make the network namespace of container \(container.shortID)") {
                () throws(KernelError) in
                _ = try NamedNamespace.add(container.id, directory: "\(home.run)/netns")
            }
            undo.add { [self] in forgetNamespaces(container) }
        }
        try Faults.kernel("bring up lo of container \(container.shortID)") { () throws(KernelError) in
            try Loopback.up(container.namespace)
        }
        return container.namespace
    }

    /// The networks that it is to have are written down before any is attached: a daemon that is killed in between knows what to
    /// take away.
    func planNetworks(_ container: Container) throws(APIError) {
        let now = container.now
        let mode = now.host["NetworkMode"]?.string ?? ""
        guard !["host", "none"].contains(mode), try other(mode, "NetworkMode") == nil else { return }
        let names = networkNames(now)
        let planned = names.enumerated().map { index, name in
            var attached = AttachedNetwork()
            attached.network = name
            attached.interface = "eth\(index)"
            return attached
        }
        container.state.change { $0.attached = planned }
        try container.save()
    }

    /// Every network that was planned is attached.
    func attachNetworks(_ container: Container, _ undo: inout Undo) throws(APIError) {
        let planned = container.now.attached
        guard !planned.isEmpty else { return }
        let ports = try Wish.ports(container.now)
        for (index, plan) in planned.enumerated() {
            do throws(APIError) {
                let attached = try attach(
                    container, to: plan.network, interface: plan.interface, ports: index == 0 ? ports : [])
                undo.add { [self] in detach(container, attached) }
                container.state.change { $0.attached[index] = attached }
            } catch {
                // A failed ADD was followed by DEL, and those after it were not tried.
                container.state.change { $0.attached.removeAll { $0.endpointID.isEmpty } }
                throw error
            }
        }
        try container.save()
    }

    /// The networks that its start attaches it to, eth0's first.
    func networkNames(_ now: ContainerState) -> [String] {
        let first = firstNetwork(now)
        return (now.isOffFirst ? [] : [first])
            + now.endpoints.keys.filter { !["default", first].contains($0) && !networks.isSame($0, first) }
    }

    /// The one that its mode names.
    func firstNetwork(_ now: ContainerState) -> String {
        let mode = now.host["NetworkMode"]?.string ?? ""
        return ["", "default"].contains(mode) ? "bridge" : mode
    }

    /// No start attaches it to that network any more, also where its mode names it: as Docker.
    func disconnected(_ state: inout ContainerState, from network: String) {
        state.endpoints[network] = nil
        let first = firstNetwork(state)
        if network == first || networks.isSame(network, first) {
            state.isOffFirst = true
            state.endpoints[first] = nil
            state.endpoints["default"] = nil
        }
    }

    /// The next start attaches it to that network.
    private func connected(_ state: inout ContainerState, to network: String, _ endpoint: JSONObject) {
        state.endpoints[network] = .object(endpoint)
        let first = firstNetwork(state)
        if network == first || networks.isSame(network, first) { state.isOffFirst = false }
    }

    /// One more network; what it got is the answer.
    func attach(_ container: Container, to name: String, interface: String, ports: [PublishedPort]) throws(APIError)
        -> AttachedNetwork
    {
        let wish = attachmentWish(container, to: name, interface: interface, ports: ports)
        do throws(NetworkError) {
            let attached = try networks.attach(wish, to: name)
            events.happened(
                "network", "connect", attached.networkID,
                [("container", container.id), ("name", name), ("type", "bridge")])
            return attached
        } catch {
            if error.isHalfMade { keepHalfMade(container, name, interface, error.description) }
            throw APIError(error.status, error.description)
        }
    }

    /// What it asks of a network.
    func attachmentWish(
        _ container: Container, to name: String, interface: String, ports: [PublishedPort]
    ) -> AttachmentWish {
        let now = container.now
        var wish = AttachmentWish()
        wish.containerID = container.id
        wish.containerName = now.name
        wish.namespace = container.namespace
        wish.interface = interface
        wish.ports = ports
        if ports.contains(where: { $0.lastHostPort > $0.hostPort }) {
            wish.takenPorts = table.read { $0.all }.filter { $0 !== container }.flatMap { $0.now.attached }.flatMap(
                \.ports)
        }
        let endpoint = now.endpoints[name]?.object ?? (name == "bridge" ? now.endpoints["default"]?.object : nil) ?? [:]
        let address = endpoint["IPAMConfig"]?["IPv4Address"]?.string ?? ""
        let address6 = endpoint["IPAMConfig"]?["IPv6Address"]?.string ?? ""
        wish.addresses = [address, address6].filter { !$0.isEmpty }
        let mac = endpoint["MacAddress"]?.string ?? ""
        let own = interface == "eth0" ? now.config["MacAddress"]?.string ?? "" : ""
        if !mac.isEmpty || !own.isEmpty { wish.macAddress = mac.isEmpty ? own : mac }
        wish.aliases = (endpoint["Aliases"]?.array ?? []).compactMap(\.string)
        return wish
    }

    /// Its network is gone; what could not be taken away is told in its state and tried again later.
    func detach(_ container: Container, _ attached: AttachedNetwork) {
        do throws(NetworkError) {
            try networks.detach(container.id, namespace: container.namespace, from: attached)
            container.state.change { $0.attached.removeAll { $0.interface == attached.interface } }
            events.happened(
                "network", "disconnect", attached.networkID,
                [("container", container.id), ("name", attached.network), ("type", "bridge")])
        } catch {
            container.state.change { $0.pendingDelete = error.description }
            retryLater(container)
        }
    }

    public func connect(_ reference: String, toNetwork network: String, endpoint: JSONObject) throws(APIError) {
        let container = try find(reference)
        try Wish.judge(endpoint: Body(endpoint, at: "EndpointConfig"))
        let network = try name(ofNetwork: network)
        try container.alone { () throws(APIError) in
            let now = container.now
            let mode = now.host["NetworkMode"]?.string ?? ""
            guard mode != "host", !mode.hasPrefix("container:") else {
                throw APIError(
                    403,
                    "container \(container.shortID) shares the network of \(mode): it cannot be connected to another")
            }
            guard !now.attached.contains(where: { $0.network == network || $0.networkID == network }) else {
                throw APIError(403, "endpoint with name \(now.name) already exists in network \(network)")
            }
            container.state.change { connected(&$0, to: network, endpoint) }
            if now.isAlive {
                let taken = Set(now.attached.map(\.interface))
                let free = (0..<1000).map { "eth\($0)" }.first { !taken.contains($0) } ?? "eth1000"
                // Written down before it is done, as at the start.
                var planned = AttachedNetwork()
                planned.network = network
                planned.interface = free
                container.state.change { [planned] in $0.attached.append(planned) }
                do throws(APIError) {
                    try container.save()
                    let attached = try attach(container, to: network, interface: free, ports: [])
                    container.state.change { $0.attached[$0.attached.count - 1] = attached }
                    do throws(APIError) { try container.save() } catch {
                        // A daemon that starts would take it for a connect that was cut.
                        detach(container, attached)
                        throw error
                    }
                } catch {
                    container.state.change {
                        // One that is half made stays, to be taken away later (`keepHalfMade`).
                        $0.attached.removeAll { $0.interface == free && $0.endpointID.isEmpty }
                        $0.endpoints[network] = nil
                        $0.isOffFirst = now.isOffFirst
                    }
                    keep(container)
                    throw error
                }
                return
            }
            do throws(APIError) { try container.saveRequest() } catch {
                container.state.change { $0.endpoints[network] = now.endpoints[network] }
                throw error
            }
        }
    }

    /// The name that is written down, whether a client says name or id. Throws 404.
    private func name(ofNetwork reference: String) throws(APIError) -> String {
        do throws(NetworkError) { return try networks.network(reference)["Name"]?.string ?? reference } catch {
            throw APIError(error.status, error.description)
        }
    }

    public func disconnect(_ reference: String, fromNetwork network: String, force: Bool) throws(APIError) {
        let container = try find(reference)
        try container.alone { () throws(APIError) in
            let now = container.now
            var network = network
            // Of a network that is gone what the container knows is enough.
            do throws(APIError) { network = try name(ofNetwork: network) } catch {}
            let attached = now.attached.first { $0.network == network || $0.networkID.hasPrefix(network) }
            let first = firstNetwork(now)
            let isPlanned = !now.isAlive && !now.isOffFirst && (network == first || networks.isSame(network, first))
            guard attached != nil || now.endpoints[network] != nil || isPlanned else {
                throw APIError(404, "container \(container.shortID) is not connected to the network \(network)")
            }
            if let attached {
                detach(container, attached)
                guard !container.now.attached.contains(where: { $0.interface == attached.interface }) else {
                    throw APIError(
                        500,
                        "disconnect container \(container.shortID) from network \(network): \(container.now.pendingDelete): it is kept as pending-delete, try again"
                    )
                }
            }
            container.state.change { disconnected(&$0, from: attached?.network ?? network) }
            keep(container)
        }
    }

    /// The running container's ports, as berth publish changes them: gives the ports that are published then.
    public func publish(_ reference: String, add: [PublishedPort], remove: [PublishedPort]) throws(APIError)
        -> [PublishedPort]
    {
        let container = try running(reference)
        return try container.alone { () throws(APIError) in
            guard let attached = container.now.attached.first else {
                throw APIError(
                    409, "container \(container.shortID) has no network of its own that a port could lead to")
            }
            guard !add.isEmpty || !remove.isEmpty else { return attached.ports }
            var ports = attached.ports
            for port in remove {
                let found = ports.firstIndex {
                    $0.containerPort == port.containerPort && $0.protocolName == port.protocolName
                        && (port.hostPort == 0 || port.hostPort == $0.hostPort)
                        && (port.hostAddress.isEmpty || port.hostAddress == $0.hostAddress)
                }
                guard let found else {
                    throw APIError(
                        404,
                        "container \(container.shortID) has no published port \(port.hostPort):\(port.containerPort)/\(port.protocolName): berth publish ls tells what it has"
                    )
                }
                ports.remove(at: found)
            }
            ports += add
            let after: AttachedNetwork
            do throws(NetworkError) {
                after = try networks.publish(ports, container.id, namespace: container.namespace, on: attached)
            } catch {
                throw APIError(error.status, error.description)
            }
            container.state.change { $0.attached[0] = after }
            keep(container)
            return after.ports
        }
    }
}
