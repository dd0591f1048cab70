import Glibc
import NetCore

/// Which of the kernel's two control-group interfaces a hierarchy has (man 7 cgroups).
public enum CgroupVersion: Sendable { case v1, v2 }

/// A line of /proc/self/mountinfo that shows a hierarchy of control groups (man 5 proc).
struct CgroupMount: Hashable, Sendable {
    let version: CgroupVersion
    /// What a v1 hierarchy is for, with "name=systemd" for one by name; a v2 line does not say.
    let controllers: [String]
    /// The group that the mount shows as its root: not "/" where only a part is mounted.
    let root: String
    let point: String

    /// The lines in their order; what is no hierarchy, or no line, is left out.
    static func list(_ mountinfo: String) -> [CgroupMount] {
        mountinfo.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            // Optional fields stand between the sixth and a lone hyphen.
            guard let hyphen = fields.firstIndex(of: "-"), hyphen >= 6, fields.count > hyphen + 1 else { return nil }
            let root = unescaped(fields[3])
            let point = unescaped(fields[4])
            switch fields[hyphen + 1] {
            case "cgroup2": return CgroupMount(version: .v2, controllers: [], root: root, point: point)
            case "cgroup":
                let options = fields.count > hyphen + 3 ? fields[hyphen + 3] : ""
                let controllers = options.split(separator: ",").filter { !isSetting($0) }.map(String.init)
                return CgroupMount(version: .v1, controllers: controllers, root: root, point: point)
            default: return nil
            }
        }
    }

    /// The same of bytes that the kernel wrote: hundreds of lines on a host of many containers, and long ones. Only those that are
    /// about control groups are looked into.
    static func list(inside mountinfo: [UInt8]) -> [CgroupMount] {
        var found: [CgroupMount] = []
        (mountinfo + [0]).withUnsafeBytes { bytes in
            var place = bytes.bindMemory(to: CChar.self).baseAddress!
            let first = place
            while let mark = strstr(place, " - cgroup") {
                var begin = UnsafePointer(mark)
                while begin > first, begin[-1] != 0x0a { begin -= 1 }
                let end = strchr(mark, 0x0a).map { UnsafePointer($0) } ?? UnsafePointer(mark + strlen(mark))
                found += list(
                    String(decoding: UnsafeRawBufferPointer(start: begin, count: end - begin), as: UTF8.self))
                place = end
            }
        }
        return found
    }

    /// Options of the file system itself, which name no controller.
    private static func isSetting(_ option: Substring) -> Bool {
        [
            "rw", "ro", "noprefix", "xattr", "clone_children", "cpuset_v2_mode", "favordynmods", "none", "seclabel",
            "sane_behavior",
        ].contains(option) || option.hasPrefix("release_agent=") || option.hasPrefix("context=")
    }

    /// The kernel writes space, tab, newline and backslash as three octal digits.
    static func unescaped(_ field: Substring) -> String {
        let bytes = Array(field.utf8)
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let digits = bytes[(index + 1)...].prefix(3)
            if bytes[index] == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) })
            {
                plain.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }))
                index += 4
            } else {
                plain.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

/// A line of /proc/self/cgroup: a hierarchy that the kernel has, mounted or not, and the caller's group in it.
struct CgroupMembership: Hashable, Sendable {
    let version: CgroupVersion
    let controllers: [String]
    let path: String

    static func list(_ text: String) -> [CgroupMembership] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            let controllers = fields[1].split(separator: ",").map(String.init)
            return CgroupMembership(
                version: controllers.isEmpty ? .v2 : .v1, controllers: controllers, path: String(fields[2]))
        }
    }

    /// Whether v1 hierarchies have every controller that containers are limited, frozen and watched with.
    static func isUnifiedIdle(_ members: [CgroupMembership]) -> Bool {
        let taken = Set(members.flatMap(\.controllers))
        return ["memory", "cpu", "cpuset", "pids", "blkio", "devices", "freezer"].allSatisfy { taken.contains($0) }
    }

    /// The mount through which the hierarchy is reached: one that shows it whole before one that shows a part, never one
    /// that another hierarchy is mounted over. Nil when there is none.
    func mount(among mounts: [CgroupMount], isReachable: (CgroupMount) -> Bool) -> CgroupMount? {
        let own = mounts.filter { mount in
            mount.version == version && (version == .v2 || Set(mount.controllers) == Set(controllers))
                && mounts.last { $0.point == mount.point } == mount
        }
        let whole = own.filter { $0.root == "/" }
        let part = own.filter { $0.root != "/" }
        return (whole + part).first(where: isReachable)
    }
}
