import CContainer
import Glibc
import NetCore

/// The groups that one call made, to take them back.
struct MadeGroups {
    private var groups: [String] = []
    mutating func append(_ directory: String) { groups.append(directory) }

    func undo() {
        for directory in groups.reversed() { rmdir(directory) }
    }
}

extension CgroupHierarchy {
    /// The group exists, and every one above it; limits that `wanted` asks for can be set in it.
    func make(_ path: String, _ wanted: CgroupResources, _ made: inout MadeGroups) throws(KernelError) {
        var group = "/"
        for part in path.split(separator: "/") {
            var refusal: KernelError?
            if version == .v2 {
                refusal = passControllersOn(group, wanted)
            }
            let parent = group
            group = group == "/" ? "/\(part)" : "\(group)/\(part)"
            try makeDirectory(group, &made)
            if version == .v1 {
                try inherit(group, from: parent)
            } else {
                try requirePassedOn(wanted, to: group, from: parent, refusal)
            }
        }
    }

    private func makeDirectory(_ group: String, _ made: inout MadeGroups) throws(KernelError) {
        let code = mkdir(directory(group), 0o755) == 0 ? nil : Errno.current
        guard let code else { return made.append(directory(group)) }
        if code == .alreadyExists, has(group) { return }
        throw KernelError(
            "make the control group \(directory(group))", code,
            code == .readOnly ? "the hierarchy is mounted read-only here: mount it read-write, or run on the host" : nil
        )
    }

    /// Before the first process: a v1 cpuset is made without processors and memory nodes, and old kernels limit each group of
    /// memory alone.
    private func inherit(_ group: String, from parent: String) throws(KernelError) {
        if controllers.contains("cpuset") {
            for file in ["cpuset.cpus", "cpuset.mems"] where (text(group, file) ?? "").isEmpty {
                if let value = text(parent, file), !value.isEmpty { try write(group, file, value) }
            }
        }
        if controllers.contains("memory"), text(group, "memory.use_hierarchy") == "0" {
            try write(group, "memory.use_hierarchy", "1")
        }
    }

    /// Nothing is made in a group that systemd gave to others: throws EACCES for a path through one.
    func respectDelegation(_ path: String) throws(KernelError) {
        for group in Cgroup.ancestors(of: path) where group != "/" && has(group) && berth_is_delegated(directory(group))
        {
            let whole = root == "/" ? group : root + group
            if own == whole || own.hasPrefix(whole + "/") { continue }
            throw KernelError(
                "make a control group in \(group)", .accessDenied,
                "systemd delegated it to the service that runs in it: take another parent, or run in that service")
        }
    }

    /// The controllers that containers use, and those asked for, reach the groups inside `group`. Gives the kernel's refusal, which matters only to who
    /// asks for that controller.
    private func passControllersOn(_ group: String, _ wanted: CgroupResources) -> KernelError? {
        let available = words(group, "cgroup.controllers")
        let enabled = words(group, "cgroup.subtree_control")
        let missing = (["cpu", "cpuset", "io", "memory", "pids"] + wanted.needed.map(\.controller)).filter {
            available.contains($0) && !enabled.contains($0)
        }
        if missing.isEmpty { return nil }
        do throws(KernelError) {
            try makeWay(in: group)
        } catch {
            return error
        }
        var refusal: KernelError?
        for controller in missing {
            do throws(KernelError) {
                try write(group, "cgroup.subtree_control", "+\(controller)")
            } catch {
                refusal = refusal ?? error
            }
        }
        return refusal
    }

    /// No process is in the group itself: with one, some controllers are passed on, and the groups below are invalid. Throws
    /// EBUSY when the processes are not ours to move. The root of the machine alone may have both.
    private func makeWay(in group: String) throws(KernelError) {
        guard has(group, file: "cgroup.type"), !words(group, "cgroup.procs").isEmpty else { return }
        if isOurs(group) { return try vacate(group) }
        throw KernelError(
            "pass limits on from the control group \(group)", .busy,
            "it has processes of its own: move them to a group in it, or take another parent")
    }

    private func requirePassedOn(
        _ wanted: CgroupResources, to group: String, from parent: String, _ refusal: KernelError?
    ) throws(KernelError) {
        let passed = words(group, "cgroup.controllers")
        for (controller, key) in wanted.needed
        where controller != "devices" && controllers.contains(controller) && !passed.contains(controller) {
            throw refusal
                ?? KernelError(
                    "set linux.resources.\(key)", .notSupported,
                    "the control group \(parent) does not pass the controller \(controller) on: "
                        + "write +\(controller) to \(directory(parent))/cgroup.subtree_control")
        }
    }

    /// Whether its processes may be moved: the root of what a container sees, or the group that systemd delegated to us.
    private func isOurs(_ group: String) -> Bool {
        group == "/" && (root == "/" || own == root || own.hasPrefix(root + "/"))
            || own == (root == "/" ? group : root + group) && berth_is_delegated(directory(group))
    }

    /// The group's own processes are in a leaf of it, as control groups v2 want it of a group that passes limits on.
    private func vacate(_ group: String) throws(KernelError) {
        let leaf = group == "/" ? "/berth-host" : "\(group)/berth-host"
        if mkdir(directory(leaf), 0o755) != 0, errno != EEXIST {
            throw KernelError("make the control group \(directory(leaf))", .current)
        }
        for _ in 0..<20 {
            let processes = words(group, "cgroup.procs")
            if processes.isEmpty { return }
            // 0 is one that this pid namespace does not see; writing it would mean ourselves.
            for process in processes where process != "0" {
                _ = try ignoring(.noSuchProcess) { () throws(KernelError) in try write(leaf, "cgroup.procs", process) }
            }
        }
    }

    /// A file's words; none when it cannot be read.
    func words(_ group: String, _ file: String) -> [String] {
        (text(group, file) ?? "").split { $0 == " " || $0 == "\n" }.map(String.init)
    }
}
