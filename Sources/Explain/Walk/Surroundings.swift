import CKernel
import Glibc
import NetCore

/// The namespaces that a packet may come through, each read when it comes there, and once for all that is asked about them.
public final class Surroundings {
    public let references: [NodeReference]
    private let own: NetworkNamespace
    private let inodes: [UInt64]?
    /// What a kernel first did not tell: without it nothing that is said holds.
    var refusal: KernelError?
    private var nodes: [NodeReference: Node] = [:]

    /// Of the namespaces that can be seen, in the caller's own; `inodes`: theirs, in the same order, from one who has looked already.
    /// Throws when the caller's own cannot be opened.
    public init(_ references: [NodeReference], inodes: [UInt64]? = nil) throws(KernelError) {
        self.references = references
        self.inodes = inodes
        own = try NetworkNamespace.current()
    }

    /// The references as their namespaces came to be: the kernel counts their inodes up. Its numbers for them (IFLA_LINK_NETNSID) it
    /// gives in the order in which it first needs one, mostly the same.
    private(set) lazy var byAge: [NodeReference] = zip(
        inodes ?? references.map { NetworkNamespace.Identity(path: $0.namespace)?.inode ?? .max }, references
    ).sorted { $0.0 < $1.0 }.map(\.1)

    /// The caller's own namespace, to come back to.
    var home: Int32 { own.number }

    /// What an explanation before this one began is none of it.
    func forgetFlows() { for node in nodes.values { node.flows = [] } }

    /// Nil when it cannot be read.
    func node(_ reference: NodeReference) -> Node? {
        if let known = nodes[reference] { return known }
        do throws(KernelError) {
            let node = try Node(reference, among: self)
            nodes[reference] = node
            return node
        } catch {
            // One that has gone, or is another user's, is none of them; where descriptors or memory are used up nothing is known of it.
            if [Errno(EMFILE), Errno(ENFILE), Errno(ENOMEM), Errno(ENOBUFS)].contains(error.errno) {
                refusal = refusal ?? error
            }
            return nil
        }
    }

    /// Throws what the kernel refused.
    func node(named name: String) throws(KernelError) -> Node? {
        guard let reference = references.first(where: { $0.name == name }) else { return nil }
        if let known = nodes[reference] { return known }
        let node = try Node(reference, among: self)
        nodes[reference] = node
        return node
    }
}
