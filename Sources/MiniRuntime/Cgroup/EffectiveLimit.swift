import JSON
import NetCore

/// What a group may have of a resource in truth: the tightest limit among its own and its ancestors'.
public struct EffectiveLimit: Hashable, Sendable {
    public enum Resource: String, Sendable {
        case memory
        case memoryAndSwap
        case cpu
        /// The processors it may run on.
        case cpus
        case pids
    }

    public let resource: Resource
    /// Bytes, thousandths of a processor, processors, or processes.
    public let value: Int64
    /// For people: "256 MiB", "0.5 CPU", "CPUs 0-1", "100 processes".
    public let text: String
    /// The group that has it, as a path of the hierarchy: "/pods".
    public let path: String
}

extension Cgroup {
    /// The tightest limit per resource and whose it is; a resource without any is left out. The group itself need not exist: then
    /// it is what one made there would get.
    public func effective() throws(KernelError) -> [EffectiveLimit] {
        let groups = Cgroup.ancestors(of: path) + [path]
        return [
            limit(.memory, groups), limit(.memoryAndSwap, groups), limit(.cpu, groups), cpus(groups),
            limit(.pids, groups),
        ]
        .compactMap { $0 }
    }

    /// What a request asks that an ancestor does not have, in sentences for people: the container starts, and gets less.
    public func exceeding(_ resources: JSONObject) throws(KernelError) -> [String] {
        let wanted = try CgroupResources(resources)
        let groups = Cgroup.ancestors(of: path)
        var sentences: [String] = []
        func compare(_ resource: EffectiveLimit.Resource, _ name: String, _ asked: Int64?) {
            guard let asked, asked >= 0, let limit = limit(resource, groups), limit.value < asked else { return }
            sentences.append(
                "\(name)\(resource.text(asked)) is asked for, but \(limit.path) has \(limit.text): "
                    + "the container gets no more than that; raise the limit of \(limit.path), or ask for less")
        }
        compare(.memory, "memory ", wanted.memory)
        compare(.memoryAndSwap, "memory and swap ", wanted.swap)
        if let quota = wanted.quota, quota > 0 { compare(.cpu, "", quota * 1000 / (wanted.period ?? 100_000)) }
        compare(.pids, "", wanted.pids)
        if let text = wanted.cpus, let asked = CPUSet(text), let limit = cpus(groups),
            let held = CPUSet(String(limit.text.dropFirst(5))), !asked.members.isSubset(of: held.members)
        {
            sentences.append(
                "CPUs \(text) are asked for, but \(limit.path) has \(limit.text): ask for some of those, or give it more"
            )
        }
        return sentences
    }

    /// "/", "/pods" for "/pods/web".
    static func ancestors(of path: String) -> [String] {
        var groups: [String] = []
        var group = path
        while group != "/" {
            group = Files.directory(of: group)
            groups.append(group)
        }
        return groups.reversed()
    }

    /// Of equal limits the lowest group's counts.
    private func limit(_ resource: EffectiveLimit.Resource, _ groups: [String]) -> EffectiveLimit? {
        var tightest: EffectiveLimit?
        for group in groups {
            guard let value = own(resource, group), value <= tightest?.value ?? .max else { continue }
            tightest = EffectiveLimit(resource: resource, value: value, text: resource.text(value), path: group)
        }
        return tightest
    }

    /// The limit that a group has itself.
    private func own(_ resource: EffectiveLimit.Resource, _ group: String) -> Int64? {
        guard let hierarchy = hierarchy(of: resource.controller) else { return nil }
        func number(_ file: String) -> Int64? { hierarchy.text(group, file).flatMap { Int64($0) } }
        // v1's "none" is the largest multiple of a page.
        func v1(_ file: String) -> Int64? { number(file).flatMap { $0 >= 1 << 62 ? nil : $0 } }
        switch (resource, hierarchy.version) {
        case (.memory, .v1): return v1("memory.limit_in_bytes")
        case (.memory, .v2): return number("memory.max")
        case (.memoryAndSwap, .v1): return v1("memory.memsw.limit_in_bytes")
        case (.memoryAndSwap, .v2):
            guard let memory = number("memory.max"), let swap = number("memory.swap.max") else { return nil }
            let sum = memory.addingReportingOverflow(swap)
            return sum.overflow ? nil : sum.partialValue
        case (.cpu, .v1):
            guard let quota = number("cpu.cfs_quota_us"), quota > 0, let period = number("cpu.cfs_period_us"),
                period > 0
            else { return nil }
            return quota * 1000 / period
        case (.cpu, .v2):
            let words = hierarchy.words(group, "cpu.max").compactMap { Int64($0) }
            return words.count == 2 && words[1] > 0 ? words[0] * 1000 / words[1] : nil
        case (.pids, _): return number("pids.max")
        case (.cpus, _): return nil
        }
    }

    /// The highest group with the fewest processors: those below it have no choice.
    private func cpus(_ groups: [String]) -> EffectiveLimit? {
        guard let hierarchy = hierarchy(of: "cpuset") else { return nil }
        let file = hierarchy.version == .v1 ? "cpuset.effective_cpus" : "cpuset.cpus.effective"
        var tightest: EffectiveLimit?
        for group in groups {
            guard let text = hierarchy.text(group, file), let set = CPUSet(text), !set.members.isEmpty else { continue }
            if let tightest, tightest.value <= set.members.count { continue }
            tightest = EffectiveLimit(
                resource: .cpus, value: Int64(set.members.count), text: "CPUs \(text)", path: group)
        }
        return tightest
    }
}

extension EffectiveLimit.Resource {
    fileprivate var controller: String {
        switch self {
        case .memory, .memoryAndSwap: "memory"
        case .cpu: "cpu"
        case .cpus: "cpuset"
        case .pids: "pids"
        }
    }

    fileprivate func text(_ value: Int64) -> String {
        switch self {
        case .memory, .memoryAndSwap: CgroupAdvice.bytes(value)
        case .cpu: CgroupAdvice.processors(value)
        case .cpus: "\(value) processors"
        case .pids: value == 1 ? "1 process" : "\(value) processes"
        }
    }
}
