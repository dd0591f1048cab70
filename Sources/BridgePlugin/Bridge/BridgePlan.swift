import CNI
import JSON
import NetCore
import NetPlan

/// What the bridge plugin has to know of the host before it plans.
public struct BridgeObservations: Sendable {
    /// Of the link with the default route, IPv4's before IPv6's; nil without one.
    public var uplinkMTU: Int?
    /// An address had another holder before: neighbours are told.
    public var announces = false
    /// Forwarding of these families is off.
    public var notForwarding: [AddressFamily] = []
}

extension BridgePlugin {
    /// The whole of what ADD will do, from configuration and lease alone. Throws code 7 for addresses that do not fit.
    public func plan(
        _ request: Request, _ configuration: BridgeConfiguration, lease: CNIResult, _ observations: BridgeObservations
    ) throws(CNIError) -> Plan {
        let attachment = request.attachment
        let owner = Owner(plugin: name, attachment: attachment)
        let interface = attachment.interface
        let mtu = configuration.cable.mtu ?? observations.uplinkMTU
        var ips = Cable.own(lease, interface)
        // What IPAM does not say the bridge decides; routes go there.
        if configuration.isGateway {
            for index in ips.indices { ips[index].gateway = Cable.gateway(of: ips[index]) }
        }
        let families = Set(ips.map(\.address.family))
        var plan = Plan(owner: owner, namespace: request.netns)
        plan.shared.append(
            .bridge(Bridge(name: configuration.bridge, mtu: mtu, promiscuous: configuration.promiscuous)))
        if configuration.isGateway {
            plan.shared += families.sorted { $0.rawValue < $1.rawValue }.map { .sysctl(Cable.forwarding($0)) }
            if families.contains(.v6) {
                plan.shared.append(
                    .sysctl(SysctlSetting(.host, "net/ipv6/conf/\(configuration.bridge)/disable_ipv6", "0")))
            }
            plan.shared += Cable.unique(try ips.map { (ip) throws(CNIError) in try gatewayAddress(ip, configuration) })
        }
        let port = attachment.hostInterface
        let mac = configuration.cable.mac ?? (configuration.checksSender ? BridgePlugin.derivedMAC(attachment) : nil)
        plan.owned.append(
            .vethPair(
                VethPair(
                    host: port, container: interface, containerMAC: mac, mtu: mtu, master: configuration.bridge,
                    alias: owner.alias)))
        let flags = BridgePort(
            link: port, hairpin: configuration.hairpin ? true : nil, isolated: configuration.isolated ? true : nil,
            learning: configuration.checksSender ? false : nil)
        if !flags.isEmpty { plan.owned.append(.bridgePort(flags)) }
        if configuration.checksSender, let mac {
            // No rule sees frames to the groups 01:80:c2:00:00:00 to 0f, from which a bridge learns all the same
            // (br_handle_frame in the kernel): it must not, and then it has to be told where the container is.
            plan.owned += [
                .knownAddress(KnownAddress(port: port, mac: mac)), .senderCheck(SenderCheck(port: port, mac: mac)),
            ]
        }
        guard !configuration.leavesDown else {
            plan.owned.append(.linkDown(LinkDown(interface)))
            return plan
        }
        plan.owned += sysctls(interface, families, configuration).map { .sysctl($0) }
        plan.owned += ips.map {
            .address(
                PlannedAddress(
                    .container, link: interface, prefix: $0.address, skippingDetection: !configuration.detectsDuplicates
                ))
        }
        plan.owned.append(.linkUp(LinkUp(.container, interface)))
        // Not before the link comes up: its port may not forward yet, so that nobody heard it.
        plan.owned += announcements(interface, families).map { .sysctl($0) }
        plan.announces = observations.announces
        plan.owned += routes(lease, ips, configuration).map { .route(Cable.planned($0, ips, interface)) }
        plan.owned += ips.map {
            .forgottenNeighbour(ForgottenNeighbour(link: configuration.bridge, address: $0.address.address))
        }
        if let masquerade = configuration.cable.masquerade {
            plan.backend = masquerade.backend
            plan.owned += ips.map { .masquerade(masquerade.resource($0.address)) }
        }
        return plan
    }

    /// One that is known before the cable is made, since the kernel's choice is not.
    static func derivedMAC(_ attachment: Attachment) -> MACAddress {
        MACAddress(
            derivedFrom: Digest.sha256("link \(attachment.network)\0\(attachment.containerID)\0\(attachment.interface)")
        )
    }

    private func gatewayAddress(_ ip: CNIResult.IPConfiguration, _ configuration: BridgeConfiguration) throws(CNIError)
        -> Resource
    {
        guard let gateway = Cable.gateway(of: ip), gateway.family == ip.address.family else {
            throw CNIError(
                .invalidConfiguration,
                "IPAM gave \(ip.address) with gateway \(ip.gateway.map(String.init(describing:)) ?? "none"), which does not fit"
            )
        }
        return .address(
            PlannedAddress(
                .host, link: configuration.bridge, prefix: IPPrefix(gateway, length: ip.address.length),
                skippingDetection: true,
                replacing: configuration.forceAddress, alone: !configuration.forceAddress))
    }

    private func sysctls(_ interface: LinkName, _ families: Set<AddressFamily>, _ configuration: BridgeConfiguration)
        -> [SysctlSetting]
    {
        var settings: [SysctlSetting] = []
        if families.contains(.v6) {
            let own = "net/ipv6/conf/\(interface)"
            settings += [
                SysctlSetting(.container, "net/ipv6/conf/lo/disable_ipv6", "0"),
                SysctlSetting(.container, "\(own)/disable_ipv6", "0"),
                SysctlSetting(.container, "\(own)/keep_addr_on_down", "1", optional: true),
                SysctlSetting(
                    .container, "\(own)/accept_dad", configuration.detectsDuplicates ? "1" : "0", optional: true),
            ]
            if configuration.detectsDuplicates {
                settings.append(SysctlSetting(.container, "\(own)/enhanced_dad", "1", optional: true))
            }
        }
        return settings
    }

    /// From now on the link announces its addresses whenever it comes up or its MAC address changes.
    private func announcements(_ interface: LinkName, _ families: Set<AddressFamily>) -> [SysctlSetting] {
        let v4 = SysctlSetting(.container, "net/ipv4/conf/\(interface)/arp_notify", "1")
        guard families.contains(.v6) else { return [v4] }
        return [SysctlSetting(.container, "net/ipv6/conf/\(interface)/ndisc_notify", "1", optional: true), v4]
    }

    /// The lease's routes, and with isDefaultGateway a default route per family that has none.
    func routes(_ lease: CNIResult, _ ips: [CNIResult.IPConfiguration], _ configuration: BridgeConfiguration)
        -> [CNIResult.RouteConfiguration]
    {
        var routes = lease.routes
        guard configuration.isDefaultGateway else { return routes }
        for family in AddressFamily.allCases {
            guard let ip = ips.first(where: { $0.address.family == family }) else { continue }
            guard !routes.contains(where: { $0.destination.length == 0 && $0.destination.family == family }) else {
                continue
            }
            let everywhere = IPPrefix(IPAddress(family: family, value: 0), length: 0)
            routes.append(CNIResult.RouteConfiguration(destination: everywhere, gateway: Cable.gateway(of: ip)))
        }
        return routes
    }
}
