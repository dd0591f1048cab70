import NetCore

/// Which control group a container has.
enum CgroupBinding {
    static func cgroup(_ spec: BundleSpec, _ id: String) throws(OCIError) -> Cgroup {
        let asked = spec.linux.cgroupsPath ?? id
        return try kernel { () throws(KernelError) in try Cgroup(path: path(asked)) }
    }

    /// The absolute path of what a bundle names: a relative one begins at a group of ours, never at the caller's own, which may
    /// belong to somebody; systemd's slice:prefix:name becomes the path that systemd would give it.
    static func path(_ asked: String) -> String {
        guard asked.utf8.first != UInt8(ascii: "/") else { return asked }
        let parts = asked.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else { return "/berth/\(asked)" }
        let slice = parts[0].isEmpty ? "system.slice" : parts[0]
        return "/\(slice)/\(parts[1].isEmpty ? parts[2] : "\(parts[1])-\(parts[2])").scope"
    }

    /// On the way back from a failure: what stays is told.
    static func remove(_ cgroup: Cgroup) {
        do throws(KernelError) { try cgroup.remove() } catch { Said.warn(error.description) }
    }
}
