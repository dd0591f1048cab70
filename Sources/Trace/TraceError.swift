import NetCore

/// Why a trace could not be made, as one sentence with how to mend it.
public enum TraceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel refused something.
    case kernel(KernelError, node: String?)
    /// The journey's JSON is not of version 1.
    case badJourney(String)
    case noSuchNode(String, known: [String])
    /// The wish itself cannot be.
    case badProbe(String)

    public var description: String {
        switch self {
        case .kernel(let error, let node):
            let place = node.map { "in \($0): " } ?? ""
            let advice =
                error.errno == .notPermitted || error.errno == .accessDenied
                ? " (tracing needs CAP_NET_ADMIN and CAP_NET_RAW over the namespace: run it as root)" : ""
            return "\(place)\(error)\(advice)"
        case .badJourney(let words): return "not a journey of version \(Journey.version): \(words)"
        case .noSuchNode(let name, let known):
            return "no node is called \(name): known are \(known.isEmpty ? "none" : known.joined(by: ", "))"
        case .badProbe(let words): return words
        }
    }
}
