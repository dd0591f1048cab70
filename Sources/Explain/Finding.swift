import CKernel
import Glibc
import NetCore

/// What a question's words mean.
extension Explainer {
    /// The node that has the address; nil when none of them has it. `own` is asked first: what leaves it by hardware, or by what leads to
    /// no namespace, is a stranger's, and what stands behind a port of its bridges is found without the others being opened.
    public static func owner(of address: IPAddress, in surroundings: Surroundings, near own: NodeReference?)
        -> NodeReference?
    {
        guard !address.isLoopback else { return nil }
        defer { withExtendedLifetime(surroundings) {} }
        if let own, let node = surroundings.node(own) {
            if node.addresses.contains(where: { $0.prefix.address == address }) { return own }
            let route = node.route(to: address)
            let device = route.kind == .unicast ? route.device.flatMap { node.device($0) } : nil
            if let device, [nil, "dummy", "ifb", "tun", "wireguard"].contains(device.kind), !device.isLoopback {
                return nil
            }
            if let device, let port = node.port(to: address, among: [device.index] + node.held(by: device)),
                let found = port.peerNamespace.flatMap({ node.namespace($0) })
            {
                return found.reference
            }
        }
        return surroundings.references.first { reference in
            surroundings.node(reference)?.addresses.contains { $0.prefix.address == address } ?? false
        }
    }

    /// The address by which others ask a node: on a device that `source` or a stranger could come in by. Throws what the kernel said.
    public static func address(
        of reference: NodeReference, facing source: NodeReference, stranger: IPAddress?, in surroundings: Surroundings
    ) throws(KernelError) -> IPAddress? {
        defer { withExtendedLifetime(surroundings) {} }
        guard let node = try surroundings.node(named: reference.name) else { return nil }
        let own = node.addresses.filter { !$0.prefix.address.isLoopback && !$0.prefix.address.isLinkLocal }
        guard let first = own.first(where: { $0.prefix.family == .v4 }) ?? own.first else { return nil }
        var facing = stranger
        if facing == nil, source != reference {
            let others = try surroundings.node(named: source.name)?.addresses ?? []
            facing =
                others.first { $0.prefix.family == first.prefix.family && !$0.prefix.address.isLoopback }?.prefix
                .address
        }
        guard let facing, let device = node.route(to: facing).device else { return first.prefix.address }
        return own.first { $0.device == device && $0.prefix.family == facing.family }?.prefix.address
            ?? first.prefix.address
    }

    /// Where strangers' packets come in: a device with a default route, and an address that nobody here has (of RFC 5737 or RFC 3849).
    public static func waysOut(of reference: NodeReference) throws(KernelError) -> [(
        device: String, address: IPAddress
    )] {
        try waysOut(of: reference, in: try Surroundings([reference]))
    }

    /// As above, of namespaces that others were asked about already.
    public static func waysOut(of reference: NodeReference, in surroundings: Surroundings) throws(KernelError) -> [(
        device: String, address: IPAddress
    )] {
        defer { withExtendedLifetime(surroundings) {} }
        guard let node = try surroundings.node(named: reference.name) else { return [] }
        var found: [(String, IPAddress)] = []
        for text in ["192.0.2.77", "2001:db8:77::77"] {
            let address = IPAddress(text)!
            let route = node.route(to: address)
            if route.kind == .unicast, let device = route.device.flatMap({ node.device($0) }) {
                found.append((device.name, address))
            }
        }
        return found
    }
}
