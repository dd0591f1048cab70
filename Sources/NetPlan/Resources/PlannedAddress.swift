import NetCore

/// An address on a link (man 8 ip-address).
public struct PlannedAddress: Hashable, Sendable {
    public let place: Place
    public let link: LinkName
    public let prefix: IPPrefix
    /// IPv6: usable at once, without duplicate address detection.
    public let skippingDetection: Bool
    /// Addresses of the family that differ from this one are taken off first (bridge's forceAddress).
    public let replacing: Bool
    /// Another IPv4 address on the link is an error rather than company (bridge without forceAddress).
    public let alone: Bool
    /// The kernel makes a route to the address's network with it; not where the plan's own routes lead there (ptp).
    public let makesRoute: Bool

    public init(
        _ place: Place, link: LinkName, prefix: IPPrefix, skippingDetection: Bool = false, replacing: Bool = false,
        alone: Bool = false, makesRoute: Bool = true
    ) {
        self.place = place
        self.link = link
        self.prefix = prefix
        self.skippingDetection = skippingDetection
        self.replacing = replacing
        self.alone = alone
        self.makesRoute = makesRoute
    }

    var words: String { "\(link)\(place == .container ? " in the container" : "") has address \(prefix)" }

    func commands(_ shell: ShellWriter) -> [String] {
        let broadcast = prefix.family == .v4 && prefix.length < 31 ? " brd \(prefix.last)" : ""
        let flags = (prefix.family == .v6 && skippingDetection ? " nodad" : "") + (makesRoute ? "" : " noprefixroute")
        let name = ShellWriter.word(link)
        var add = shell.ip(place, "address add \(prefix)\(broadcast) dev \(name)\(flags)")
        guard place == .host else { return [add] }
        if replacing { add = "{ ip -\(prefix.family.rawValue) address flush dev \(name) scope global; \(add); }" }
        // Shared ones may stand already.
        return ["ip address show dev \(name) | grep -qF ' \(prefix) ' || \(add)"]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        let index = try kernel.requireIndex(link, place)
        if place == .host {
            // Among a thousand links those of all take the kernel 0.5 ms: they are asked for only before something changes.
            let present = try kernel.host.addresses(of: index)
            if present.contains(where: { $0.prefix == prefix }) { return }
            try requireApart(from: try kernel.host.addresses().filter { $0.link != index }, &kernel)
            for other in present where other.prefix.family == prefix.family && !other.isLinkLocal {
                if replacing {
                    let delete = try AddressRequest.delete(other.prefix, from: index, named: link.description)
                    try kernel.host.perform([delete])
                } else if alone, prefix.family == .v4 || other.prefix.overlaps(prefix) {
                    throw KernelError(
                        "add address \(prefix) to \(link)", .alreadyExists,
                        "\"\(link)\" already has an IP address different from \(prefix): \(other.prefix)"
                            + ", from another network's configuration or set by hand; give the network a bridge of its own or set forceAddress"
                    )
                }
            }
        }
        let add = try AddressRequest.add(
            prefix, to: index, named: link.description, skippingDetection: skippingDetection,
            makesRoute: makesRoute)
        if place == .host {
            _ = try ignoring(.alreadyExists) { () throws(KernelError) in try kernel.host.perform([add]) }
        } else {
            kernel.queue(add)
        }
    }

    /// Two links to one network: the kernel would send by one of them what is for the other (cni.md N-1). A network inside
    /// a larger one of an uplink's is none of this; one that overlaps with another bridge's is, and one that a network
    /// without a bridge routes from.
    private func requireApart(from others: [LinkAddress], _ kernel: inout LinuxKernel) throws(KernelError) {
        for other in others where !other.isLinkLocal && other.prefix.overlaps(prefix) {
            // A link of a VRF has routes of its own.
            let bits = prefix.family.bits
            // Cables of one network all have the gateway's address.
            guard min(other.prefix.length, prefix.length) < bits, let link = try kernel.link(index: other.link),
                !link.isLoopback, link.master == nil,
                other.prefix.length < bits
                    ? link.kind == "bridge" || other.prefix.network == prefix.network
                    : link.alias?.hasPrefix("berth:ptp/") == true
            else { continue }
            throw KernelError(
                "add address \(prefix) to \(self.link)", .alreadyExists,
                "\"\(link.name)\" has \(other.prefix), which overlaps with it: packets for one network would go to the other; "
                    + "give the network a subnet of its own"
            )
        }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "address \(prefix) on \(link)\(place == .container ? " in the container" : "")"
        guard let index = try kernel.index(link, place) else {
            return [Finding(object, expected: "present", found: "no link \(link)")]
        }
        let found = try kernel.addresses(of: index, place)
        guard let mine = found.first(where: { $0.prefix == prefix }) else {
            let others = found.filter { $0.prefix.family == prefix.family && !$0.isLinkLocal }.map { "\($0.prefix)" }
            return [
                Finding(
                    object, expected: "present",
                    found: others.isEmpty ? "absent" : "absent; there is " + others.joined(by: ", "))
            ]
        }
        return mine.isDuplicate
            ? [Finding(object, expected: "usable", found: "another host has it (duplicate address)")] : []
    }
}
