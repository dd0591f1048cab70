import CContainer
import Glibc

/// One entry of `mounts`, its options sorted by what they do.
public struct MountSpec: Hashable, Sendable {
    public var destination: String
    public var type: String
    public var source: String
    /// Flags of mount(2).
    public var flags: UInt = 0
    public var isBind = false
    public var isRecursive = false
    /// Attributes that a bind mount gets and loses (man 2 mount_setattr), of its top alone and of all below.
    public var set: UInt64 = 0
    public var clear: UInt64 = 0
    public var setBelow: UInt64 = 0
    public var clearBelow: UInt64 = 0
    /// Propagations, in their order.
    public var propagation: [UInt] = []
    /// What the file system itself reads.
    public var data: [String] = []
    public var copiesUp = false

    init(destination: String, type: String, source: String, options: [String]) {
        self.destination = destination
        self.type = type
        self.source = source
        for option in options { read(option) }
        if type == "bind" && !isBind { isBind = true }
    }

    init(_ fields: Fields) throws(OCIError) {
        let options = try fields.strings("options") ?? []
        let type = try fields.string("type") ?? ""
        self.init(
            destination: try fields.required("destination"), type: type, source: try fields.string("source") ?? "",
            options: options)
        guard try fields.list("uidMappings").isEmpty, try fields.list("gidMappings").isEmpty,
            !options.contains("idmap"), !options.contains("ridmap")
        else {
            throw OCIError(
                "config.json: \(fields.path): a mount with mapped ids is not supported: leave uidMappings and gidMappings out"
            )
        }
        if isBind && source.isEmpty {
            throw OCIError("config.json: \(fields.path) binds nothing to \(destination): name a source")
        }
        // What a volume shows in the place of the kernel's word about processes would be believed (CVE-2019-19921).
        if let place = MountSpec.inProcesses(destination), type != "proc", !MountSpec.statistics.contains(place),
            !(place.isEmpty && isBind && MountSpec.isProcesses(source))
        {
            throw OCIError(
                "config.json: \(fields.path) mounts over \(destination), \(place.isEmpty ? "which has to be a proc file system" : "inside /proc"): take another destination"
            )
        }
        if !isBind && type.isEmpty {
            throw OCIError(
                "config.json: \(fields.path) has no type: name a file system, or bind or rbind among the options")
        }
    }

    /// What lxcfs and the like show of their own.
    private static let statistics = [
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    ]

    /// Another's /proc may be bound there, as runc allows it.
    private static func isProcesses(_ source: String) -> Bool {
        berth_is_proc(source) == 1
    }

    /// "x" for "/proc/x", "" for "/proc", however it is written; nil for what is elsewhere.
    private static func inProcesses(_ path: String) -> String? {
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        guard parts.first == "proc" else { return nil }
        return Array(parts.dropFirst()).joined(by: "/")
    }

    private static let propagations: [String: UInt] = [
        "private": UInt(MS_PRIVATE), "rprivate": UInt(MS_PRIVATE | MS_REC), "slave": UInt(MS_SLAVE),
        "rslave": UInt(MS_SLAVE | MS_REC), "shared": UInt(MS_SHARED), "rshared": UInt(MS_SHARED | MS_REC),
        "unbindable": UInt(MS_UNBINDABLE), "runbindable": UInt(MS_UNBINDABLE | MS_REC),
    ]

    static func propagation(named name: String) -> UInt? { propagations[name] }

    /// Flag of mount(2), attribute of mount_setattr(2), and whether the option takes it away.
    private static func flag(_ option: String) -> (flag: UInt, attribute: UInt64, isCleared: Bool)? {
        switch option {
        case "ro": (UInt(MS_RDONLY), UInt64(MOUNT_ATTR_RDONLY), false)
        case "rw": (UInt(MS_RDONLY), UInt64(MOUNT_ATTR_RDONLY), true)
        case "nosuid": (UInt(MS_NOSUID), UInt64(MOUNT_ATTR_NOSUID), false)
        case "suid": (UInt(MS_NOSUID), UInt64(MOUNT_ATTR_NOSUID), true)
        case "nodev": (UInt(MS_NODEV), UInt64(MOUNT_ATTR_NODEV), false)
        case "dev": (UInt(MS_NODEV), UInt64(MOUNT_ATTR_NODEV), true)
        case "noexec": (UInt(MS_NOEXEC), UInt64(MOUNT_ATTR_NOEXEC), false)
        case "exec": (UInt(MS_NOEXEC), UInt64(MOUNT_ATTR_NOEXEC), true)
        case "nodiratime": (UInt(MS_NODIRATIME), UInt64(MOUNT_ATTR_NODIRATIME), false)
        case "diratime": (UInt(MS_NODIRATIME), UInt64(MOUNT_ATTR_NODIRATIME), true)
        case "noatime": (UInt(MS_NOATIME), UInt64(MOUNT_ATTR_NOATIME), false)
        case "atime", "norelatime", "nostrictatime": (UInt(MS_NOATIME), 0, true)
        case "relatime": (UInt(MS_RELATIME), 0, false)
        case "strictatime": (UInt(MS_STRICTATIME), UInt64(MOUNT_ATTR_STRICTATIME), false)
        case "nosymfollow": (256, UInt64(MOUNT_ATTR_NOSYMFOLLOW), false)
        case "symfollow": (256, UInt64(MOUNT_ATTR_NOSYMFOLLOW), true)
        default: nil
        }
    }

    private static let superblock: [String: UInt] = [
        "sync": UInt(MS_SYNCHRONOUS), "dirsync": UInt(MS_DIRSYNC), "mand": UInt(MS_MANDLOCK), "silent": UInt(MS_SILENT),
        "iversion": UInt(MS_I_VERSION), "lazytime": 1 << 25, "acl": UInt(MS_POSIXACL), "remount": UInt(MS_REMOUNT),
    ]

    private static let withoutEffect = [
        "defaults", "async", "loud", "noacl", "noiversion", "nolazytime", "nomand", "rbind", "bind", "tmpcopyup",
    ]

    private mutating func read(_ option: String) {
        if option == "bind" || option == "rbind" {
            isBind = true
            isRecursive = option == "rbind"
        } else if option == "tmpcopyup" {
            copiesUp = true
        } else if let kind = MountSpec.propagations[option] {
            propagation.append(kind)
        } else if let (flag, attribute, isCleared) = MountSpec.flag(option) {
            change(flag, attribute, isCleared)
        } else if option.utf8.first == UInt8(ascii: "r"),
            let (_, attribute, isCleared) = MountSpec.flag(String(option.dropFirst()))
        {
            if isCleared { clearBelow |= attribute } else { setBelow |= attribute }
        } else if let flag = MountSpec.superblock[option] {
            flags |= flag
        } else if !MountSpec.withoutEffect.contains(option) && !option.isEmpty {
            data.append(option)
        }
    }

    private mutating func change(_ flag: UInt, _ attribute: UInt64, _ isCleared: Bool) {
        if isCleared {
            flags &= ~flag
            set &= ~attribute
            clear |= attribute
        } else {
            flags |= flag
            set |= attribute
            clear &= ~attribute
        }
    }
}
