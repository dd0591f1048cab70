/// The kernel's capabilities by their names (man 7 capabilities).
enum Capability {
    static let names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]
    static let systemResource = 24

    /// The capability's number; nil for a name that no kernel knows.
    static func number(_ name: String) -> Int? { names.firstIndex(of: name) }
}

/// By number, for who tells them.
public enum CapabilityNames {
    public static var all: [String] { Capability.names }
}

/// The five sets of a process, a bit a capability; and those of a name to come (man 7 capabilities).
public struct CapabilitySets: Hashable, Sendable {
    public var bounding: UInt64 = 0
    public var effective: UInt64 = 0
    public var permitted: UInt64 = 0
    public var inheritable: UInt64 = 0
    public var ambient: UInt64 = 0

    init() {}

    init(_ fields: Fields) throws(OCIError) {
        bounding = try CapabilitySets.bits(fields, "bounding")
        effective = try CapabilitySets.bits(fields, "effective")
        permitted = try CapabilitySets.bits(fields, "permitted")
        inheritable = try CapabilitySets.bits(fields, "inheritable")
        ambient = try CapabilitySets.bits(fields, "ambient")
    }

    private static func bits(_ fields: Fields, _ key: String) throws(OCIError) -> UInt64 {
        var bits: UInt64 = 0
        for name in try fields.strings(key) ?? [] {
            guard let number = Capability.number(name) else {
                throw OCIError(
                    "config.json: \(fields.name(key)) names \(name), which no kernel knows: take it out or mend its name"
                )
            }
            bits |= 1 << UInt64(number)
        }
        return bits
    }
}
