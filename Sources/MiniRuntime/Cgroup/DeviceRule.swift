import Glibc
import NetCore

/// One entry of `linux.resources.devices`: whether a kind of use of device nodes is allowed.
struct DeviceRule: Hashable, Sendable {
    enum Kind: String, Sendable {
        case all = "a"
        case block = "b"
        case character = "c"
    }

    let isAllowed: Bool
    let kind: Kind
    /// Nil for all.
    let major: Int64?
    let minor: Int64?
    /// Of mknod, read, write.
    let access: Access

    struct Access: OptionSet, Hashable, Sendable {
        let rawValue: Int32
        // As the kernel numbers them (BPF_DEVCG_ACC_*).
        static let mknod = Access(rawValue: 1)
        static let read = Access(rawValue: 2)
        static let write = Access(rawValue: 4)
        static let all: Access = [.mknod, .read, .write]

        var text: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.mknod) ? "m" : "")
        }
    }

    init(_ isAllowed: Bool, _ kind: Kind, _ major: Int64?, _ minor: Int64?, _ access: Access) {
        self.isAllowed = isAllowed
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    init(_ entry: ResourceObject) throws(KernelError) {
        let word = try entry.text("type") ?? ""
        guard let kind: Kind = word.isEmpty ? .all : word == "u" ? .character : Kind(rawValue: word) else {
            throw entry.refused("type", "\"\(word)\": a, b or c")
        }
        var access: Access = []
        for letter in try entry.text("access") ?? "" {
            switch letter {
            case "r": access.insert(.read)
            case "w": access.insert(.write)
            case "m": access.insert(.mknod)
            default: throw entry.refused("access", "\"\(letter)\": of r, w and m")
            }
        }
        let major = try DeviceRule.number(entry, "major")
        let minor = try DeviceRule.number(entry, "minor")
        if kind == .all, major != nil || minor != nil {
            throw entry.refused("type", "a number needs a kind of device: b or c")
        }
        self.init(try entry.flag("allow"), kind, major, minor, access.isEmpty ? .all : access)
    }

    private static func number(_ entry: ResourceObject, _ key: String) throws(KernelError) -> Int64? {
        guard let value = try entry.integer(key, -1...Int64(UInt32.max)), value >= 0 else { return nil }
        return value
    }

    /// What every container has, whatever its list says (OCI, "Default Devices"): the nodes that are made for it, and mknod of
    /// any, which gives no access.
    static let always: [DeviceRule] = [
        DeviceRule(true, .character, nil, nil, .mknod), DeviceRule(true, .block, nil, nil, .mknod),
        DeviceRule(true, .character, 1, 3, .all), DeviceRule(true, .character, 1, 5, .all),
        DeviceRule(true, .character, 1, 7, .all), DeviceRule(true, .character, 1, 8, .all),
        DeviceRule(true, .character, 1, 9, .all), DeviceRule(true, .character, 5, 0, .all),
        DeviceRule(true, .character, 5, 2, .all), DeviceRule(true, .character, 136, nil, .all),
    ]

    var isEverything: Bool { kind == .all && access == .all }

    /// As devices.allow and devices.deny take it: "c 1:3 rwm".
    var line: String {
        func number(_ value: Int64?) -> String { value.map { "\($0)" } ?? "*" }
        return "\(kind.rawValue) \(number(major)):\(number(minor)) \(access.text)"
    }

    /// Whether some device falls under both.
    func meets(_ other: DeviceRule) -> Bool {
        func agree(_ one: Int64?, _ other: Int64?) -> Bool { one == nil || other == nil || one == other }
        return (kind == other.kind || kind == .all || other.kind == .all) && agree(major, other.major)
            && agree(minor, other.minor) && !access.isDisjoint(with: other.access)
    }

    private func isSameDevice(as other: DeviceRule) -> Bool {
        kind == other.kind && major == other.major && minor == other.minor
    }

    /// The writes that make a v1 group obey the list: all is forbidden first. The kernel keeps one list of exceptions, so that
    /// a rule that takes back a part of an earlier one would be passed over in silence: it throws EOPNOTSUPP.
    static func v1Writes(_ rules: [DeviceRule]) throws(KernelError) -> [CgroupWrite] {
        var writes = [CgroupWrite("devices", "devices.deny", "a")]
        var allowsAll = false
        var exceptions: [DeviceRule] = []
        for rule in rules {
            if rule.kind == .all {
                guard rule.access == .all else {
                    throw rule.inexpressible("a rule for all devices is for rwm")
                }
                allowsAll = rule.isAllowed
                exceptions = []
                writes.append(CgroupWrite("devices", allowsAll ? "devices.allow" : "devices.deny", "a"))
                continue
            }
            if rule.isAllowed == allowsAll {
                // It can only take exceptions back, and those of the very same device.
                if let other = exceptions.first(where: { $0.meets(rule) && !$0.isSameDevice(as: rule) }) {
                    throw rule.inexpressible("it takes back a part of \"\(other.line)\"")
                }
                guard exceptions.contains(where: { $0.meets(rule) }) else { continue }
            } else {
                exceptions.append(rule)
            }
            writes.append(CgroupWrite("devices", rule.isAllowed ? "devices.allow" : "devices.deny", rule.line))
        }
        return writes
    }

    private func inexpressible(_ why: String) -> KernelError {
        KernelError(
            "\(isAllowed ? "allow" : "forbid") the devices \"\(line)\"", .notSupported,
            "\(why), which control groups v1 cannot say: name the devices one by one, without the wide rule")
    }
}
