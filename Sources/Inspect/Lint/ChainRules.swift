import CNI
import JSON
import NetCore

/// What is wrong with the order of a list's plugins.
struct ChainRules {
    private(set) var findings: [LintFinding] = []

    /// Plugins of others that change what one before them made.
    private static let foreignChained = ["sbr", "vrf", "route-override"]
    /// Plugins of others that make the container's interface.
    private static let foreignMakers = [
        "ipvlan", "vlan", "host-device", "dummy", "tap", "calico", "flannel", "cilium-cni",
    ]

    private static func isChained(_ type: String) -> Bool {
        OwnPlugins.planned(type)?.isChained ?? foreignChained.contains(type)
    }

    private static func makesInterface(_ type: String) -> Bool {
        Owner.interfacePlugins.contains(type) || foreignMakers.contains(type)
    }

    /// What passes the host, or ends there, these change; a macvlan's traffic does neither.
    private static let needsHost = ["bandwidth", "firewall", "portmap"]

    init(_ network: LintNetwork) {
        let plugins = network.plugins
        if let first = plugins.first, ChainRules.isChained(first.type) {
            findings.append(
                first.finding(
                    .pluginOrder,
                    "plugin \(first.type) stands first, and works on an interface that a plugin before it has made",
                    fix: "put it behind the plugin that makes the interface, such as bridge"))
        }
        for (index, plugin) in plugins.enumerated() {
            let before = plugins[..<index]
            if let twin = before.first(where: { $0.type == plugin.type }), OwnPlugins.planned(plugin.type) != nil {
                findings.append(
                    plugin.finding(
                        .pluginTwice,
                        "plugin \(plugin.type) stands in the list a second time: the ADD of the second is refused",
                        fix: "make one of the two, at \(twin.path.isEmpty ? twin.file.path : twin.path)"))
            } else if ChainRules.needsHost.contains(plugin.type), before.contains(where: { $0.type == "macvlan" }) {
                findings.append(
                    plugin.finding(
                        .pluginOrder,
                        "plugin \(plugin.type) stands behind macvlan, whose traffic does not pass the host: it has no effect there, or is refused",
                        fix: "leave it out, or let bridge or ptp make the interface"))
            } else if ChainRules.makesInterface(plugin.type),
                let maker = before.first(where: { ChainRules.makesInterface($0.type) })
            {
                findings.append(
                    plugin.finding(
                        .pluginOrder,
                        "plugin \(plugin.type) makes the container's interface, which \(maker.type) has made already",
                        fix: "make a network of its own of it, in another list"))
            }
        }
    }
}
