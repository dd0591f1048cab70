import CKernel
import Glibc

/// A process's environment (man 7 environ). A plugin asks for half a dozen variables: nothing is copied before it is asked for.
public struct Environment: Sendable {
    /// Nil: this process's own.
    private let copy: [String: String]?

    public init(_ variables: [String: String]) { copy = variables }

    private init() { copy = nil }

    /// This process's environment, as it stands whenever it is asked.
    public static let process = Environment()

    public subscript(name: String) -> String? {
        if let copy { return copy[name] }
        return getenv(name).map { String(cString: $0) }
    }

    /// The variable, or nil when it is unset or empty.
    public func nonEmpty(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// All of them; of equal names the first counts, as for getenv(3).
    public var variables: [String: String] {
        if let copy { return copy }
        var variables: [String: String] = [:]
        guard var next = berth_environment() else { return variables }
        while let entry = next.pointee {
            next += 1
            let text = String(cString: entry)
            guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(text[..<equals])
            if variables[name] == nil { variables[name] = String(text[text.utf8.index(after: equals)...]) }
        }
        return variables
    }
}
