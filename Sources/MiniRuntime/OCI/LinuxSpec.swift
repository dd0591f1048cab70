import CContainer
import Glibc
import JSON

/// `linux`: namespaces, ids, devices, limits, what is hidden.
public struct LinuxSpec: Hashable, Sendable {
    public var namespaces: [NamespaceSpec] = []
    public var userMappings: [IDMapping] = []
    public var groupMappings: [IDMapping] = []
    public var devices: [DeviceSpec] = []
    public var sysctls: [Sysctl] = []
    public var maskedPaths: [String] = []
    public var readonlyPaths: [String] = []
    public var rootPropagation: UInt?
    public var cgroupsPath: String?
    public var resources: JSONObject?
    public var seccomp: SeccompSpec?

    public struct Sysctl: Hashable, Sendable {
        public let name: String
        public let value: String
    }

    init() {}

    init(_ fields: Fields) throws(OCIError) {
        for one in try fields.list("namespaces") { namespaces.append(try NamespaceSpec(one)) }
        guard Set(namespaces.map(\.kind)).count == namespaces.count else {
            throw OCIError("config.json: \(fields.name("namespaces")) has a type twice: keep one")
        }
        for one in try fields.list("uidMappings") { userMappings.append(try IDMapping(one)) }
        for one in try fields.list("gidMappings") { groupMappings.append(try IDMapping(one)) }
        for one in try fields.list("devices") { devices.append(try DeviceSpec(one)) }
        for (name, value) in try fields.texts("sysctl") { sysctls.append(Sysctl(name: name, value: value)) }
        maskedPaths = try fields.strings("maskedPaths") ?? []
        readonlyPaths = try fields.strings("readonlyPaths") ?? []
        for path in maskedPaths + readonlyPaths where path.utf8.first != UInt8(ascii: "/") {
            throw OCIError("config.json: \(fields.path): the masked or read-only path \(path) is not absolute")
        }
        if let name = try fields.string("rootfsPropagation"), !name.isEmpty {
            guard let kind = MountSpec.propagation(named: name) else {
                throw OCIError(
                    "config.json: \(fields.name("rootfsPropagation")) is \(name): it must be private, slave, shared or unbindable"
                )
            }
            rootPropagation = kind
        }
        cgroupsPath = try fields.string("cgroupsPath").flatMap { $0.isEmpty ? nil : $0 }
        resources = try fields.fields("resources")?.object
        if let one = try fields.fields("seccomp") { seccomp = try SeccompSpec(one) }
        try refuseUnsupported(fields)
        try judge(fields)
    }

    public func has(_ kind: NamespaceSpec.Kind) -> Bool { namespaces.contains { $0.kind == kind } }
    func makes(_ kind: NamespaceSpec.Kind) -> Bool { namespaces.contains { $0.kind == kind && $0.path == nil } }

    private func refuseUnsupported(_ fields: Fields) throws(OCIError) {
        for key in ["intelRdt", "personality", "timeOffsets", "memoryPolicy", "netDevices"]
        where fields.value(key).map({ $0.object?.isEmpty != true }) ?? false {
            throw OCIError("config.json: \(fields.name(key)) is not supported: leave it out")
        }
        if let label = try fields.string("mountLabel"), !label.isEmpty {
            throw OCIError(
                "config.json: \(fields.name("mountLabel")) asks for SELinux, which is not supported: leave it out")
        }
    }

    private func judge(_ fields: Fields) throws(OCIError) {
        if makes(.user) && (userMappings.isEmpty || groupMappings.isEmpty) {
            throw OCIError("config.json: a user namespace needs \(fields.name("uidMappings")) and gidMappings")
        }
        if !has(.user) && !(userMappings.isEmpty && groupMappings.isEmpty) {
            throw OCIError(
                "config.json: \(fields.name("uidMappings")) without a user namespace: add one, or leave the mappings out"
            )
        }
        if !has(.mount) && !(maskedPaths.isEmpty && readonlyPaths.isEmpty) {
            throw OCIError(
                "config.json: masked and read-only paths need a mount namespace: add one to \(fields.name("namespaces"))"
            )
        }
        for one in sysctls {
            let path = String(one.name.map { $0 == "." ? "/" : $0 })
            let owner: NamespaceSpec.Kind
            if path.utf8.starts(with: "net/".utf8) {
                owner = .network
            } else if path.utf8.starts(with: "fs/mqueue/".utf8) || LinuxSpec.interprocess.contains(path) {
                owner = .interprocess
            } else if one.name == LinuxSpec.domainName {
                owner = .names
            } else {
                throw OCIError(
                    "config.json: sysctl \(one.name) is the whole machine's, not a namespace's: set it on the host")
            }
            guard !path.holds(".."), !path.holds("//"), has(owner) else {
                throw OCIError(
                    "config.json: sysctl \(one.name) needs a \(owner.rawValue) namespace of the container's own: add one"
                )
            }
        }
    }

    /// What a container may set of the kernel by another way than its file.
    public static let domainName = "kernel.domainname"
    private static let interprocess = [
        "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
        "kernel/shmmni",
        "kernel/shm_rmid_forced",
    ]
}

/// A namespace that the container has of its own, or shares by its path.
public struct NamespaceSpec: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case user
        case mount
        case pid
        case network
        case interprocess = "ipc"
        case names = "uts"
        case cgroup

        /// The CLONE_ flag.
        var flag: UInt64 {
            switch self {
            case .user: 0x1000_0000
            case .mount: 0x0002_0000
            case .pid: 0x2000_0000
            case .network: 0x4000_0000
            case .interprocess: 0x0800_0000
            case .names: 0x0400_0000
            case .cgroup: 0x0200_0000
            }
        }

        /// Its file below /proc/PID/ns.
        var file: String {
            switch self {
            case .mount: "mnt"
            case .network: "net"
            default: rawValue
            }
        }
    }

    public let kind: Kind
    public let path: String?

    init(_ fields: Fields) throws(OCIError) {
        let name = try fields.required("type")
        guard let kind = Kind(rawValue: name) else {
            let reason = name == "time" ? "is not supported" : "is no kind of namespace"
            throw OCIError(
                "config.json: \(fields.name("type")) is \(name), which \(reason): take \(Kind.allCases.map(\.rawValue).joined(by: ", "))"
            )
        }
        self.kind = kind
        let path = try fields.string("path").flatMap { $0.isEmpty ? nil : $0 }
        if let path, path.utf8.first != UInt8(ascii: "/") {
            throw OCIError("config.json: \(fields.name("path")) is \(path): it must be an absolute path")
        }
        self.path = path
    }
}

/// A range of ids inside, and what it is outside.
public struct IDMapping: Hashable, Sendable {
    public let inside: UInt32
    public let outside: UInt32
    public let count: UInt32

    init(_ fields: Fields) throws(OCIError) {
        let ids: ClosedRange<Int64> = 0...4_294_967_295
        inside = UInt32(try fields.integer("containerID", in: ids) ?? 0)
        outside = UInt32(try fields.integer("hostID", in: ids) ?? 0)
        count = UInt32(try fields.integer("size", in: 1...4_294_967_295) ?? 0)
        if count == 0 {
            throw OCIError("config.json: \(fields.name("size")) is missing: a mapping has at least one id")
        }
    }

    var line: String { "\(inside) \(outside) \(count)\n" }
}

/// A device file.
public struct DeviceSpec: Hashable, Sendable {
    public let path: String
    public let kind: mode_t
    public let major: UInt32
    public let minor: UInt32
    public let mode: UInt32
    public let user: UInt32
    public let group: UInt32

    init(_ path: String, _ major: UInt32, _ minor: UInt32) {
        self.path = path
        kind = mode_t(S_IFCHR)
        self.major = major
        self.minor = minor
        mode = 0o666
        user = 0
        group = 0
    }

    init(_ fields: Fields) throws(OCIError) {
        path = try fields.required("path")
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw OCIError("config.json: \(fields.name("path")) is \(path): it must be an absolute path")
        }
        switch try fields.required("type") {
        case "c", "u": kind = mode_t(S_IFCHR)
        case "b": kind = mode_t(S_IFBLK)
        case "p": kind = mode_t(S_IFIFO)
        case let other: throw OCIError("config.json: \(fields.name("type")) is \(other): it must be c, u, b or p")
        }
        major = UInt32(try fields.integer("major", in: 0...4095) ?? 0)
        minor = UInt32(try fields.integer("minor", in: 0...1_048_575) ?? 0)
        mode = UInt32(try fields.integer("fileMode", in: 0...0o177777) ?? 0o666) & 0o7777
        user = UInt32(try fields.integer("uid", in: 0...4_294_967_295) ?? 0)
        group = UInt32(try fields.integer("gid", in: 0...4_294_967_295) ?? 0)
    }
}
