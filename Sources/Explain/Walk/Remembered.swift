import CKernel
import Glibc
import NetCore

/// What a way tells beside its steps.
extension Walk {
    /// A flow that stood before the packet came, and so goes where rules of then sent it.
    struct Remembered {
        var node: String
        /// "--udp --port 5353", as berth conntrack flush takes it.
        var filter: String
        /// What the rules of now would do with it; nil: the same.
        var otherwise: String?
    }

    /// NAT's rules see only a flow's first packet: what they say now is asked of a flow that is new.
    func remember(_ flow: Flow, _ node: Node, _ chains: [Chain], _ hook: nf_inet_hooks, _ here: Situation) {
        let silent = Walk(unknowns)
        var fresh = here
        let new = Flow(here.packet)
        fresh.flow = new
        for chain in chains where !new.hasDestination {
            if silent.run(chain, node, hook, &fresh) != nil { break }
        }
        let isSame = new.reply.source == flow.reply.source && new.reply.sourcePort == flow.reply.sourcePort
        let proto = here.packet.proto == UInt8(IPPROTO_UDP) ? "--udp " : ""
        remembered = Remembered(
            node: node.name, filter: "\(proto)--port \(here.packet.destinationPort ?? 0)",
            otherwise: isSame ? nil : silent.steps.last?.words ?? "no rule rewrites it")
    }

    /// A gate of this namespace's own that would have stopped the packet, had its destination not been rewritten before.
    func passedBy(_ node: Node, _ device: Device, _ packet: Packet, _ flow: Flow?) {
        let silent = Walk(unknowns)
        var here = Situation(
            packet: packet, hook: UInt32(NF_INET_LOCAL_IN.rawValue),
            family: packet.family == .v4 ? UInt8(NFPROTO_IPV4) : UInt8(NFPROTO_IPV6), input: device, output: nil)
        here.flow = flow
        for chain in node.rules.hooked(here.hook, here.family) where chain.type != "nat" {
            guard silent.run(chain, node, NF_INET_LOCAL_IN, &here) != nil else { continue }
            let owner = Owner.of(chain, node.rules).map { "\($0.name)'s " } ?? ""
            passed = Passed(
                node: node.name, isUFW: Owner.of(chain, node.rules)?.name == "ufw",
                words:
                    "\(owner)\(chain.words), which drops what comes to \(packet.to), is never asked: the packet is redirected in prerouting, and takes forward instead of input"
            )
            return
        }
    }

    struct Passed {
        var node: String
        var isUFW: Bool
        var words: String
    }
}
