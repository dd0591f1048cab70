import NetCore

/// A hierarchy of control groups as a container sees it.
public struct ShownCgroup: Hashable, Sendable {
    /// What mount(2) takes; empty for version 2.
    public let options: String
    /// Its directory below the place of the control groups.
    public let name: String
    /// The caller's own group.
    public let group: String

    /// "cpu" and "cpuacct" lead to "cpu,cpuacct".
    public var links: [String] {
        let parts = name.split(separator: ",").map(String.init)
        return parts.count > 1 ? parts : []
    }

    /// The host's. A v2 that nobody uses there is not shown: where it is mounted by no one, the first mount takes the kernel
    /// ten milliseconds.
    public static func all() throws(KernelError) -> [ShownCgroup] {
        let members = try CgroupHierarchy.memberships()
        let isMounted = try CgroupHierarchy.mounts().contains { $0.version == .v2 }
        let isHidden = !isMounted && CgroupMembership.isUnifiedIdle(members)
        return members.filter { $0.version == .v1 || !isHidden }.map { member in
            let options = member.controllers.joined(by: ",")
            let isNamed = options.utf8.starts(with: "name=".utf8)
            let name = member.version == .v2 ? "unified" : isNamed ? String(options.dropFirst(5)) : options
            return ShownCgroup(options: isNamed ? "none,\(options)" : options, name: name, group: member.path)
        }
    }
}
