import Glibc
import JSON
import NetCore

/// A control group: one directory in each hierarchy of this host, v1, v2 or both (man 7 cgroups).
public struct Cgroup: Sendable {
    /// The OCI cgroupsPath, absolute under every hierarchy's root: "/berth/ID".
    public let path: String
    /// Every hierarchy that can be reached; the group need not exist there.
    public let hierarchies: [CgroupHierarchy]

    /// The host's hierarchies by /proc/self/mountinfo and /proc/self/cgroup; nothing is made yet. Throws EINVAL for a path that
    /// cannot be one.
    public init(path: String) throws(KernelError) {
        try Cgroup.judge(path)
        self.path = path
        hierarchies = try CgroupHierarchy.all()
    }

    /// Throws EINVAL for a path that cannot be a group's.
    public static func judge(_ path: String) throws(KernelError) {
        guard let fault = fault(in: path) else { return }
        throw KernelError("use \"\(path)\" as a control group's path", .invalidArgument, fault)
    }

    /// What is wrong with a path, as a sentence; nil for a good one.
    static func fault(in path: String) -> String? {
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        if path.utf8.contains(UInt8(ascii: ":")), !path.hasPrefix("/") {
            return "that is systemd's form, slice:prefix:name, which is not served: let the caller use cgroupfs "
                + "(podman --cgroup-manager=cgroupfs, SystemdCgroup=false for containerd)"
        }
        guard path.hasPrefix("/"), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            return "it must be absolute, such as /berth/web, without empty parts, . and .."
        }
        if parts.contains(where: { $0.utf8.count > 255 }) || path.utf8.count > 3500 {
            return "a part of it is too long"
        }
        if path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "it has control characters" }
        return nil
    }

    /// The group exists in every hierarchy with these limits (OCI `linux.resources`), before any process is in it; on failure
    /// what was made is gone. Throws EEXIST for one with processes, EINVAL or EOPNOTSUPP, and has made nothing, for a request that this host cannot meet.
    public func make(_ resources: JSONObject?) throws(KernelError) {
        let wanted = try CgroupResources(resources ?? JSONObject())
        try require(wanted)
        for hierarchy in hierarchies { try hierarchy.respectDelegation(path) }
        if let process = try pids().first {
            throw KernelError(
                "make the control group \(path)", .alreadyExists,
                "process \(process) is in it: another container uses it; take another cgroupsPath, or end that one")
        }
        var made = MadeGroups()
        do throws(KernelError) {
            for hierarchy in hierarchies where isWorthJoining(hierarchy, wanted) {
                do throws(KernelError) {
                    try hierarchy.make(path, wanted, &made)
                } catch {
                    // A hierarchy that is not ours to change matters only to who wants something of it.
                    let isClosed = [.readOnly, .accessDenied, .notPermitted].contains(error.errno)
                    guard isClosed, !wanted.needed.contains(where: { hierarchy.serves($0.controller) }) else {
                        throw error
                    }
                }
            }
            try write(wanted, isUpdate: false)
            // One that was left over, empty, may be frozen.
            if isFrozen { try thaw() }
        } catch {
            made.undo()
            throw error
        }
    }

    /// The group has these limits from now on; what is not named stays. On failure all is as before.
    public func apply(_ resources: JSONObject) throws(KernelError) {
        let wanted = try CgroupResources(resources)
        try require(wanted)
        for (controller, key) in wanted.needed where !present.contains(where: { $0.serves(controller) }) {
            throw KernelError(
                "set linux.resources.\(key) of the control group \(path)", .noSuchFile,
                present.isEmpty
                    ? "it does not exist: has the container ended?"
                    : "it is not in the hierarchy of \(controller): ask for it when the container is made")
        }
        try write(wanted, isUpdate: true)
    }

    /// Whether this host gives containers a controller, by its v2 name: memory, cpu, cpuset, pids, io, hugetlb, devices.
    public func offers(_ controller: String) -> Bool { hierarchy(of: controller) != nil }

    /// Where containers' memory and processes are limited on this host: v1 on a hybrid one.
    public var version: CgroupVersion { hierarchies.allSatisfy { $0.version == .v2 } ? .v2 : .v1 }

    /// Whether `memory.swap` can be set: some kernels do not count it.
    public var accountsForSwap: Bool {
        guard let hierarchy = hierarchy(of: "memory") else { return false }
        if hierarchy.version == .v1 { return hierarchy.has("/", file: "memory.memsw.limit_in_bytes") }
        // The root has no limits; where no other group shows them, a kernel with swap counts it.
        let shown = ([path, hierarchy.own] + Cgroup.ancestors(of: path)).first { hierarchy.has($0, file: "memory.max") }
        return shown.map { hierarchy.has($0, file: "memory.swap.max") } ?? Files.exists("/proc/swaps")
    }

    /// Beside v1 with a freezer, v2 is only for a controller that is there alone: to move a process into a v2 group takes the
    /// kernel milliseconds (`add`).
    func isWorthJoining(_ hierarchy: CgroupHierarchy, _ wanted: CgroupResources) -> Bool {
        hierarchy.version == .v1 || !hierarchies.contains { $0.version == .v1 && $0.controllers.contains("freezer") }
            || wanted.needed.contains { self.hierarchy(of: $0.controller)?.version == .v2 }
    }

    /// The hierarchies in which the group exists.
    var present: [CgroupHierarchy] { hierarchies.filter { $0.has(path) } }

    /// The hierarchy of a controller, by its v2 name.
    func hierarchy(of controller: String) -> CgroupHierarchy? { hierarchies.first { $0.serves(controller) } }

    /// Throws EOPNOTSUPP for what needs a controller that this host does not give us.
    func require(_ wanted: CgroupResources) throws(KernelError) {
        for (controller, key) in wanted.needed {
            let isV2Only = key.hasPrefix("unified")
            if hierarchies.contains(where: { $0.serves(controller) && ($0.version == .v2 || !isV2Only) }) { continue }
            throw KernelError(
                "set linux.resources.\(key)", .notSupported, CgroupAdvice.missing(controller, isV2Only, hierarchies))
        }
    }

    private func write(_ wanted: CgroupResources, isUpdate: Bool) throws(KernelError) {
        try checkUsage(wanted)
        var writes = CgroupTransaction(path)
        for hierarchy in present {
            switch hierarchy.version {
            case .v1:
                writes.add(
                    try wanted.v1Writes(hierarchy.controllers) { hierarchy.has(path, file: $0) }, in: hierarchy)
            case .v2:
                let controllers = (hierarchy.text(path, "cgroup.controllers") ?? "").split(separator: " ").map(
                    String.init)
                writes.add(try wanted.v2Writes(controllers) { hierarchy.text(path, $0) }, in: hierarchy)
            }
        }
        try writes.commit(undoing: isUpdate)
        // Last: it cannot fail for a value.
        if !wanted.devices.isEmpty, let hierarchy = hierarchy(of: "devices"), hierarchy.version == .v2,
            hierarchy.has(path)
        {
            try DeviceProgram(wanted.deviceRules).install(in: hierarchy.directory(path))
        }
    }

    /// `checkBeforeUpdate`: rather an error than an OOM kill. Throws EBUSY.
    private func checkUsage(_ wanted: CgroupResources) throws(KernelError) {
        guard wanted.checksBeforeUpdate, let limit = wanted.memory, limit >= 0,
            let usage = memoryUsage, usage > UInt64(limit)
        else { return }
        throw KernelError(
            "limit the memory of \(path) to \(CgroupAdvice.bytes(limit))", .busy,
            "it uses \(CgroupAdvice.bytes(Int64(clamping: usage))), and checkBeforeUpdate forbids to kill for it")
    }

    private var memoryUsage: UInt64? {
        guard let hierarchy = hierarchy(of: "memory") else { return nil }
        let file = hierarchy.version == .v2 ? "memory.current" : "memory.usage_in_bytes"
        return hierarchy.text(path, file).flatMap { UInt64($0) }
    }
}

extension CgroupHierarchy {
    /// Whether a controller, by its v2 name, is here. Devices are nobody's in v2: a program stands for them.
    func serves(_ controller: String) -> Bool {
        switch (version, controller) {
        case (.v1, "io"): controllers.contains("blkio")
        case (.v2, "devices"): true
        default: controllers.contains(controller)
        }
    }
}
