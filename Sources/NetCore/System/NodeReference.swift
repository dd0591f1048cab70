/// A network namespace with a name, as pictures and traces know a node: what leads to it, not what is in it.
public struct NodeReference: Hashable, Sendable {
    public let name: String
    /// A path that the caller may open: `/proc/PID/ns/net`, `/run/netns/NAME`.
    public let namespace: String
    /// The node's first process as the caller's /proc counts it; nil where nobody is at home.
    public let pid: Int32?

    public init(name: String, namespace: String, pid: Int32? = nil) {
        self.name = name
        self.namespace = namespace
        self.pid = pid
    }
}
