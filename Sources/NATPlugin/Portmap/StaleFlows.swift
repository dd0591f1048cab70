import CKernel
import NetCore
import NetPlan

/// UDP flows that conntrack remembers with an answer of another time (cni.md N-4): a client that goes on sending would
/// never reach the new container, or reach a dead one for ever.
enum StaleFlows {
    /// Forgets the flows that are stale and whose original destination is one of the ports: at the forward's address, or
    /// at any of this host's. A flow through the host to somebody else's port of that number is a stranger's.
    static func forget(
        udp forwards: [PortForward], _ host: inout NetlinkSocket, where isStale: (ConntrackFlow, PortForward) -> Bool
    ) throws(KernelError) {
        for family in AddressFamily.allCases {
            let own = forwards.filter { $0.family == family }
            guard !own.isEmpty else { continue }
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            var stale: [ConntrackFlow] = []
            var isLocal: [IPAddress: Bool] = [:]
            for flow in try socket.flows(family)
            where flow.original.protocolNumber == TransportProtocol.udp.number {
                let (destination, port) = (flow.original.destination, flow.original.destinationPort)
                let candidates = own.filter { $0.hostPorts.contains(port) && isStale(flow, $0) }
                guard !candidates.isEmpty else { continue }
                // What was translated to the target came by the port, even if the address is the host's no more.
                var isOurs = candidates.contains {
                    $0.hostAddress == destination
                        || $0.hostAddress == nil && flow.reply.source == $0.target && flow.reply.source != destination
                }
                if !isOurs, candidates.contains(where: { $0.hostAddress == nil }) {
                    if isLocal[destination] == nil { isLocal[destination] = try host.isLocal(destination) }
                    isOurs = isLocal[destination] == true
                }
                if isOurs { stale.append(flow) }
            }
            try socket.forget(stale)
        }
    }
}
