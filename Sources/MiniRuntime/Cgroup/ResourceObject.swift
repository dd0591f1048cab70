import Glibc
import JSON
import NetCore

/// A part of `linux.resources`, with the name that errors give it. null is as good as absent everywhere.
struct ResourceObject {
    let object: JSONObject
    /// "linux.resources.memory"
    let name: String

    private init(object: JSONObject, name: String) {
        self.object = object
        self.name = name
    }

    /// The member `key` of `linux.resources`; empty when it is not there.
    init(_ resources: JSONObject, _ key: String) throws(KernelError) {
        self.init(object: JSONObject(), name: "linux.resources.\(key)")
        switch resources[key] {
        case nil, .null: return
        case .object(let object): self.init(object: object, name: name)
        case .some(let other): throw ResourceObject.refused(name, "it is \(other.kind), not an object")
        }
    }

    /// The objects in a list; none when it is not there.
    static func list(_ object: JSONObject, _ key: String, _ owner: String) throws(KernelError) -> [ResourceObject] {
        let name = "\(owner).\(key)"
        switch object[key] {
        case nil, .null: return []
        case .array(let entries):
            var list: [ResourceObject] = []
            for (index, entry) in entries.enumerated() {
                guard let object = entry.object else {
                    throw refused("\(name)[\(index)]", "it is \(entry.kind), not an object")
                }
                list.append(ResourceObject(object: object, name: "\(name)[\(index)]"))
            }
            return list
        case .some(let other): throw refused(name, "it is \(other.kind), not a list")
        }
    }

    func integer(_ key: String, _ range: ClosedRange<Int64>) throws(KernelError) -> Int64? {
        switch object[key] {
        case nil, .null: return nil
        case .integer(let value):
            guard range.contains(value) else {
                throw refused(key, "\(value) is not within \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        case .some(let other): throw refused(key, "it is \(other.kind), not a whole number")
        }
    }

    /// A limit: 0 says nothing, anything below it says "none" and is -1.
    func limit(_ key: String, _ range: ClosedRange<Int64>) throws(KernelError) -> Int64? {
        guard let value = try integer(key, Int64.min...range.upperBound), value != 0 else { return nil }
        return max(value, -1)
    }

    func text(_ key: String) throws(KernelError) -> String? {
        switch object[key] {
        case nil, .null: return nil
        case .string(let value): return value
        case .some(let other): throw refused(key, "it is \(other.kind), not a string")
        }
    }

    func flag(_ key: String) throws(KernelError) -> Bool {
        switch object[key] {
        case nil, .null: return false
        case .bool(let value): return value
        case .some(let other): throw refused(key, "it is \(other.kind), not true or false")
        }
    }

    /// What cannot be left out.
    func need<T>(_ value: T?, _ key: String) throws(KernelError) -> T {
        guard let value else { throw refused(key, "it is missing") }
        return value
    }

    func refused(_ key: String, _ why: String) -> KernelError { ResourceObject.refused("\(name).\(key)", why) }

    private static func refused(_ name: String, _ why: String) -> KernelError {
        KernelError("read \(name)", .invalidArgument, why)
    }
}

/// Numbers as the kernel's lists have them: "0-3,5".
struct CPUSet: Hashable {
    let members: Set<Int>

    /// Nil for a text that is no such list, or has numbers that no machine has.
    init?(_ text: String) {
        guard text.utf8.count <= 1024 else { return nil }
        var members: Set<Int> = []
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\n" }) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 0, first <= last,
                last < 8192
            else { return nil }
            members.formUnion(first...last)
        }
        self.members = members
    }
}
