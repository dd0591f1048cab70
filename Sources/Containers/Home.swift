import JSON
import NetCore

/// Where everything lies (docs/runtime/parts.md), and the programs that are executed.
public struct Home: Sendable {
    /// Survives a reboot: /var/lib/berth.
    public var root: String
    /// Does not: /run/berth.
    public var run: String
    /// berth-oci, berth-shim, berth-cni and berth-names stand here.
    public var programs: String
    public init(root: String, run: String, programs: String) {
        self.root = root
        self.run = run
        self.programs = programs
    }

    public func container(_ id: String) -> String { "\(root)/containers/\(id)" }
    public func runtime(_ id: String) -> String { "\(run)/containers/\(id)" }
}

/// What a request is answered with when it cannot be done: Docker's status code, and what, why and how to mend it.
public struct APIError: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
    public init(_ status: Int, _ description: String) {
        self.status = status
        self.description = description
    }
}

/// Takes what happens (`GET /events`): type (container, image, network, volume), action, the actor's id and its attributes. Called from any thread.
public protocol EventSink: Sendable {
    func happened(_ type: String, _ action: String, _ id: String, _ attributes: [(String, String)])
}
