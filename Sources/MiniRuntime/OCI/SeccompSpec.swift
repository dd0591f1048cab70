import CSeccomp
import JSON

/// `linux.seccomp`: what each system call is answered with.
public struct SeccompSpec: Hashable, Sendable {
    public var defaultAction: UInt32
    public var architectures: [UInt32] = []
    public var flags: [String] = []
    public var rules: [Rule] = []

    public struct Rule: Hashable, Sendable {
        public let names: [String]
        public let action: UInt32
        public let conditions: [Condition]
    }

    public struct Condition: Hashable, Sendable {
        public let index: UInt32
        public let comparison: UInt32
        public let value: UInt64
        public let valueTwo: UInt64
    }

    private static let knownFlags = [
        "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    ]

    init(_ fields: Fields) throws(OCIError) {
        defaultAction = try SeccompSpec.action(
            fields, "defaultAction", try fields.integer("defaultErrnoRet", in: 0...4095))
        for name in try fields.strings("architectures") ?? [] {
            let token = seccomp_arch_resolve_name(SeccompSpec.architecture(name))
            guard token != 0 else {
                throw OCIError(
                    "config.json: \(fields.name("architectures")) names \(name), which libseccomp does not know")
            }
            architectures.append(token)
        }
        flags = try fields.strings("flags") ?? []
        for flag in flags where !SeccompSpec.knownFlags.contains(flag) {
            throw OCIError("config.json: \(fields.name("flags")) has \(flag), which is not supported: take it out")
        }
        for one in try fields.list("syscalls") { rules.append(try SeccompSpec.rule(one)) }
    }

    /// SCMP_ARCH_X86_64 is x86_64 to libseccomp.
    private static func architecture(_ name: String) -> String {
        let prefix = "SCMP_ARCH_"
        return name.utf8.starts(with: prefix.utf8) ? name.dropFirst(prefix.count).lowercased() : name
    }

    private static func rule(_ fields: Fields) throws(OCIError) -> Rule {
        var names = try fields.strings("names") ?? []
        if let name = try fields.string("name") { names.append(name) }
        guard !names.isEmpty else {
            throw OCIError("config.json: \(fields.name("names")) is empty: name a system call")
        }
        let action = try action(fields, "action", try fields.integer("errnoRet", in: 0...4095))
        var conditions: [Condition] = []
        for one in try fields.list("args") { conditions.append(try condition(one)) }
        return Rule(names: names, action: action, conditions: conditions)
    }

    private static func action(_ fields: Fields, _ key: String, _ error: Int64?) throws(OCIError) -> UInt32 {
        let number = UInt32(error ?? 1) & 0xffff
        switch try fields.required(key) {
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
        case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
        case "SCMP_ACT_TRAP": return 0x0003_0000
        case "SCMP_ACT_ERRNO": return 0x0005_0000 | number
        case "SCMP_ACT_TRACE": return 0x7ff0_0000 | number
        case "SCMP_ACT_LOG": return 0x7ffc_0000
        case "SCMP_ACT_ALLOW": return 0x7fff_0000
        case "SCMP_ACT_NOTIFY":
            throw OCIError(
                "config.json: \(fields.name(key)) is SCMP_ACT_NOTIFY, which is not supported: answer with an errno instead"
            )
        case let other:
            throw OCIError("config.json: \(fields.name(key)) is \(other), which is no action of seccomp")
        }
    }

    private static let comparisons = [
        "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
    ]

    private static func condition(_ fields: Fields) throws(OCIError) -> Condition {
        let name = try fields.required("op")
        guard let place = comparisons.firstIndex(of: name) else {
            throw OCIError("config.json: \(fields.name("op")) is \(name), which is no comparison of seccomp")
        }
        return Condition(
            index: UInt32(try fields.integer("index", in: 0...5) ?? 0), comparison: UInt32(place + 1),
            value: try amount(fields, "value"), valueTwo: try amount(fields, "valueTwo"))
    }

    private static func amount(_ fields: Fields, _ key: String) throws(OCIError) -> UInt64 {
        UInt64(bitPattern: try fields.integer(key) ?? 0)
    }
}
