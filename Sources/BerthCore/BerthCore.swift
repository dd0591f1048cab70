import BridgePlugin
import CNI
import Glibc
import IPAM
import MiniRuntime
import NATPlugin
import NetCore
import NetPlan
import Networks
import PluginKit

/// Every CNI plugin of this program. A test holds this list against docs, examples and installed links.
enum Registry {
    static let names = [
        "bandwidth", "bridge", "firewall", "host-local", "loopback", "macvlan", "portmap", "ptp", "static", "tuning",
    ]

    /// The plugin of a CNI type; nil for any other.
    static func plugin(_ type: String) -> (any Plugin)? {
        switch type {
        case "bandwidth": BandwidthPlugin()
        case "bridge": BridgePlugin(builtIn: { Registry.plugin($0) })
        case "firewall": FirewallPlugin()
        case "host-local": HostLocal()
        case "loopback": LoopbackPlugin()
        case "macvlan": MacvlanPlugin(builtIn: { Registry.plugin($0) })
        case "portmap": PortmapPlugin()
        case "ptp": PtpPlugin(builtIn: { Registry.plugin($0) })
        case "static": StaticAddresses()
        case "tuning": TuningPlugin()
        default: nil
        }
    }
}

/// One program under many names: the name it was called by says what it is (docs/adr/0002-executables.md).
@main struct BerthCore {
    static func main() {
        let arguments = CommandLine.arguments
        let program = arguments.first ?? "berth-core"
        let slash = program.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { String(program[program.utf8.index(after: $0)...]) } ?? program
        AnsweredChildren.leave()
        let code = run(name, Array(arguments.dropFirst()))
        DetachedChild.finish()
        exit(code)
    }

    /// A whole chain in this process, whose plugins leave to each other what they opened and read.
    private static func runtime(_ arguments: [String]) -> Int32 {
        LinuxKernel.sharesSockets()
        AttachmentRecords.keepLast()
        return RuntimeCommand.run(arguments: arguments, environment: .process) { Registry.plugin($0) }
    }

    private static func run(_ name: String, _ arguments: [String]) -> Int32 {
        if let plugin = Registry.plugin(name) { return PluginProcess.run(plugin, environment: .process) }
        if name == "berth-cni" { return runtime(arguments) }
        if name == "berth-names" { return NamesProgram.run(arguments) }
        if name == "berth-oci" { return OCICommand.run(arguments: arguments) }
        if name == "berth-shim" { return ShimCommand.run(arguments: arguments) }
        if name == "berth-init" { return Reaper.run(arguments) }
        switch arguments.first {
        case "--plugins":
            print(Registry.names.joined(by: "\n"))
            return 0
        case "cni": return runtime(Array(arguments.dropFirst()))
        case let type?:
            // For a try by hand: berth-core bridge, with the environment that a runtime would set.
            if let plugin = Registry.plugin(type) { return PluginProcess.run(plugin, environment: .process) }
            fallthrough
        default:
            let help =
                "berth-core is called by the name of a CNI plugin (\(Registry.names.joined(by: ", "))) or as berth-cni, berth-oci or berth-shim; --plugins lists them\n"
            write(2, help, help.utf8.count)
            return 2
        }
    }
}
