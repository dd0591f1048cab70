import Glibc
import JSON
import NetCore

/// OCI `linux.resources`, read and judged: what is nil or empty was not asked for.
struct CgroupResources: Sendable {
    /// A figure for a block device: a weight, bytes or operations a second.
    struct DeviceFigure: Hashable, Sendable {
        let major: Int64
        let minor: Int64
        let value: Int64
    }

    struct Throttle: Hashable, Sendable {
        let isWrite: Bool
        let isOperations: Bool
        let figure: DeviceFigure
    }

    /// Bytes, -1 for no limit. `swap` is memory and swap together, as v1 counts.
    var memory: Int64?
    var reservation: Int64?
    var swap: Int64?
    var swappiness: Int64?
    var disablesOOMKiller = false
    var checksBeforeUpdate = false

    var shares: Int64?
    /// Microseconds, -1 for no limit.
    var quota: Int64?
    var period: Int64?
    var burst: Int64?
    var isIdle: Int64?
    var realtimeRuntime: Int64?
    var realtimePeriod: Int64?
    var cpus: String?
    var mems: String?

    /// -1 for no limit.
    var pids: Int64?
    var weight: Int64?
    var weights: [DeviceFigure] = []
    var throttles: [Throttle] = []
    var hugepages: [(size: String, limit: Int64)] = []
    var devices: [DeviceRule] = []
    var unified: [(file: String, value: String)] = []
    var classID: Int64?
    var priorities: [(interface: String, priority: Int64)] = []

    init() {}

    /// Throws EINVAL with the key for a value that no kernel takes. Unknown keys are not looked at (OCI, "Extensibility").
    init(_ object: JSONObject) throws(KernelError) {
        try readMemory(ResourceObject(object, "memory"))
        try readCPU(ResourceObject(object, "cpu"))
        pids = try ResourceObject(object, "pids").limit("limit", 1...(1 << 22))
        try readBlockIO(ResourceObject(object, "blockIO"))
        for entry in try ResourceObject.list(object, "hugepageLimits", "linux.resources") {
            let size = try entry.need(entry.text("pageSize"), "pageSize")
            guard !size.utf8.contains(UInt8(ascii: "/")) else {
                throw entry.refused("pageSize", "\(size) is no size of a page: 2MB, 1GB")
            }
            hugepages.append((size, try entry.need(entry.integer("limit", 0...Int64.max), "limit")))
        }
        for entry in try ResourceObject.list(object, "devices", "linux.resources") {
            devices.append(try DeviceRule(entry))
        }
        try readUnified(ResourceObject(object, "unified"))
        let network = try ResourceObject(object, "network")
        classID = try network.integer("classID", 0...Int64(UInt32.max))
        for entry in try ResourceObject.list(network.object, "priorities", network.name) {
            priorities.append(
                (
                    try entry.need(entry.text("name"), "name"),
                    try entry.need(entry.integer("priority", 0...Int64(UInt32.max)), "priority")
                ))
        }
        if let rdma = object["rdma"]?.object, !rdma.isEmpty {
            throw KernelError(
                "read linux.resources.rdma", .notSupported, "limits of RDMA devices are not served: leave them out")
        }
    }

    private mutating func readMemory(_ object: ResourceObject) throws(KernelError) {
        memory = try object.limit("limit", 1...Int64.max)
        reservation = try object.limit("reservation", 1...Int64.max)
        swap = try object.limit("swap", 1...Int64.max)
        // Docker and podman say "not asked for" by -1 too.
        if let value = try object.integer("swappiness", -1...100), value >= 0 { swappiness = value }
        disablesOOMKiller = try object.flag("disableOOMKiller")
        checksBeforeUpdate = try object.flag("checkBeforeUpdate")
        if memory == -1, swap == nil { swap = -1 }
        if let memory, let swap, swap >= 0, memory < 0 || swap < memory {
            throw object.refused(
                "swap",
                "\(swap) is memory and swap together, and less than the limit of memory, "
                    + "\(memory < 0 ? "none" : "\(memory)"): raise it, or lower memory.limit")
        }
        if let memory, let reservation, memory >= 0, reservation > memory {
            throw object.refused("reservation", "\(reservation) is more than the limit, \(memory)")
        }
    }

    private mutating func readCPU(_ object: ResourceObject) throws(KernelError) {
        if let value = try object.integer("shares", 0...Int64.max), value > 0 { shares = min(max(value, 2), 262_144) }
        if let value = try object.integer("quota", -1...(1 << 44)), value != 0 {
            guard value < 0 || value >= 1000 else {
                throw object.refused("quota", "\(value) µs: the kernel takes 1000 and more, or -1 for none")
            }
            quota = value
        }
        if let value = try object.integer("period", 0...1_000_000), value != 0 {
            guard value >= 1000 else { throw object.refused("period", "\(value) µs: the kernel takes 1000 to 1000000") }
            period = value
        }
        burst = try object.integer("burst", 0...Int64.max)
        isIdle = try object.integer("idle", 0...1)
        if let value = try object.integer("realtimeRuntime", -1...Int64.max), value != 0 { realtimeRuntime = value }
        if let value = try object.integer("realtimePeriod", 0...Int64.max), value != 0 { realtimePeriod = value }
        cpus = try list(object, "cpus")
        mems = try list(object, "mems")
    }

    private func list(_ object: ResourceObject, _ key: String) throws(KernelError) -> String? {
        guard let text = try object.text(key), !text.isEmpty else { return nil }
        guard let set = CPUSet(text), !set.members.isEmpty else {
            throw object.refused(key, "\"\(text)\" is no list of numbers like 0-3,5")
        }
        return text
    }

    private mutating func readBlockIO(_ object: ResourceObject) throws(KernelError) {
        if let value = try object.integer("weight", 0...1000), value != 0 {
            guard value >= 10 else { throw object.refused("weight", "\(value): 10 to 1000") }
            weight = value
        }
        for key in ["leafWeight"] where try object.integer(key, 0...1000) ?? 0 != 0 {
            throw object.refused(key, "no kernel since 5.0 has it: use weight")
        }
        for entry in try ResourceObject.list(object.object, "weightDevice", object.name) {
            if try entry.integer("weight", 0...1000) ?? 0 == 0 { continue }
            weights.append(try figure(entry, "weight", 10...1000))
        }
        for (key, isWrite, isOperations) in [
            ("throttleReadBpsDevice", false, false), ("throttleWriteBpsDevice", true, false),
            ("throttleReadIOPSDevice", false, true), ("throttleWriteIOPSDevice", true, true),
        ] {
            for entry in try ResourceObject.list(object.object, key, object.name) {
                let figure = try figure(entry, "rate", 0...Int64.max)
                throttles.append(Throttle(isWrite: isWrite, isOperations: isOperations, figure: figure))
            }
        }
    }

    private func figure(
        _ entry: ResourceObject, _ key: String, _ range: ClosedRange<Int64>
    ) throws(KernelError) -> DeviceFigure {
        DeviceFigure(
            major: try entry.need(entry.integer("major", 0...4095), "major"),
            minor: try entry.need(entry.integer("minor", 0...1_048_575), "minor"),
            value: try entry.need(entry.integer(key, range), key))
    }

    private mutating func readUnified(_ object: ResourceObject) throws(KernelError) {
        for (key, value) in object.object {
            guard case .string(let text) = value else { throw object.refused(key, "it is \(value.kind), not a string") }
            // cgroup.procs, cgroup.subtree_control and the like are the runtime's own.
            guard !key.isEmpty, !key.hasPrefix("cgroup."), !key.utf8.contains(UInt8(ascii: "/")), key.contains(".")
            else {
                throw object.refused(key, "no file of a controller, such as memory.high")
            }
            unified.append((key, text))
        }
    }
}
