public import NetCore

/// Why there is no picture, as a sentence with how to mend it.
public enum TopologyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel refused something.
    case kernel(KernelError, node: String)
    /// The JSON is no map of this version.
    case badMap(String)

    public var description: String {
        switch self {
        case .kernel(let error, let node):
            if error.errno == .notPermitted || error.errno == .accessDenied {
                return "cannot read the network of \(node): reading other namespaces needs root (\(error))"
            }
            return "cannot read the network of \(node): \(error)"
        case .badMap(let words): return "not a map of version \(NetworkMap.version): \(words)"
        }
    }
}
