import CKernel

/// A copy of a process's environment (man 7 environ). Looking a variable up walks the entries: a plugin asks for six.
public struct Environment: Sendable {
    /// `NAME=value`; of equal names the first counts, as for getenv(3).
    private let entries: [String]

    public init(_ variables: [String: String]) {
        entries = variables.map { "\($0.key)=\($0.value)" }
    }

    private init(entries: [String]) { self.entries = entries }

    /// This process's environment, read anew at each call.
    public static var process: Environment {
        var entries: [String] = []
        guard var next = berth_environment() else { return Environment(entries: []) }
        while let entry = next.pointee {
            entries.append(String(cString: entry))
            next += 1
        }
        return Environment(entries: entries)
    }

    public subscript(name: String) -> String? {
        for entry in entries {
            let bytes = entry.utf8
            guard bytes.starts(with: name.utf8) else { continue }
            let end = bytes.index(bytes.startIndex, offsetBy: name.utf8.count)
            guard end < bytes.endIndex, bytes[end] == UInt8(ascii: "=") else { continue }
            return String(entry[bytes.index(after: end)...])
        }
        return nil
    }

    /// The variable, or nil when it is unset or empty.
    public func nonEmpty(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }

    public var variables: [String: String] {
        var variables: [String: String] = [:]
        variables.reserveCapacity(entries.count)
        for entry in entries {
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(entry[..<equals])
            if variables[name] == nil { variables[name] = String(entry[entry.utf8.index(after: equals)...]) }
        }
        return variables
    }
}
