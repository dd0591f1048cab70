import CNI
import NetCore
import NetPlan
import PluginKit

extension BridgePlugin {
    /// With `removeEmptyBridge` the bridge goes with its last port.
    public func removeUnused(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        // Read leniently: a DEL does not fail for a key that is wrong.
        guard root.value("removeEmptyBridge")?.bool == true,
            let bridge = LinkName(root.value("bridge")?.string ?? "cni0")
        else { return }
        try answering { () throws(KernelError) in
            var kernel = try LinuxKernel(state: request.state)
            guard try kernel.unusedBridge(bridge) != nil else { return }
            // An ADD of this network makes bridge and cable under the same lock: none is between the two now. One of another
            // network has its record before it looks at the bridge, so records are read last.
            let lock = try request.state.networkLock(request.configuration.name, .exclusive)
            defer { withExtendedLifetime(lock.descriptor) {} }
            guard let unused = try kernel.unusedBridge(bridge) else { return }
            let users = try AttachmentRecords(request.state).all().filter {
                $0[name]?.notes["bridge"]?.string == bridge.description
            }
            if users.isEmpty { try kernel.remove(bridge: unused) }
        }
    }
}
