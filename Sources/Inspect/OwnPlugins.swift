import BridgePlugin
import CNI
import IPAM
import NATPlugin
import PluginKit

/// berth's own plugins, for who asks them in this process. A test holds them against the pages of docs/plugins.
enum OwnPlugins {
    static let types = [
        "bandwidth", "bridge", "firewall", "host-local", "loopback", "macvlan", "portmap", "ptp", "static", "tuning",
    ]

    /// Those whose ADD is a plan; address management is asked by them.
    static func planned(_ type: String) -> (any PlannedPlugin)? {
        switch type {
        case "bandwidth": BandwidthPlugin()
        case "bridge": BridgePlugin(builtIn: { OwnPlugins.plugin($0) })
        case "firewall": FirewallPlugin()
        case "loopback": LoopbackPlugin()
        case "macvlan": MacvlanPlugin(builtIn: { OwnPlugins.plugin($0) })
        case "portmap": PortmapPlugin()
        case "ptp": PtpPlugin(builtIn: { OwnPlugins.plugin($0) })
        case "tuning": TuningPlugin()
        default: nil
        }
    }

    /// The plugin of a CNI type; nil for any other.
    static func plugin(_ type: String) -> (any Plugin)? {
        switch type {
        case "host-local": HostLocal()
        case "static": StaticAddresses()
        default: planned(type)
        }
    }
}
