import NetCore

/// Which control group a container has.
enum CgroupBinding {
    static func cgroup(_ spec: BundleSpec, _ id: String) throws(OCIError) -> Cgroup {
        let asked = spec.linux.cgroupsPath ?? id
        // A relative path begins at a group of ours, never at the caller's own: that one may belong to somebody.
        let isRelative = asked.utf8.first != UInt8(ascii: "/") && !asked.utf8.contains(UInt8(ascii: ":"))
        return try kernel { () throws(KernelError) in try Cgroup(path: isRelative ? "/berth/\(asked)" : asked) }
    }

    /// On the way back from a failure: what stays is told.
    static func remove(_ cgroup: Cgroup) {
        do throws(KernelError) { try cgroup.remove() } catch { Said.warn(error.description) }
    }
}
