import CKernel
import NetCore
import NetPlan

/// UDP flows that conntrack remembers with an answer of another time (cni.md N-4): a client that goes on sending would
/// never reach the new container, or reach a dead one for ever.
enum StaleFlows {
    /// Forgets the flows whose original destination is one of the ports and that are stale. Listed and deleted one by one.
    static func forget(udp forwards: [PortForward], where isStale: (ConntrackFlow, PortForward) -> Bool)
        throws(KernelError)
    {
        for family in AddressFamily.allCases {
            let own = forwards.filter { $0.family == family }
            guard !own.isEmpty else { continue }
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            let flows = try socket.flows(family).filter { flow in
                flow.original.protocolNumber == TransportProtocol.udp.number
                    && own.contains { forward in
                        forward.hostPorts.contains(flow.original.destinationPort)
                            && (forward.hostAddress == nil || forward.hostAddress == flow.original.destination)
                            && isStale(flow, forward)
                    }
            }
            try socket.forget(flows)
        }
    }
}
