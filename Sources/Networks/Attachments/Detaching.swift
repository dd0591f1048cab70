import CNI
import JSON
import NetCore

extension NetworkStore {
    /// The names are gone, then the list's DEL. Done again, it does nothing. `namespace` may be gone.
    public func detach(_ containerID: String, namespace: String, from attached: AttachedNetwork) throws(NetworkError) {
        let network = try known(attached)
        let held = try hide(containerID, network)
        if network.kind != .host, network.kind != .none {
            let chain = ChainProgram(
                store: self, containerID: containerID,
                interface: attached.interface.isEmpty ? held?.interface ?? "eth0" : attached.interface,
                namespace: namespace)
            if held?.isPublishing == true { try endPublishing(chain, network) }
            do throws(ChainRefusal) {
                try chain.del(network)
            } catch {
                // Neither a list nor anything remembered: it is not attached.
                let isNowhere =
                    error.code == CNIErrorCode.invalidConfiguration.rawValue
                    && (network.file.isEmpty || !Files.exists(network.file))
                if !isNowhere { throw error.error("failed to detach from network \(network.name)") }
            }
        }
        try forget(containerID, network)
    }

    /// The container's names follow it: those of who asks are answered with the new one from now on.
    public func rename(_ containerID: String, to name: String) throws(NetworkError) {
        for network in try all() {
            try files.locked { () throws(NetworkError) in
                guard var entry = try files.held(containerID, network.name) else { return }
                entry.containerName = name
                let names = entry.names
                try files.write(entry, network.name)
                if !entry.isAttaching { try tellNames(of: network) { $0.put(names) } }
            }
        }
    }

    /// The network of an attachment, which may have gone.
    func known(_ attached: AttachedNetwork) throws(NetworkError) -> StoredNetwork {
        do throws(NetworkError) {
            return try find(attached.network)
        } catch  where error.status == 404 {
            return StoredNetwork(
                kind: .created, name: attached.network, id: attached.networkID, file: files.list(attached.network),
                list: [:])
        }
    }

    /// Its names go first, so that nobody is sent to an address that is free; the record stays until DEL is through.
    private func hide(_ containerID: String, _ network: StoredNetwork) throws(NetworkError) -> HeldAttachment? {
        try files.locked { () throws(NetworkError) in
            guard var entry = try files.held(containerID, network.name) else { return nil }
            // Also of one that is attaching: a daemon that was killed had told its names, and not yet written down that it had.
            try forgetNames(of: containerID, network)
            if !entry.isAttaching {
                entry.isAttaching = true
                // DEL can be done again, and a daemon that is killed here does: it need not be known how far the last one came.
                do throws(NetworkError) { try files.write(entry, network.name) } catch  where error.isFull {}
            }
            return entry
        }
    }
}
