import NetCore

extension Cgroup {
    /// How many of its processes, and of those below, the kernel killed for want of memory; nil where it does not say.
    public var oomKills: Int? {
        guard let hierarchy = hierarchy(of: "memory"), hierarchy.has(path) else { return nil }
        switch hierarchy.version {
        case .v1:
            // Each group counts its own.
            let counts = hierarchy.subtree(path).map { hierarchy.counters($0, "memory.oom_control")["oom_kill"] }
            return counts.contains(nil) ? nil : counts.reduce(0) { $0 + Int(clamping: $1 ?? 0) }
        case .v2: return hierarchy.counters(path, "memory.events")["oom_kill"].map { Int(clamping: $0) }
        }
    }

    /// What the group has used and may use, as the kernel counts now. Throws ENOENT when it does not exist.
    public func statistics() throws(KernelError) -> CgroupStatistics {
        guard !present.isEmpty else {
            throw KernelError(
                "read the control group \(path)", .noSuchFile, "it does not exist: has the container ended?")
        }
        var statistics = CgroupStatistics()
        statistics.memory = memory()
        statistics.cpu = cpu()
        if let hierarchy = hierarchy(of: "pids"), let current = hierarchy.number(path, "pids.current") {
            statistics.pids = .init()
            statistics.pids?.current = current
            statistics.pids?.limit = hierarchy.number(path, "pids.max")
        }
        readIO(&statistics)
        return statistics
    }

    private func memory() -> CgroupStatistics.Memory? {
        guard let hierarchy = hierarchy(of: "memory") else { return nil }
        let isV2 = hierarchy.version == .v2
        guard let usage = hierarchy.number(path, isV2 ? "memory.current" : "memory.usage_in_bytes") else { return nil }
        var memory = CgroupStatistics.Memory()
        memory.usage = usage
        let stat = hierarchy.counters(path, "memory.stat")
        memory.stat = stat.entries
        if isV2 {
            memory.peak = hierarchy.number(path, "memory.peak")
            memory.limit = hierarchy.number(path, "memory.max")
            memory.failures = hierarchy.counters(path, "memory.events")["max"] ?? 0
            memory.cache = stat["file"] ?? 0
            memory.inactiveFile = stat["inactive_file"] ?? 0
        } else {
            memory.peak = hierarchy.number(path, "memory.max_usage_in_bytes")
            memory.limit = hierarchy.number(path, "memory.limit_in_bytes").flatMap { $0 >= 1 << 62 ? nil : $0 }
            // Where swap gives no more than the limit, the second is hit first.
            memory.failures =
                (hierarchy.number(path, "memory.failcnt") ?? 0) + (hierarchy.number(path, "memory.memsw.failcnt") ?? 0)
            memory.cache = stat["total_cache"] ?? stat["cache"] ?? 0
            memory.inactiveFile = stat["total_inactive_file"] ?? 0
        }
        return memory
    }

    private func cpu() -> CgroupStatistics.CPU? {
        var cpu = CgroupStatistics.CPU()
        // v1 counts and limits in two hierarchies, which may be one.
        if let hierarchy = hierarchies.first(where: { $0.controllers.contains("cpuacct") }),
            let total = hierarchy.number(path, "cpuacct.usage")
        {
            cpu.total = total
            cpu.user = hierarchy.number(path, "cpuacct.usage_user") ?? 0
            cpu.system = hierarchy.number(path, "cpuacct.usage_sys") ?? 0
            cpu.each = hierarchy.words(path, "cpuacct.usage_percpu").compactMap { UInt64($0) }
            let stat = hierarchies.first { $0.version == .v1 && $0.controllers.contains("cpu") }?.counters(
                path, "cpu.stat")
            cpu.periods = stat?["nr_periods"] ?? 0
            cpu.throttledPeriods = stat?["nr_throttled"] ?? 0
            cpu.throttledTime = stat?["throttled_time"] ?? 0
            return cpu
        }
        // Every v2 group counts; what the controller counts is there with it.
        guard let hierarchy = present.first(where: { $0.version == .v2 }) else { return nil }
        let stat = hierarchy.counters(path, "cpu.stat")
        guard let total = stat["usage_usec"] else { return nil }
        cpu.total = total * 1000
        cpu.user = (stat["user_usec"] ?? 0) * 1000
        cpu.system = (stat["system_usec"] ?? 0) * 1000
        cpu.periods = stat["nr_periods"] ?? 0
        cpu.throttledPeriods = stat["nr_throttled"] ?? 0
        cpu.throttledTime = (stat["throttled_usec"] ?? 0) * 1000
        return cpu
    }

    private func readIO(_ statistics: inout CgroupStatistics) {
        guard let hierarchy = hierarchy(of: "io") else { return }
        if hierarchy.version == .v2 {
            for line in (hierarchy.text(path, "io.stat") ?? "").split(separator: "\n") {
                for (key, isBytes, operation) in [
                    ("rbytes=", true, "read"), ("wbytes=", true, "write"), ("rios=", false, "read"),
                    ("wios=", false, "write"),
                ] {
                    let words = line.split(separator: " ")
                    guard let word = words.first(where: { $0.hasPrefix(key) }) else { continue }
                    let transfer = CgroupStatistics.Transfer.of(words[0], operation, word.dropFirst(key.utf8.count))
                    if isBytes { statistics.ioBytes += transfer } else { statistics.ioOperations += transfer }
                }
            }
            return
        }
        statistics.ioBytes = transfers(hierarchy, "blkio.throttle.io_service_bytes_recursive")
        statistics.ioOperations = transfers(hierarchy, "blkio.throttle.io_serviced_recursive")
    }

    private func transfers(_ hierarchy: CgroupHierarchy, _ file: String) -> [CgroupStatistics.Transfer] {
        (hierarchy.text(path, file) ?? "").split(separator: "\n").flatMap { line -> [CgroupStatistics.Transfer] in
            let words = line.split(separator: " ")
            guard words.count == 3, words[1] == "Read" || words[1] == "Write" else { return [] }
            return CgroupStatistics.Transfer.of(words[0], words[1] == "Read" ? "read" : "write", words[2])
        }
    }
}

extension CgroupStatistics.Transfer {
    /// One figure for "8:0"; none when the text is not of that form.
    fileprivate static func of(_ device: Substring, _ operation: String, _ value: Substring) -> [Self] {
        let numbers = device.split(separator: ":").compactMap { UInt64($0) }
        guard numbers.count == 2, let value = UInt64(value) else { return [] }
        return [Self(major: numbers[0], minor: numbers[1], operation: operation, value: value)]
    }
}

/// A file of lines "name value".
struct CgroupCounters {
    let entries: [CgroupCounter]

    init(_ text: String) {
        entries = text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let value = UInt64(words[1]) else { return nil }
            return CgroupCounter(name: String(words[0]), value: value)
        }
    }

    subscript(name: String) -> UInt64? { entries.first { $0.name == name }?.value }
}

extension CgroupHierarchy {
    func number(_ group: String, _ file: String) -> UInt64? { text(group, file).flatMap { UInt64($0) } }
    func counters(_ group: String, _ file: String) -> CgroupCounters { CgroupCounters(text(group, file) ?? "") }
}
