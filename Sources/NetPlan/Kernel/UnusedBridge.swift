import NetCore

extension LinuxKernel {
    /// The bridge, when it is of our making (its MAC address tells) and nobody uses it: it has no port, and no link of this
    /// host stands on it. Nil otherwise.
    public mutating func unusedBridge(_ name: LinkName) throws(KernelError) -> Link? {
        guard let link = try link(name, .host), link.kind == "bridge", link.mac == Bridge(name: name).mac,
            try host.links(master: link.index).isEmpty
        else { return nil }
        // A macvlan or VLAN on it would go with it. The other end of a cable may have the index in another namespace.
        let isBorne = try host.links().contains { $0.peer == link.index && $0.kind != "veth" }
        return isBorne ? nil : link
    }

    /// Nothing is left of the link; that it has gone is no failure.
    public mutating func remove(bridge link: Link) throws(KernelError) {
        let request = try LinkRequest.delete(link)
        _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try host.perform([request]) }
    }
}
