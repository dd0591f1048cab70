import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit

/// What the plugins that make a cable do alike.
enum Cable {
    /// A lease's addresses, or of a chain's whole result those of our own interface.
    static func own(_ lease: CNIResult, _ interface: LinkName) -> [CNIResult.IPConfiguration] {
        lease.ips.filter { ip in
            guard let index = ip.interface, lease.interfaces.indices.contains(index) else { return true }
            return lease.interfaces[index].name == interface.description
                && lease.interfaces[index].sandbox?.isEmpty == false
        }
    }

    /// The host's end of a container's veth pair; nil for any other link. Our own is found by its name, a foreign plugin's
    /// by the peer's index among the host's interfaces of the previous result.
    static func hostEnd(of link: Link, _ request: Request, _ kernel: inout LinuxKernel) throws(KernelError) -> Link? {
        guard link.kind == "veth" else { return nil }
        let others = (request.configuration.previousResult?.interfaces ?? []).filter { $0.sandbox?.isEmpty ?? true }
        for text in [request.attachment.hostInterface.description] + others.map(\.name) {
            guard let name = LinkName(text), let found = try kernel.link(name, .host) else { continue }
            if found.kind == "veth", found.index == link.peer { return found }
        }
        return nil
    }

    static func forwarding(_ family: AddressFamily) -> SysctlSetting {
        SysctlSetting(.host, family == .v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding", "1")
    }

    /// Forwarding of which families is off.
    static func notForwarding(_ kernel: inout LinuxKernel) throws(KernelError) -> [AddressFamily] {
        var families: [AddressFamily] = []
        for family in AddressFamily.allCases
        where try kernel.parameter(forwarding(family).path, .host) == "0" {
            families.append(family)
        }
        return families
    }

    /// Forwarding is never switched off again; whose doing it was can be told (C-3). Nil: nobody's of these.
    static func switchedOn(_ plan: Plan, _ families: [AddressFamily]) -> JSON? {
        let settings = families.map { forwarding($0) }.filter { plan.shared.contains(.sysctl($0)) }
        return settings.isEmpty ? nil : .array(settings.map { .string($0.path) })
    }

    /// Of the link with the default route, IPv4's before IPv6's; nil without one.
    static func uplinkMTU(_ kernel: inout LinuxKernel) throws(KernelError) -> Int? {
        if let mtu = try kernel.uplinkMTU(.v4) { return mtu }
        return try kernel.uplinkMTU(.v6)
    }

    /// The gateway: IPAM's, else the first address of the subnet.
    static func gateway(of ip: CNIResult.IPConfiguration) -> IPAddress? {
        ip.gateway ?? ip.address.first.advanced(by: 1)
    }

    /// A route without a gateway takes the first address's of its family; without that it is of link scope (P-39).
    static func planned(
        _ configured: CNIResult.RouteConfiguration, _ ips: [CNIResult.IPConfiguration], _ interface: LinkName
    ) -> PlannedRoute {
        let family = configured.destination.family
        let gateway = configured.gateway ?? ips.first { $0.address.family == family && $0.gateway != nil }?.gateway
        // Scope link and a gateway exclude each other: the destination is then on the link itself.
        let onLink = configured.scope == 253 && configured.gateway == nil
        var route = Route(destination: configured.destination, gateway: onLink ? nil : gateway)
        route.mtu = configured.mtu
        route.advmss = configured.advmss
        route.priority = configured.priority
        route.table = configured.table
        route.scope = configured.scope
        return PlannedRoute(link: interface, route: route)
    }

    static func unique(_ resources: [Resource]) -> [Resource] {
        resources.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Forwarding makes a host that takes its route from advertisements deaf to them.
    static func warnOfAdvertisements(_ plugin: String, _ plan: Plan, _ kernel: inout LinuxKernel) {
        guard plan.shared.contains(.sysctl(forwarding(.v6))) else { return }
        do throws(KernelError) {
            guard let uplink = try kernel.uplink(.v6),
                try kernel.sysctl("net/ipv6/conf/\(uplink.name)/accept_ra", .host) == "1"
            else { return }
            warn(
                plugin,
                "IPv6 forwarding is on, so \(uplink.name) ignores router advertisements: set net.ipv6.conf.\(uplink.name).accept_ra=2 to keep its default route"
            )
        } catch {
            // A warning that cannot be given is no failure.
        }
    }

    /// IPv6 addresses that are being checked for duplicates: at most five seconds, and only
    /// where there is a gateway to be reached. Throws code 101 for one that another host has.
    static func waitForAddresses(_ interface: LinkName, _ lease: CNIResult, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard lease.ips.contains(where: { $0.address.family == .v6 && $0.gateway != nil }) else { return }
        for _ in 0..<100 {
            let addresses = try answering { () throws(KernelError) in
                guard let link = try kernel.link(interface, .container), link.isUp else { return [LinkAddress]() }
                return try kernel.addresses(of: link.index, .container)
            }
            if let twin = addresses.first(where: \.isDuplicate) {
                throw CNIError(.addressInUse, "address \(twin.prefix) is in use by another host of the network")
            }
            if !addresses.contains(where: \.isTentative) { return }
            usleep(50_000)
        }
    }

    /// Throws code 103 when the attachment's link stands, though no record tells of it.
    static func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {
        let link = try answering { () throws(KernelError) in try kernel.link(attachment.hostInterface, .host) }
        guard let link else { return }
        throw CNIError(
            .interfaceExists, "\(attachment) is already attached: its link \(link.name) exists",
            details: "DEL it before the next ADD")
    }

    /// The cable as it must be at CHECK: a later plugin may have changed what the result says since, or, before 1.1.0,
    /// cannot say.
    static func handedOn(
        _ pair: VethPair, by plugin: String, _ request: Request, _ previous: CNIResult, _ record: AttachmentRecord?
    ) -> VethPair {
        let container = previous.interfaces.first {
            $0.name == request.interface?.description && $0.sandbox?.isEmpty == false
        }
        let tuned = record?["tuning"]?.notes["mtu"]?.integer.map { Int($0) }
        let chosen = record?[plugin]?.notes["mtu"]?.integer.map { Int($0) }
        return VethPair(
            host: pair.host, container: pair.container,
            containerMAC: container?.mac.flatMap(MACAddress.init) ?? pair.containerMAC,
            mtu: container?.mtu ?? tuned ?? pair.mtu ?? chosen, master: pair.master, alias: pair.alias)
    }
}
