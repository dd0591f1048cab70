import NetCore

/// One value for one file of a group.
struct CgroupWrite: Hashable, Sendable {
    let controller: String
    let file: String
    let value: String
    /// The key of `linux.resources` that asks for it, for errors.
    let asked: String

    init(_ controller: String, _ file: String, _ value: String, _ asked: String = "") {
        self.controller = controller
        self.file = file
        self.value = value
        self.asked = asked.isEmpty ? controller : asked
    }
}

extension CgroupResources {
    /// Which controllers the request needs, by their v2 name, with the key that asks.
    var needed: [(controller: String, key: String)] {
        var needed: [(String, String)] = []
        func need(_ controller: String, _ keys: (String, Bool)...) {
            for (key, isAsked) in keys where isAsked {
                needed.append((controller, key))
                return
            }
        }
        need(
            "memory", ("memory.limit", (memory ?? -1) >= 0), ("memory.reservation", (reservation ?? -1) >= 0),
            ("memory.swap", (swap ?? -1) >= 0), ("memory.swappiness", swappiness != nil),
            ("memory.disableOOMKiller", disablesOOMKiller))
        need(
            "cpu", ("cpu.shares", shares != nil), ("cpu.quota", (quota ?? -1) >= 0), ("cpu.period", period != nil),
            ("cpu.burst", (burst ?? 0) > 0), ("cpu.idle", (isIdle ?? 0) > 0),
            ("cpu.realtimeRuntime", realtimeRuntime != nil), ("cpu.realtimePeriod", realtimePeriod != nil))
        need("cpuset", ("cpu.cpus", cpus != nil), ("cpu.mems", mems != nil))
        need("pids", ("pids.limit", (pids ?? -1) >= 0))
        need("io", ("blockIO.weight", weight != nil || !weights.isEmpty), ("blockIO.throttle…", !throttles.isEmpty))
        need("hugetlb", ("hugepageLimits", !hugepages.isEmpty))
        need("devices", ("devices", devices.contains { !$0.isAllowed }))
        need("net_cls", ("network.classID", (classID ?? 0) != 0))
        need("net_prio", ("network.priorities", !priorities.isEmpty))
        for (file, _) in unified { needed.append((String(file.prefix { $0 != "." }), "unified[\"\(file)\"]")) }
        return needed
    }

    /// The rules as a container gets them; none when no list was given.
    var deviceRules: [DeviceRule] {
        guard !devices.isEmpty else { return [] }
        return devices.last?.isEverything == true && devices.last?.isAllowed == true
            ? devices : devices + DeviceRule.always
    }

    /// What a v1 hierarchy with these controllers gets, in its order. `has` says which files the group has.
    func v1Writes(
        _ controllers: [String], has: (String) -> Bool
    ) throws(KernelError) -> [CgroupWrite] {
        var writes: [CgroupWrite] = []
        func add(_ controller: String, _ file: String, _ value: Int64?, _ key: String) {
            if let value { writes.append(CgroupWrite(controller, file, "\(value)", key)) }
        }
        if controllers.contains("memory") {
            add("memory", "memory.limit_in_bytes", memory, "memory.limit")
            // Without swap accounting "no limit" is what the host has anyway.
            if (swap ?? -1) >= 0 || has("memory.memsw.limit_in_bytes") {
                add("memory", "memory.memsw.limit_in_bytes", swap, "memory.swap")
            }
            add("memory", "memory.soft_limit_in_bytes", reservation, "memory.reservation")
            add("memory", "memory.swappiness", swappiness, "memory.swappiness")
            add("memory", "memory.oom_control", disablesOOMKiller ? 1 : nil, "memory.disableOOMKiller")
        }
        if controllers.contains("cpu") {
            add("cpu", "cpu.idle", isIdle == 0 && !has("cpu.idle") ? nil : isIdle, "cpu.idle")
            // An idle group has no shares.
            add("cpu", "cpu.shares", isIdle == 1 ? nil : shares, "cpu.shares")
            add("cpu", "cpu.rt_period_us", realtimePeriod, "cpu.realtimePeriod")
            add("cpu", "cpu.rt_runtime_us", realtimeRuntime, "cpu.realtimeRuntime")
            add("cpu", "cpu.cfs_period_us", period, "cpu.period")
            add("cpu", "cpu.cfs_quota_us", quota, "cpu.quota")
            add("cpu", "cpu.cfs_burst_us", burst == 0 && !has("cpu.cfs_burst_us") ? nil : burst, "cpu.burst")
        }
        if controllers.contains("cpuset") {
            if let cpus { writes.append(CgroupWrite("cpuset", "cpuset.cpus", cpus, "cpu.cpus")) }
            if let mems { writes.append(CgroupWrite("cpuset", "cpuset.mems", mems, "cpu.mems")) }
        }
        if controllers.contains("pids"), let pids {
            writes.append(CgroupWrite("pids", "pids.max", pids < 0 ? "max" : "\(pids)", "pids.limit"))
        }
        if controllers.contains("blkio") { writes += v1BlockIO(has: has) }
        if controllers.contains("hugetlb") {
            for page in hugepages {
                writes.append(
                    CgroupWrite("hugetlb", "hugetlb.\(page.size).limit_in_bytes", "\(page.limit)", "hugepageLimits"))
            }
        }
        if controllers.contains("devices"), !devices.isEmpty { writes += try DeviceRule.v1Writes(deviceRules) }
        if controllers.contains("net_cls") { add("net_cls", "net_cls.classid", classID, "network.classID") }
        if controllers.contains("net_prio") {
            for entry in priorities {
                writes.append(
                    CgroupWrite(
                        "net_prio", "net_prio.ifpriomap", "\(entry.interface) \(entry.priority)", "network.priorities"))
            }
        }
        return writes
    }

    private func v1BlockIO(has: (String) -> Bool) -> [CgroupWrite] {
        // blkio.weight went with the CFQ scheduler in Linux 5.0; BFQ has its own.
        let scheduler = has("blkio.weight") ? "blkio" : "blkio.bfq"
        var writes: [CgroupWrite] = []
        if let weight { writes.append(CgroupWrite("blkio", "\(scheduler).weight", "\(weight)", "blockIO.weight")) }
        for figure in weights {
            writes.append(
                CgroupWrite(
                    "blkio", "\(scheduler).weight_device", figure.text("\(figure.value)"), "blockIO.weightDevice"))
        }
        for throttle in throttles {
            let file =
                "blkio.throttle.\(throttle.isWrite ? "write" : "read")_\(throttle.isOperations ? "iops" : "bps")_device"
            writes.append(CgroupWrite("blkio", file, throttle.figure.text("\(throttle.figure.value)"), throttle.key))
        }
        return writes
    }

    /// What a v2 group with these controllers gets, in its order; devices apart. `read` gives a file of the group as it is,
    /// nil when it has none.
    func v2Writes(_ controllers: [String], read: (String) -> String?) throws(KernelError) -> [CgroupWrite] {
        var writes: [CgroupWrite] = []
        func add(_ controller: String, _ file: String, _ value: String?, _ key: String) {
            if let value { writes.append(CgroupWrite(controller, file, value, key)) }
        }
        func limit(_ value: Int64) -> String { value < 0 ? "max" : "\(value)" }
        if controllers.contains("memory") {
            if let swap {
                // "No limit" is what a host has that does not account for swap.
                if swap >= 0 || read("memory.swap.max") != nil {
                    add("memory", "memory.swap.max", try swapAlone(swap, read("memory.max")), "memory.swap")
                }
            }
            add("memory", "memory.max", memory.map(limit), "memory.limit")
            add("memory", "memory.low", reservation.map { $0 < 0 ? "0" : "\($0)" }, "memory.reservation")
            if swappiness != nil { throw CgroupResources.v2Lacks("memory.swappiness") }
            if disablesOOMKiller { throw CgroupResources.v2Lacks("memory.disableOOMKiller") }
        }
        if controllers.contains("cpu") {
            if realtimeRuntime != nil { throw CgroupResources.v2Lacks("cpu.realtimeRuntime") }
            if realtimePeriod != nil { throw CgroupResources.v2Lacks("cpu.realtimePeriod") }
            if let isIdle, isIdle == 1 || read("cpu.idle") != nil { add("cpu", "cpu.idle", "\(isIdle)", "cpu.idle") }
            // An idle group has no weight.
            if isIdle != 1 {
                add("cpu", "cpu.weight", shares.map { "\(CgroupResources.weight(ofShares: $0))" }, "cpu.shares")
            }
            add("cpu", "cpu.max", bandwidth(read("cpu.max")), quota == nil ? "cpu.period" : "cpu.quota")
            if let burst, burst > 0 || read("cpu.max.burst") != nil {
                add("cpu", "cpu.max.burst", "\(burst)", "cpu.burst")
            }
        }
        if controllers.contains("cpuset") {
            add("cpuset", "cpuset.cpus", cpus, "cpu.cpus")
            add("cpuset", "cpuset.mems", mems, "cpu.mems")
        }
        if controllers.contains("pids") { add("pids", "pids.max", pids.map(limit), "pids.limit") }
        if controllers.contains("io") { writes += v2BlockIO(read) }
        if controllers.contains("hugetlb") {
            for page in hugepages { add("hugetlb", "hugetlb.\(page.size).max", "\(page.limit)", "hugepageLimits") }
        }
        for entry in unified {
            add(String(entry.file.prefix { $0 != "." }), entry.file, entry.value, "unified[\"\(entry.file)\"]")
        }
        return writes
    }

    /// v1 counts memory and swap together, v2 swap alone.
    private func swapAlone(_ swap: Int64, _ current: String?) throws(KernelError) -> String {
        if swap < 0 { return "max" }
        guard let memory = memory ?? current.flatMap({ Int64($0) }), memory <= swap else {
            throw KernelError(
                "set memory.swap to \(swap)", .invalidArgument,
                "it is memory and swap together: it needs a memory.limit, of no more than that")
        }
        return "\(swap - memory)"
    }

    private func v2BlockIO(_ read: (String) -> String?) -> [CgroupWrite] {
        var writes: [CgroupWrite] = []
        // BFQ takes OCI's range as it is.
        let isBFQ = read("io.bfq.weight") != nil
        func scaled(_ weight: Int64) -> Int64 { isBFQ ? weight : 1 + (weight - 10) * 9999 / 990 }
        let file = isBFQ ? "io.bfq.weight" : "io.weight"
        if let weight { writes.append(CgroupWrite("io", file, "default \(scaled(weight))", "blockIO.weight")) }
        for figure in weights {
            writes.append(CgroupWrite("io", file, figure.text("\(scaled(figure.value))"), "blockIO.weightDevice"))
        }
        for throttle in throttles {
            let key = (throttle.isWrite ? "w" : "r") + (throttle.isOperations ? "iops" : "bps")
            let rate = throttle.figure.value == 0 ? "max" : "\(throttle.figure.value)"
            writes.append(CgroupWrite("io", "io.max", throttle.figure.text("\(key)=\(rate)"), throttle.key))
        }
        return writes
    }

    /// cpu.max from what is asked and what is there; nil when nothing is asked.
    private func bandwidth(_ current: String?) -> String? {
        guard quota != nil || period != nil else { return nil }
        let words = (current ?? "").split(separator: " ")
        let quota = quota.map { $0 < 0 ? "max" : "\($0)" } ?? words.first.map(String.init) ?? "max"
        let period = period.map { "\($0)" } ?? (words.count > 1 ? String(words[1]) : "100000")
        return "\(quota) \(period)"
    }

    /// v1's 2…262144 on v2's 1…10000.
    static func weight(ofShares shares: Int64) -> Int64 { 1 + (shares - 2) * 9999 / 262142 }

    private static func v2Lacks(_ key: String) -> KernelError {
        KernelError(
            "set linux.resources.\(key)", .notSupported, "control groups v2 have nothing of the kind: leave it out")
    }
}

extension CgroupResources.DeviceFigure {
    fileprivate func text(_ value: String) -> String { "\(major):\(minor) \(value)" }
}

extension CgroupResources.Throttle {
    fileprivate var key: String {
        "blockIO.throttle\(isWrite ? "Write" : "Read")\(isOperations ? "IOPS" : "Bps")Device"
    }
}
