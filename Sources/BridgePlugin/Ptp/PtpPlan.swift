import CNI
import NetCore
import NetPlan
import PluginKit

/// What the ptp plugin has to know of the host before it plans.
public struct PtpObservations: Sendable {
    /// Of the link with the default route, IPv4's before IPv6's; nil without one.
    public var uplinkMTU: Int?
    /// Forwarding of these families is off.
    public var notForwarding: [AddressFamily] = []
}

extension PtpPlugin {
    /// The whole of what ADD will do, from configuration and lease alone. Throws code 7 for addresses that do not fit.
    public func plan(
        _ request: Request, _ configuration: CableKeys, lease: CNIResult, _ observations: PtpObservations
    ) throws(CNIError) -> Plan {
        let attachment = request.attachment
        let owner = Owner(plugin: name, attachment: attachment)
        let interface = attachment.interface
        let end = attachment.hostInterface
        var ips = Cable.own(lease, interface)
        guard !ips.isEmpty else {
            throw CNIError(.invalidConfiguration, "IPAM gave no address: ptp has nothing to route to the container")
        }
        var gateways: [IPAddress] = []
        for index in ips.indices {
            gateways.append(try gateway(of: ips[index]))
            ips[index].gateway = gateways[index]
        }
        let families = AddressFamily.allCases.filter { family in ips.contains { $0.address.family == family } }
        var plan = Plan(owner: owner, namespace: request.netns)
        plan.shared = families.map { .sysctl(Cable.forwarding($0)) }
        plan.owned.append(
            .vethPair(
                VethPair(
                    host: end, container: interface, containerMAC: configuration.mac,
                    mtu: configuration.mtu ?? observations.uplinkMTU, master: nil, alias: owner.alias)))
        if families.contains(.v6) { plan.owned += sysctls(interface, end).map { .sysctl($0) } }
        // Nobody else can have an address on a cable: it is usable at once.
        plan.owned += ips.map {
            .address(
                PlannedAddress(
                    .container, link: interface, prefix: $0.address, skippingDetection: true, makesRoute: false))
        }
        plan.owned.append(.linkUp(LinkUp(.container, interface)))
        plan.owned += Cable.unique(gateways.map { .route(toGateway($0, interface)) })
        plan.owned += Cable.unique(
            zip(ips, gateways).compactMap { ip, gateway in
                // Of an address without a network there is nothing more to route.
                guard ip.address.length < ip.address.family.bits else { return nil }
                let route = Route(destination: ip.address.network, gateway: gateway)
                return .route(PlannedRoute(link: interface, route: route))
            })
        plan.owned += lease.routes.map { .route(Cable.planned($0, ips, interface)) }
        plan.owned += Cable.unique(
            gateways.map {
                .address(PlannedAddress(.host, link: end, prefix: IPPrefix(host: $0), skippingDetection: true))
            })
        plan.owned += ips.map {
            .route(PlannedRoute(.host, link: end, route: Route(destination: IPPrefix(host: $0.address.address))))
        }
        if let masquerade = configuration.masquerade {
            plan.backend = masquerade.backend
            plan.owned += ips.map { .masquerade(masquerade.resource($0.address)) }
        }
        return plan
    }

    private func gateway(of ip: CNIResult.IPConfiguration) throws(CNIError) -> IPAddress {
        guard let gateway = Cable.gateway(of: ip), gateway.family == ip.address.family,
            ip.gateway != nil || ip.address.contains(gateway), gateway != ip.address.address
        else {
            throw CNIError(
                .invalidConfiguration,
                "IPAM gave \(ip.address) with gateway \(ip.gateway.map(String.init(describing:)) ?? "none"), which does not fit",
                details: "ptp needs a gateway besides the container's address: name one in \"ipam\"")
        }
        return gateway
    }

    private func toGateway(_ gateway: IPAddress, _ interface: LinkName) -> PlannedRoute {
        var route = Route(destination: IPPrefix(host: gateway))
        route.scope = 253
        return PlannedRoute(link: interface, route: route)
    }

    private func sysctls(_ interface: LinkName, _ end: LinkName) -> [SysctlSetting] {
        let own = "net/ipv6/conf/\(interface)"
        return [
            // Without detection, so that the link-local address asks for the container from the first packet on.
            SysctlSetting(.host, "net/ipv6/conf/\(end)/accept_dad", "0", optional: true),
            SysctlSetting(.host, "net/ipv6/conf/\(end)/disable_ipv6", "0"),
            SysctlSetting(.container, "net/ipv6/conf/lo/disable_ipv6", "0"),
            SysctlSetting(.container, "\(own)/disable_ipv6", "0"),
            SysctlSetting(.container, "\(own)/keep_addr_on_down", "1", optional: true),
            SysctlSetting(.container, "\(own)/accept_dad", "0", optional: true),
        ]
    }
}
