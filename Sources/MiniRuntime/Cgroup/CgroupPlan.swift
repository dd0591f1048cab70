import CContainer
import Glibc
public import JSON
import NetCore

/// What `make` does for a group, told without doing it.
public struct CgroupPlan: Sendable {
    public enum Step: Hashable, Sendable {
        /// A hierarchy that is mounted nowhere in sight; berth reaches it through a mount that has no place.
        case mount(type: String, options: String, place: String)
        case makeDirectory(String)
        /// One write of the whole value; `key` of `linux.resources` asks for it, or a sentence why.
        case write(file: String, value: String, why: String)
        /// Control groups v2: who may use which device is a program of the kernel's, of that many rules.
        case deviceProgram(directory: String, rules: Int)
    }

    public internal(set) var steps: [Step] = []
    /// Where the container's first process writes itself, and the directories it is born in (v2).
    public internal(set) var joins: [String] = []
}

extension Cgroup {
    /// The steps of `make` with these limits, by this host's hierarchies; a group that exists is told as if it were made anew.
    /// Nothing is made. Throws as `make` does for a request that this host cannot meet.
    public func planned(_ resources: JSONObject?) throws(KernelError) -> CgroupPlan {
        let wanted = try CgroupResources(resources ?? JSONObject())
        try require(wanted)
        var plan = CgroupPlan()
        let joined =
            present.isEmpty
            ? hierarchies.filter { isWorthJoining($0, wanted) && $0.isOpen(path, wanted) } : present
        for hierarchy in joined { hierarchy.plan(path, wanted, &plan) }
        for hierarchy in joined {
            let place = hierarchy.shownPlace
            switch hierarchy.version {
            case .v1:
                let writes = try wanted.v1Writes(hierarchy.controllers) { hierarchy.wouldHave(path, file: $0) }
                plan.add(writes, "\(place)\(path)")
                plan.joins.append("\(place)\(path)/tasks")
            case .v2:
                let writes = try wanted.v2Writes(hierarchy.passedOn(wanted)) { file in
                    hierarchy.has(path) ? hierarchy.text(path, file) : hierarchy.wouldHave(path, file: file) ? "" : nil
                }
                plan.add(writes, "\(place)\(path)")
                plan.joins.append("\(place)\(path)/cgroup.procs")
            }
        }
        if !wanted.devices.isEmpty, let hierarchy = hierarchy(of: "devices"), hierarchy.version == .v2 {
            plan.steps.append(
                .deviceProgram(directory: "\(hierarchy.shownPlace)\(path)", rules: wanted.deviceRules.count))
        }
        return plan
    }
}

extension CgroupPlan {
    fileprivate mutating func add(_ writes: [CgroupWrite], _ directory: String) {
        for one in writes {
            steps.append(
                .write(file: "\(directory)/\(one.file)", value: one.value, why: "linux.resources.\(one.asked)"))
        }
    }
}

extension CgroupHierarchy {
    /// Its mount point, or one that a person could mount it at.
    fileprivate var shownPlace: String {
        held == nil ? mountPoint : "/tmp/cgroup/\(version == .v2 ? "unified" : controllers.joined(by: ","))"
    }

    /// What can be written in, or has something that is asked for: a closed one matters to nobody else.
    fileprivate func isOpen(_ path: String, _ wanted: CgroupResources) -> Bool {
        let above = ([path] + Cgroup.ancestors(of: path).reversed()).first(where: has) ?? "/"
        return access(directory(above), W_OK) == 0 || wanted.needed.contains { serves($0.controller) }
    }

    /// The file is there, or would be in a group that is not made yet: another group has it.
    fileprivate func wouldHave(_ path: String, file: String) -> Bool {
        if has(path) { return has(path, file: file) }
        return ([own] + Cgroup.ancestors(of: path)).contains { has($0, file: file) }
    }

    /// The controllers that a container's group has in the end.
    fileprivate func passedOn(_ wanted: CgroupResources) -> [String] {
        let asked = ["cpu", "cpuset", "io", "memory", "pids"] + wanted.needed.map(\.controller)
        return controllers.filter(asked.contains)
    }

    fileprivate func plan(_ path: String, _ wanted: CgroupResources, _ plan: inout CgroupPlan) {
        let place = shownPlace
        if held != nil {
            plan.steps.append(.makeDirectory(place))
            plan.steps.append(
                .mount(
                    type: version == .v2 ? "cgroup2" : "cgroup", options: controllers.joined(by: ","), place: place))
        }
        var group = "/"
        var memory: [String: String] = [:]
        for file in ["cpuset.cpus", "cpuset.mems"] { memory[file] = text("/", file) ?? "" }
        for part in path.split(separator: "/") {
            if version == .v2 {
                let enabled = words(group, "cgroup.subtree_control")
                let missing = passedOn(wanted).filter { group == path || !enabled.contains($0) }
                if !missing.isEmpty {
                    plan.steps.append(
                        .write(
                            file: "\(place)\(group == "/" ? "" : group)/cgroup.subtree_control",
                            value: missing.map { "+\($0)" }.joined(by: " "),
                            why: "limits can be set in the groups below"))
                }
            }
            group = group == "/" ? "/\(part)" : "\(group)/\(part)"
            let isNew = !has(group) || group == path
            if isNew { plan.steps.append(.makeDirectory("\(place)\(group)")) }
            guard version == .v1 else { continue }
            if controllers.contains("cpuset") {
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    let own = group == path ? "" : text(group, file) ?? ""
                    if !own.isEmpty {
                        memory[file] = own
                    } else if let value = memory[file], !value.isEmpty {
                        plan.steps.append(
                            .write(
                                file: "\(place)\(group)/\(file)", value: value,
                                why: "a v1 cpuset is made without processors and memory nodes"))
                    }
                }
            }
            if controllers.contains("memory"), text(group, "memory.use_hierarchy") == "0" {
                plan.steps.append(
                    .write(
                        file: "\(place)\(group)/memory.use_hierarchy", value: "1",
                        why: "old kernels limit each group of memory alone"))
            }
        }
    }
}
