import Glibc
import JSON

/// `process`: what runs, as whom, with which rights.
public struct ProcessSpec: Hashable, Sendable {
    public var arguments: [String]
    public var environment: [String]
    public var directory: String
    public var terminal = false
    public var rows: UInt16 = 0
    public var columns: UInt16 = 0
    public var user: UInt32 = 0
    public var group: UInt32 = 0
    public var groups: [UInt32] = []
    public var mask: UInt32?
    /// Nil: the specification names none, and the process keeps what it has.
    public var capabilities: CapabilitySets?
    public var limits: [ResourceLimit] = []
    public var noNewPrivileges = false
    public var killScore: Int?
    /// Class and level (man 2 ioprio_set).
    public var ioClass: Int32?
    public var ioLevel: Int32 = 0

    public struct ResourceLimit: Hashable, Sendable {
        public let name: String
        public let resource: Int32
        public let soft: UInt64
        public let hard: UInt64
    }

    init(_ fields: Fields) throws(OCIError) {
        arguments = try fields.strings("args") ?? []
        guard let first = arguments.first, !first.isEmpty else {
            throw OCIError("config.json: \(fields.name("args")) is missing or empty: name a program")
        }
        environment = try fields.strings("env") ?? []
        directory = try fields.required("cwd")
        guard directory.utf8.first == UInt8(ascii: "/") else {
            throw OCIError("config.json: \(fields.name("cwd")) is \(directory): it must be an absolute path")
        }
        terminal = try fields.bool("terminal") ?? false
        if let size = try fields.fields("consoleSize") {
            rows = UInt16(try size.integer("height", in: 0...65535) ?? 0)
            columns = UInt16(try size.integer("width", in: 0...65535) ?? 0)
        }
        if let user = try fields.fields("user") { try read(user: user) }
        if let sets = try fields.fields("capabilities") { capabilities = try CapabilitySets(sets) }
        for one in try fields.list("rlimits") { limits.append(try ResourceLimit(one)) }
        if Set(limits.map(\.name)).count != limits.count {
            throw OCIError("config.json: \(fields.name("rlimits")) has a type twice: keep one")
        }
        noNewPrivileges = try fields.bool("noNewPrivileges") ?? false
        killScore = try fields.integer("oomScoreAdj", in: -1000...1000).map(Int.init)
        if let priority = try fields.fields("ioPriority") { try read(ioPriority: priority) }
        try refuseUnsupported(fields)
    }

    private mutating func read(user: Fields) throws(OCIError) {
        let ids: ClosedRange<Int64> = 0...4_294_967_294
        self.user = UInt32(try user.integer("uid", in: ids) ?? 0)
        group = UInt32(try user.integer("gid", in: ids) ?? 0)
        groups = (try user.integers("additionalGids", in: ids) ?? []).map { UInt32($0) }
        mask = try user.integer("umask", in: 0...0o777).map { UInt32($0) }
    }

    private mutating func read(ioPriority: Fields) throws(OCIError) {
        let classes = ["IOPRIO_CLASS_RT": Int32(1), "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
        let name = try ioPriority.required("class")
        guard let kind = classes[name] else {
            throw OCIError(
                "config.json: \(ioPriority.name("class")) is \(name): it must be IOPRIO_CLASS_RT, _BE or _IDLE")
        }
        ioClass = kind
        ioLevel = Int32(try ioPriority.integer("priority", in: 0...7) ?? 0)
    }

    private func refuseUnsupported(_ fields: Fields) throws(OCIError) {
        for (key, what) in [("selinuxLabel", "an SELinux label"), ("apparmorProfile", "an AppArmor profile")] {
            let isUnconfined = try fields.string(key).map { $0.isEmpty || $0 == "unconfined" } ?? true
            guard isUnconfined else {
                throw OCIError(
                    "config.json: \(fields.name(key)) asks for \(what), which is not supported: leave it out")
            }
        }
        for key in ["scheduler", "execCPUAffinity"] where fields.value(key) != nil {
            throw OCIError("config.json: \(fields.name(key)) is not supported: leave it out")
        }
    }
}

extension ProcessSpec.ResourceLimit {
    private static let resources: [String: __rlimit_resource] = [
        "RLIMIT_CPU": RLIMIT_CPU, "RLIMIT_FSIZE": RLIMIT_FSIZE, "RLIMIT_DATA": RLIMIT_DATA,
        "RLIMIT_STACK": RLIMIT_STACK,
        "RLIMIT_CORE": RLIMIT_CORE, "RLIMIT_RSS": __RLIMIT_RSS, "RLIMIT_NPROC": __RLIMIT_NPROC,
        "RLIMIT_NOFILE": RLIMIT_NOFILE, "RLIMIT_MEMLOCK": __RLIMIT_MEMLOCK, "RLIMIT_AS": RLIMIT_AS,
        "RLIMIT_LOCKS": __RLIMIT_LOCKS, "RLIMIT_SIGPENDING": __RLIMIT_SIGPENDING, "RLIMIT_MSGQUEUE": __RLIMIT_MSGQUEUE,
        "RLIMIT_NICE": __RLIMIT_NICE, "RLIMIT_RTPRIO": __RLIMIT_RTPRIO, "RLIMIT_RTTIME": __RLIMIT_RTTIME,
    ]

    init(_ fields: Fields) throws(OCIError) {
        let name = try fields.required("type")
        guard let found = Self.resources[name] else {
            throw OCIError(
                "config.json: \(fields.name("type")) is \(name), which is no resource limit (man 2 getrlimit)")
        }
        let soft = try Self.amount(fields, "soft")
        let hard = try Self.amount(fields, "hard")
        guard soft <= hard else {
            throw OCIError("config.json: \(fields.path): the soft limit of \(name) is above the hard one: lower it")
        }
        self.init(name: name, resource: Int32(found.rawValue), soft: soft, hard: hard)
    }

    /// 18446744073709551615 is no limit.
    private static func amount(_ fields: Fields, _ key: String) throws(OCIError) -> UInt64 {
        switch fields.value(key) {
        case .integer(let number): number < 0 ? .max : UInt64(number)
        case .double(let text) where UInt64(text) != nil: UInt64(text)!
        case .double: UInt64.max
        default: throw OCIError("config.json: \(fields.name(key)) is missing: it must be a number")
        }
    }
}
