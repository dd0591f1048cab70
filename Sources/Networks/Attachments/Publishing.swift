import CNI
import JSON
import NetCore

extension NetworkStore {
    /// The running container's published ports are those (berth publish add, rm); what goes has its flows forgotten.
    ///
    /// portmap keeps one set of ports an attachment. So the new set is published by a second, passing attachment of the same
    /// container, to which portmap yields what both have; then the first is taken away, made anew, and inherits from the second:
    /// a port that stays is never down (docs/runtime/networks.md). Throws 409 with everything as before.
    public func publish(
        _ ports: [PublishedPort], _ containerID: String, namespace: String, on attached: AttachedNetwork
    ) throws(NetworkError) -> AttachedNetwork {
        let network = try find(attached.network)
        guard let plugin = portmap(of: network) else {
            throw NetworkError(400, "network \(network.name) publishes no ports: its list has no portmap")
        }
        let chain = ChainProgram(
            store: self, containerID: containerID, interface: attached.interface, namespace: namespace)
        let cache = ResultCache(files.cache)
        guard let name = LinkName(attached.interface) else {
            throw NetworkError(400, "the attachment to network \(network.name) has no interface")
        }
        let attachment = Attachment(network: network.name, containerID: containerID, interface: name)
        guard case .attachment(var cached) = cache.entry(attachment), let result = cached.result else {
            throw NetworkError(409, "container \(containerID.prefix(12)) is not attached to network \(network.name)")
        }
        var configuration = plugin.removing("capabilities")
        configuration["cniVersion"] = network.list["cniVersion"] ?? "1.0.0"
        configuration["prevResult"] = result

        var answer = attached
        try mark(containerID, network, isPublishing: true)
        var choice = PortChoice(ports)
        while true {
            let complete = try choice.next()
            let mappings = try self.mappings(complete, network)
            configuration["runtimeConfig"] = ["portMappings": .array(mappings)]
            do throws(ChainRefusal) {
                try exchange(chain, configuration, network)
                answer.ports = complete
                var capabilities = cached.parameters.capabilities
                capabilities["portMappings"] = mappings.isEmpty ? nil : .array(mappings)
                cached = try rewritten(cached, capabilities)
                break
            } catch {
                guard error.code == CNIErrorCode.portConflict.rawValue, choice.refuse(error.message) else {
                    throw try named(error).error("failed to publish ports on network \(network.name)")
                }
            }
        }
        try answering("remember the published ports") { () throws(KernelError) in try cache.write(cached) }
        try mark(containerID, network, isPublishing: false)
        return answer
    }

    private func portmap(of network: StoredNetwork) -> JSONObject? {
        (network.list["plugins"]?.array ?? []).lazy.compactMap(\.object).first { $0["type"]?.string == "portmap" }
    }

    /// The passing attachment's network: no network of anybody's has a name of that kind and length.
    func passing(_ network: StoredNetwork) -> String { "berth.publish.\(network.id.prefix(32))" }

    private func exchange(
        _ chain: ChainProgram, _ configuration: JSONObject, _ network: StoredNetwork
    ) throws(ChainRefusal) {
        var own = configuration
        own["name"] = .string(network.name)
        var passing = configuration
        passing["name"] = .string(self.passing(network))
        // The container's address has one element that rewrites sources, and the first attachment holds it.
        passing["snat"] = false
        // What an exchange left that was killed.
        try chain.call("portmap", "DEL", passing)
        try chain.call("portmap", "ADD", passing)
        do throws(ChainRefusal) {
            try chain.call("portmap", "DEL", own)
            try chain.call("portmap", "ADD", own)
        } catch {
            // The passing one stays: the ports are published, and the next exchange or DEL takes it away.
            throw error
        }
        try chain.call("portmap", "DEL", passing)
    }

    /// For who detaches after an exchange that was killed.
    func endPublishing(_ chain: ChainProgram, _ network: StoredNetwork) throws(NetworkError) {
        let configuration: JSONObject = [
            "cniVersion": "1.0.0", "name": .string(passing(network)), "type": "portmap",
        ]
        do throws(ChainRefusal) {
            try chain.call("portmap", "DEL", configuration)
        } catch {
            throw error.error("failed to detach from network \(network.name)")
        }
    }

    private func mark(_ containerID: String, _ network: StoredNetwork, isPublishing: Bool) throws(NetworkError) {
        try files.locked { () throws(NetworkError) in
            guard var entry = try files.held(containerID, network.name) else {
                throw NetworkError(
                    409, "container \(containerID.prefix(12)) is not attached to network \(network.name)")
            }
            entry.isPublishing = isPublishing
            do throws(NetworkError) {
                try files.write(entry, network.name)
            } catch  where error.isFull && !isPublishing {
                // Its detach looks after what an exchange may have left, and finds nothing.
            }
        }
    }

    private func rewritten(_ cached: CachedAttachment, _ capabilities: JSONObject) throws(ChainRefusal)
        -> CachedAttachment
    {
        var parameters = cached.parameters
        parameters.capabilities = capabilities
        return CachedAttachment(
            network: cached.network, parameters: parameters, configuration: cached.configuration, result: cached.result,
            owner: cached.owner)
    }
}
