import Glibc
import NetCore

/// What people are told of control groups: figures, and how to mend a refusal.
enum CgroupAdvice {
    /// "512 MiB", "1.5 GiB", "4097 bytes".
    static func bytes(_ value: Int64) -> String {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, Int64)] {
            let size = Int64(1) << shift
            guard value >= size, value % (size / 4) == 0 else { continue }
            let quarters = ["", ".25", ".5", ".75"][Int(value % size / (size / 4))]
            return "\(value / size)\(quarters) \(unit)"
        }
        return "\(value) bytes"
    }

    /// Thousandths: "0.5 CPU", "2 CPUs".
    static func processors(_ thousandths: Int64) -> String {
        var fraction = String("\(1000 + thousandths % 1000)".dropFirst())
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let number = "\(thousandths / 1000)" + (fraction.isEmpty ? "" : ".\(fraction)")
        return number + (thousandths <= 1000 ? " CPU" : " CPUs")
    }

    /// Why a controller is not there, and how it comes.
    static func missing(_ controller: String, _ isV2Only: Bool, _ hierarchies: [CgroupHierarchy]) -> String {
        if isV2Only, !hierarchies.contains(where: { $0.version == .v2 && !$0.controllers.isEmpty }) {
            return "this host has no control groups v2: use the keys that are not \"unified\""
        }
        let name = controller == "io" && !hierarchies.contains { $0.version == .v2 } ? "blkio" : controller
        if let line = kernelLine(controller == "io" ? "blkio" : controller) {
            if line == "0" {
                return "this host's kernel has the controller \(name) switched off: boot with cgroup_enable=\(name), "
                    + "or leave the limit out"
            }
            return "the controller \(name) does not reach this process: have it mounted or passed on "
                + "(cgroup.subtree_control; Delegate=yes for a service of systemd), or leave the limit out"
        }
        return "this host's kernel has no controller \(name): leave the limit out, or take a kernel that has it"
    }

    /// The last field of the controller's line in /proc/cgroups: "1" for enabled.
    private static func kernelLine(_ controller: String) -> Substring? {
        do throws(KernelError) {
            let text = String(decoding: try Files.read("/proc/cgroups"), as: UTF8.self)
            return text.split(separator: "\n").map { $0.split(separator: "\t") }.first { $0.first == controller[...] }?
                .last
        } catch {
            return nil
        }
    }

    /// The kernel's refusal of a value, with what it means there.
    static func explained(
        _ error: KernelError, _ write: CgroupWrite, _ path: String, _ hierarchy: CgroupHierarchy
    ) -> KernelError {
        let operation = "set linux.resources.\(write.asked) of the control group \(path) to \"\(write.value)\""
        if error.errno == .noSuchFile {
            return KernelError(operation, .notSupported, absent(write.file))
        }
        let parent = Files.directory(of: path)
        let advice: String? =
            switch write.file {
            case "memory.limit_in_bytes", "memory.memsw.limit_in_bytes":
                error.errno == .busy
                    ? "it uses \(hierarchy.text(path, "memory.usage_in_bytes") ?? "more") bytes, which cannot be taken from it"
                    : "the limit of memory may not be above that of memory and swap, which is "
                        + "\(hierarchy.text(path, "memory.memsw.limit_in_bytes") ?? "unknown"): give both"
            case "cpuset.cpus": "\(parent) has the processors \(allowed("cpus", parent, hierarchy))"
            case "cpuset.mems": "\(parent) has the memory nodes \(allowed("mems", parent, hierarchy))"
            case "cpu.cfs_quota_us", "cpu.cfs_period_us":
                "a group above it has less, or one below it more: see what berth says of the effective limits"
            case "cpu.rt_runtime_us":
                "the groups above it have no realtime budget to give: set cpu.rt_runtime_us there first"
            case "cpu.cfs_burst_us", "cpu.max.burst": "a burst is at most the quota"
            case "devices.allow": "\(parent) does not allow that device"
            default:
                error.errno == Errno(ENODEV) ? "there is no such device: see lsblk" : nil
            }
        return KernelError(operation, error.errno, advice)
    }

    private static func allowed(_ what: String, _ parent: String, _ hierarchy: CgroupHierarchy) -> String {
        let files = ["cpuset.\(what).effective", "cpuset.effective_\(what)", "cpuset.\(what)"]
        return files.lazy.compactMap { hierarchy.text(parent, $0) }.first ?? "that its own parent gives it"
    }

    private static func absent(_ file: String) -> String {
        switch file {
        case "memory.memsw.limit_in_bytes", "memory.swap.max":
            "this kernel does not account for swap: boot with swapaccount=1, or leave memory.swap out"
        case "blkio.bfq.weight", "blkio.bfq.weight_device", "io.weight":
            "this kernel has no weights for block devices (they need BFQ or iocost): use throttles, or leave it out"
        default: "this kernel has no \(file): leave it out"
        }
    }
}
