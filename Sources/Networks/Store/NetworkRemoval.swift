import Glibc
import JSON
import NetCore
import NetPlan

extension NetworkStore {
    /// Throws 403 for a predefined one and for one that has containers (it names them).
    public func remove(_ reference: String) throws(NetworkError) {
        let network = try find(reference)
        guard !network.kind.isPredefined else {
            throw NetworkError(403, "\(network.name) is a pre-defined network and cannot be removed")
        }
        guard network.kind != .foreign else {
            throw NetworkError(403, "network \(network.name) is an administrator's: remove \(network.file)")
        }
        try files.locked { () throws(NetworkError) in try removeUnused(network) }
    }

    /// Those that no container is on, but for the predefined, and of which `takes` says so (it gets Docker's Network object); gives
    /// their names.
    public func prune(_ takes: (JSONObject) -> Bool = { _ in true }) throws(NetworkError) -> [String] {
        var pruned: [String] = []
        for network in try all() where network.kind == .created {
            do throws(NetworkError) {
                guard takes(try self.network(network.id)) else { continue }
                try files.locked { () throws(NetworkError) in try removeUnused(network) }
                pruned.append(network.name)
            } catch  where error.status == 403 || error.status == 404 {
                // It is in use, or has gone.
            }
        }
        return pruned
    }

    /// Under the lock.
    private func removeUnused(_ network: StoredNetwork) throws(NetworkError) {
        let held = try files.held(network.name)
        guard held.isEmpty else {
            let names = held.map { entry in
                "\(entry.containerName.isEmpty ? String(entry.containerID.prefix(12)) : entry.containerName)"
            }
            throw NetworkError(
                403,
                "error while removing network: network \(network.name) has active endpoints (\(names.joined(by: ", "))): disconnect or stop them first"
            )
        }
        try endResponder(of: network)
        if let bridge = network.bridge.flatMap({ LinkName($0) }) { try removeBridge(bridge) }
        try files.remove(files.names(network.name))
        try removeLeases(network.name)
        try files.remove(files.list(network.name))
        try answering("remove network \(network.name)") { () throws(KernelError) in
            try Files.synchronizeDirectory(files.directory)
        }
    }

    /// A bridge of berth's making goes when nothing stands on it.
    private func removeBridge(_ name: LinkName) throws(NetworkError) {
        try answering("remove bridge \(name)") { () throws(KernelError) in
            var kernel = try LinuxKernel(state: StateDirectory(Inherited.value("BERTH_STATE_DIR") ?? "/run/berth"))
            if let unused = try kernel.unusedBridge(name) { try kernel.remove(bridge: unused) }
            if try kernel.link(name, .host) == nil { try kernel.forgetPolicy(of: name) }
        }
    }

    /// What host-local keeps of a network without containers: its lock and its cursors.
    private func removeLeases(_ network: String) throws(NetworkError) {
        try answering("remove the leases of network \(network)") { () throws(KernelError) in
            for directory in ["\(files.leases)/\(network)", "\(files.leases)/.berth/\(network)"] {
                let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: directory) }
                guard let names else { continue }
                for name in names { try Files.remove("\(directory)/\(name)") }
                try check("remove \(directory)") { rmdir(directory) }
            }
            try Files.remove("\(files.leases)/.berth/.\(network)")
        }
    }
}
