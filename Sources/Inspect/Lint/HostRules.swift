import CNI
import IPAM
import JSON
import NATPlugin
import NetCore

/// What is wrong with a list on the host that it is for.
struct HostRules {
    private(set) var findings: [LintFinding] = []
    private let network: LintNetwork
    private let host: LintHost

    init(_ network: LintNetwork, _ all: [LintNetwork], _ host: LintHost) {
        self.network = network
        self.host = host
        let bridges = Set(all.flatMap(NetworkRanges.of).compactMap(\.bridge))
        for own in NetworkRanges.of(network) where own.isGateway { judgeRoutes(own, bridges) }
        for plugin in network.plugins { judgeMTU(plugin) }
        judgeForwarding()
    }

    // MARK: - overlapping-route

    private mutating func judgeRoutes(_ own: NetworkRanges, _ bridges: Set<String>) {
        for range in own.ranges {
            let overlapping = host.routes.filter { route in
                // The route of its own bridge stands once a container is attached; lists among themselves are compared.
                route.destination.overlaps(range.subnet) && !bridges.contains(route.link) && !isCable(route)
            }
            // The most telling one: a neighbour before a gateway, the narrowest first.
            let worst = overlapping.min {
                ($0.isDirect ? 0 : 1, -$0.destination.length) < ($1.isDirect ? 0 : 1, -$1.destination.length)
            }
            guard let worst else { continue }
            findings.append(
                own.plugin.finding(
                    .overlappingRoute, at: own.place(of: range),
                    "\(range.subnet) overlaps with this host's route to \(worst.destination) by \(worst.link): what is meant for one goes to the other",
                    fix: "take a subnet that no route leads to: ip route shows them",
                    severity: worst.isDirect ? .error : .warning))
        }
    }

    /// A container's own, of a network without a bridge.
    private func isCable(_ route: LintHost.Route) -> Bool {
        route.isDirect && route.destination.length == route.destination.family.bits && route.link.hasPrefix("veth")
    }

    // MARK: - mtu-above-uplink

    private mutating func judgeMTU(_ plugin: LintPlugin) {
        guard let uplink = host.uplink, let mtu = plugin.object["mtu"]?.integer, mtu > Int64(uplink.mtu) else { return }
        findings.append(
            plugin.finding(
                .mtuAboveUplink, at: "mtu",
                "\"mtu\": \(mtu) is more than the \(uplink.mtu) of \(uplink.name), by which packets leave: large ones are dropped or split",
                fix: Owner.interfacePlugins.contains(plugin.type)
                    ? "leave it out: \(plugin.type) then takes the uplink's" : "write at most \(uplink.mtu)"))
    }

    // MARK: - forward-drop

    private mutating func judgeForwarding() {
        let forwarding = network.plugins.first {
            $0.type == "portmap" || (Owner.cablePlugins.contains($0.type) && $0.object["ipMasq"]?.bool == true)
        }
        guard !host.drops.isEmpty, let forwarding else { return }
        let warns = network.plugins.contains { $0.type == "firewall" }
        let isInZone = network.plugins.contains { $0.type == "firewall" && $0.object["backend"]?.string == "firewalld" }
        for drop in host.drops where drop != ForeignFirewall.firewalld || !isInZone {
            findings.append(
                forwarding.finding(
                    .forwardDrop,
                    "this host drops what network \"\(network.name)\" has to forward: \(drop)",
                    fix: "let its bridge pass there (docs/plugins/firewall.md)"
                        + (warns ? "" : "; with the firewall plugin in the list every ADD tells of it")))
        }
    }
}
