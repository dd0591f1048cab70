import CKernel
import Glibc
import NetCore

/// Links of the host and of the container, and what their messages told.
extension LinuxKernel {
    mutating func remember(_ link: Link, _ place: Place) {
        indexes.removeAll { $0.name == link.name && $0.place == place }
        indexes.append((link.name, place, link.index))
        if place == .host { absent.removeAll { $0 == link.name } }
        sockets.remember(link, place)
        if let value = link.routesLocalnet { tell("net/ipv4/conf/\(link.name)/route_localnet", place, "\(value)") }
        if let value = link.acceptsAdvertisements { tell("net/ipv6/conf/\(link.name)/accept_ra", place, "\(value)") }
    }

    mutating func tell(_ path: String, _ place: Place, _ value: String?) {
        told.removeAll { $0.path == path && $0.place == place }
        if let value { told.append((path, place, value)) }
    }

    /// The parameter as it is known without a look at /proc/sys; nil where only that tells.
    mutating func known(_ path: String, _ place: Place) throws(KernelError) -> String? {
        if let known = told.first(where: { $0.path == path && $0.place == place }) { return known.value }
        guard place == .host else { return nil }
        let family: AddressFamily
        switch path {
        case "net/ipv4/ip_forward": family = .v4
        case "net/ipv6/conf/all/forwarding": family = .v6
        default: return nil
        }
        let isOn = try ignoring(.notSupported, Errno(EAFNOSUPPORT), .invalidArgument) { () throws(KernelError) in
            try host.isForwarding(family)
        }
        let value = isOn.flatMap { $0 }.map { $0 ? "1" : "0" }
        tell(path, place, value)
        return value
    }

    /// Nil when there is no such link.
    public mutating func link(_ name: LinkName, _ place: Place) throws(KernelError) -> Link? {
        if place == .container { try requireContainer() }
        // Asked this way an absence takes a tenth of the time.
        let isAbsent = place == .host ? host.lacks(name.description) : sockets.container!.lacks(name.description)
        let link: Link? =
            if isAbsent { nil } else {
                try ignoring(.noSuchDevice) { () throws(KernelError) in
                    if place == .host { return try host.link(name.description) }
                    return try sockets.container!.link(name.description)
                }
            }
        if let link { remember(link, place) } else if place == .host { absent.append(name.description) }
        return link
    }

    /// Links of the host in one question; nil where there is none of that name.
    public mutating func hostLinks(_ names: [LinkName]) throws(KernelError) -> [Link?] {
        let links = try host.links(named: names.map(\.description))
        for case let link? in links { remember(link, .host) }
        return links
    }

    /// The host's link with that index; nil when there is none.
    public mutating func link(index: Int32?) throws(KernelError) -> Link? {
        guard let index else { return nil }
        let link = try ignoring(.noSuchDevice) { () throws(KernelError) in try host.link(index: index) }
        if let link { remember(link, .host) }
        return link
    }

    /// As `link(_:_:)`, but what was looked up before, by this kernel or one that it shares its sockets with, is not asked
    /// for again: for a link's kind, master and MAC address, which do not change in the middle of an operation of ours.
    public mutating func seenLink(_ name: LinkName, _ place: Place) throws(KernelError) -> Link? {
        if let seen = sockets.links(place).first(where: { $0.name == name.description }) { return seen }
        return try link(name, place)
    }

    public mutating func seenLink(index: Int32?) throws(KernelError) -> Link? {
        guard let seen = sockets.links(.host).first(where: { $0.index == index }) else {
            return try link(index: index)
        }
        remember(seen, .host)
        return seen
    }

    /// Every neighbour hears of the addresses of a container's link that announces them (arp_notify, ndisc_notify): the
    /// kernel does that when a MAC address is set, though it be the same.
    public mutating func announce(_ link: Link) throws(KernelError) {
        guard let mac = link.mac else { return }
        try requireContainer()
        var changes = LinkRequest.Changes()
        changes.mac = mac
        let request = try LinkRequest.set(link.name, changes, "announce the addresses of \(link.name)")
        try sockets.container!.perform([request])
    }

    mutating func index(_ name: LinkName, _ place: Place) throws(KernelError) -> Int32? {
        let known = indexes.first { $0.name == name.description && $0.place == place }
        if let known { return known.index }
        if place == .container { try requireContainer() }
        // A question for all of a link takes ten times as long.
        let found =
            place == .host ? host.index(ofLink: name.description) : sockets.container!.index(ofLink: name.description)
        guard let found else { return try link(name, place)?.index }
        indexes.append((name.description, place, found))
        return found
    }

    mutating func requireIndex(_ name: LinkName, _ place: Place) throws(KernelError) -> Int32 {
        guard let index = try index(name, place) else { throw KernelError("look up link \(name)", .noSuchDevice) }
        return index
    }

    public mutating func addresses(of index: Int32, _ place: Place) throws(KernelError) -> [LinkAddress] {
        if place == .host { return try host.addresses(of: index) }
        try requireContainer()
        return try sockets.container!.addresses(of: index)
    }

    mutating func routes(_ family: AddressFamily, _ place: Place) throws(KernelError) -> [Route] {
        if place == .host { return try host.routes(family) }
        try requireContainer()
        return try sockets.container!.routes(family)
    }
}

extension LinuxKernel {
    /// The host's link with the default route of least metric; nil without one.
    public mutating func uplink(_ family: AddressFamily = .v4) throws(KernelError) -> Link? {
        try link(index: uplinkIndex(family))
    }

    /// That link's MTU in bytes, without asking for all that is known of it.
    public mutating func uplinkMTU(_ family: AddressFamily) throws(KernelError) -> Int? {
        guard let index = try uplinkIndex(family) else { return nil }
        if let mtu = host.mtu(ofLink: index) { return mtu }
        return try link(index: index)?.mtu
    }

    private mutating func uplinkIndex(_ family: AddressFamily) throws(KernelError) -> Int32? {
        let defaults = try host.routes(family, table: 254).filter { $0.isDefault && $0.link != nil }
        return defaults.min { ($0.priority ?? 0) < ($1.priority ?? 0) }?.link
    }
}
