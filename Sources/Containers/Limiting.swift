import JSON
import MiniRuntime
import NetCore

// A container that is held still, and one whose limits change.
extension Containers {
    public func pause(_ reference: String) throws(APIError) { try pause(reference, forCommit: false) }

    /// For a commit that is written down first: a daemon that finds the container so lets it go on.
    func pause(_ reference: String, forCommit isHeld: Bool) throws(APIError) {
        let container = try running(reference)
        // A check that is held still could not be ended.
        let health = container.now.health
        try container.alone { () throws(APIError) in
            guard container.now.isAlive else { throw APIError(409, "container \(container.id) is not running") }
            guard container.now.status == .running else {
                throw APIError(409, "container \(reference) is already paused")
            }
            if isHeld {
                container.state.change { $0.isHeld = true }
                try container.save()
            }
            endHealth(container, milliseconds: 2000)
            do throws(APIError) {
                try Faults.kernel("pause container \(container.shortID)") { () throws(KernelError) in
                    try Cgroup(path: container.cgroupPath(container.now.host)).freeze()
                }
            } catch {
                container.state.change {
                    $0.health = health
                    $0.isHeld = false
                }
                goOnWithHealth(container)
                throw error
            }
            container.state.change { if $0.status == .running { $0.status = .paused } }
            keep(container)
        }
        tell("pause", container)
    }

    public func unpause(_ reference: String) throws(APIError) {
        let container = try running(reference)
        try container.alone { () throws(APIError) in
            guard container.now.status == .paused else { throw APIError(409, "container \(reference) is not paused") }
            try Faults.kernel("let container \(container.shortID) go on") { () throws(KernelError) in
                try Cgroup(path: container.cgroupPath(container.now.host)).thaw()
            }
            container.state.change {
                if $0.status == .paused { $0.status = .running }
                $0.isHeld = false
            }
            goOnWithHealth(container)
            keep(container)
        }
        tell("unpause", container)
    }

    public func update(_ reference: String, _ body: JSONObject) throws(APIError) -> JSONObject {
        let container = try find(reference)
        var host = container.now.host
        for (key, value) in body
        where Containers.updatable.contains(key) && value != .integer(0) && value != "" && value != .null {
            host[key] = value
        }
        if let policy = body["RestartPolicy"]?.object, !(policy["Name"]?.string ?? "").isEmpty {
            host["RestartPolicy"] = .object(policy)
        }
        try Wish.judge(container.now, host: host)
        var resources = try Resources.document(host)
        resources["devices"] = nil
        var warnings: [JSON] = []
        // Written down first: without room for that nothing changes.
        let before = container.now.host
        container.state.change { $0.host = host }
        do throws(APIError) {
            try container.saveRequest()
            do throws(KernelError) {
                let group = try Cgroup(path: container.cgroupPath(host))
                warnings = try group.exceeding(resources).map { .string($0) }
                if container.now.isAlive { try group.apply(resources) }
            } catch {
                throw APIError(400, "Cannot update container \(container.shortID): \(error)")
            }
        } catch {
            container.state.change { $0.host = before }
            keep(container)
            throw error
        }
        tell("update", container)
        return ["Warnings": .array(warnings)]
    }

    private static let updatable: Set<String> = [
        "BlkioWeight", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "Memory", "MemorySwap",
        "MemoryReservation",
        "NanoCpus", "PidsLimit",
    ]
}
