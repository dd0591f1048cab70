import CKernel
import CNI
import NetCore
import NetPlan
import PluginKit

/// Programs of the host that receive at a port that is to be published (cni.md N-3 b): the rules would take their
/// traffic. Engines hold published ports themselves, so it is a warning unless the configuration says "refuse".
enum HostSockets {
    /// Throws code 100 with the program where sockets are refused.
    static func compare(_ configuration: PortmapConfiguration, kernel: inout LinuxKernel, plugin: String)
        throws(CNIError)
    {
        var socket: NetlinkSocket
        do throws(KernelError) {
            socket = try NetlinkSocket(NETLINK_SOCK_DIAG)
        } catch {
            return warn(plugin, "cannot see the host's sockets: \(error)")
        }
        for proto in TransportProtocol.allCases {
            let mappings = configuration.mappings.filter { $0.proto == proto }
            guard !mappings.isEmpty else { continue }
            var sockets: [ListeningSocket] = []
            do throws(KernelError) {
                sockets = try socket.listeningSockets(proto)
            } catch {
                // Without sctp, say, there are no sctp sockets.
            }
            for mapping in mappings {
                guard
                    let twin = sockets.first(where: {
                        mapping.hostPorts.contains($0.port) && $0.receives(at: mapping.hostAddress)
                    })
                else {
                    continue
                }
                let sentence = "port \(mapping.text) is already in use on the host, at \(twin.address)"
                guard configuration.refusesHostSockets else {
                    warn(plugin, "\(sentence); its traffic goes to the container from now on")
                    continue
                }
                let program = twin.process().map { "pid \($0)" } ?? "a program that may not be seen"
                throw CNIError(
                    .portConflict, "\(sentence), by \(program)",
                    details: "stop it, choose another host port, or leave \"hostSockets\": \"refuse\" out")
            }
        }
    }
}
