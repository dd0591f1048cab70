import CKernel
import Glibc
import NetCore

/// What a bridge does with a frame: up to its own namespace, out of a port, nowhere.
extension Walk {
    /// The namespace's own packet, into its bridge.
    func fromBridge(
        _ node: Node, _ bridge: Device, _ macs: (source: MACAddress, destination: MACAddress), _ packet: Packet
    ) -> End {
        var packet = packet
        for hook in [NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING] {
            if let stop = frames(node, hook, &packet, macs, input: nil, output: bridge) { return stop }
        }
        return out(node, bridge, nil, macs, packet, Carried(macs: macs))
    }

    func intoBridge(
        _ node: Node, _ bridge: Device, _ port: Device, _ macs: (source: MACAddress, destination: MACAddress),
        _ wish: Packet
    ) -> End? {
        var packet = wish
        guard bridge.isUp else {
            return end(
                .dropped, node, packet, at: "dev:\(port.name)", "\(bridge.name) of \(node.name) is down",
                fixes: ["\(node.name): ip link set \(bridge.name) up"], lesson: "03")
        }
        guard port.portState ?? 3 == 3 else {
            return end(
                .dropped, node, packet, at: "dev:\(port.name)",
                "\(bridge.name)'s port \(port.name) is \(Walk.portStates[Int(port.portState ?? 0) % 5])",
                fixes: ["\(node.name): bridge link set dev \(port.name) state 3"], lesson: "03")
        }
        if let stop = frames(node, NF_INET_PRE_ROUTING, &packet, macs, input: port, output: nil) { return stop }
        var carried = Carried(macs: macs)
        carried.physicalInput = port
        let isOwn = node.isOwn(macs.destination, bridge: bridge)
        let key = packet.family == .v4 ? "net/bridge/bridge-nf-call-iptables" : "net/bridge/bridge-nf-call-ip6tables"
        let isShown = node.isOn(key)
        if isShown {
            // br_netfilter shows the frame to the gates of IP, whoever it is for.
            let before = packet.destination
            if let stop = hook(node, NF_INET_PRE_ROUTING, &packet, &carried, input: bridge, output: nil) { return stop }
            if packet.destination != before {
                return redirected(node, bridge, port, macs, packet, carried)
            }
        }
        guard isOwn else { return out(node, bridge, port, macs, packet, carried, isShown: isShown) }
        if let stop = frames(node, NF_INET_LOCAL_IN, &packet, macs, input: port, output: nil) { return stop }
        return isShown ? routed(node, bridge, packet, carried) : receive(node, bridge, packet, carried)
    }

    /// A frame whose destination br_netfilter's gates have rewritten: where that is behind the same bridge, it stays a frame.
    private func redirected(
        _ node: Node, _ bridge: Device, _ port: Device, _ macs: (source: MACAddress, destination: MACAddress),
        _ packet: Packet, _ carry: Carried
    ) -> End {
        var (macs, carried) = (macs, carry)
        let route = node.route(
            to: packet.destination, from: packet.source, input: bridge, mark: packet.mark, packet: packet)
        guard route.kind == .unicast, route.device == bridge.index else { return routed(node, bridge, packet, carried) }
        let hop = route.gateway ?? packet.destination
        note(.route, node, "\(packet.destination) by \(bridge.name), as a frame")
        let entry = node.neighbours().first { $0.link == bridge.index && $0.address == hop && $0.mac != nil }
        // Where the bridge's namespace does not forward, the kernel takes the route of a packet of its own: nobody is told by ICMP when
        // it is rejected then.
        carried.isSilent = packet.family == .v4 && !node.isOn("net/ipv4/conf/\(bridge.name)/forwarding")
        guard let mac = entry?.mac ?? segment(node, bridge, seeking: hop).holder?.device.mac else {
            return end(.dropped, node, packet, at: "dev:\(bridge.name)", "nobody answers for \(hop)", lesson: "04")
        }
        macs.destination = mac
        return out(node, bridge, port, macs, packet, carried, isShown: true)
    }

    /// Out of the ports that the frame belongs to.
    private func out(
        _ node: Node, _ bridge: Device, _ port: Device?, _ macs: (source: MACAddress, destination: MACAddress),
        _ packet: Packet,
        _ carried: Carried, isShown: Bool = false
    ) -> End {
        let known = node.forwardingPort(macs.destination, bridge: bridge)
        var chosen: [Int32]
        if let known {
            let other = node.device(known)
            let isPort = other.map { $0.master == bridge.index && $0.isUp && $0.portState ?? 3 == 3 } ?? false
            chosen = isPort ? [known] : []
        } else {
            chosen = node.ports(of: bridge).filter { $0.isUp && $0.isForwarding }.map(\.index)
        }
        // Of a flood the port that the address was found behind is looked at first: the others' namespaces are not opened.
        if let place = node.portOfHolder[macs.destination].flatMap({ chosen.firstIndex(of: $0) }) {
            chosen.insert(chosen.remove(at: place), at: 0)
        }
        if let port, known == port.index || known == nil && far(port, node, macs.destination), !port.hairpin {
            var end = end(
                .dropped, node, packet, at: "dev:\(bridge.name)",
                "\(bridge.name) never sends a packet back out of the port that it came in by: hairpin is off on \(port.name)",
                fixes: ["\(node.name): bridge link set dev \(port.name) hairpin on"], lesson: "09")
            end.closedHairpin = port.name
            return end
        }
        for index in chosen {
            guard let other = node.device(index), index != port?.index || other.hairpin else { continue }
            if let port, port.isIsolated, other.isIsolated {
                if known != nil || chosen.count == 1 {
                    return end(
                        .dropped, node, packet, at: "dev:\(bridge.name)",
                        "\(port.name) and \(other.name) are both isolated ports of \(bridge.name)",
                        fixes: ["\(node.name): bridge link set dev \(other.name) isolated off"], lesson: "03")
                }
                continue
            }
            let here = steps.count
            var (passed, carried) = (packet, carried)
            if port != nil {
                note(.bridge, node, "\(bridge.name): from port \(port!.name) to \(other.name)")
                if let stop = frames(node, NF_INET_FORWARD, &passed, macs, input: port, output: other) { return stop }
                if isShown {
                    if let stop = hook(
                        node, NF_INET_FORWARD, &passed, &carried, input: bridge, output: bridge, physicalOutput: other)
                    {
                        return stop
                    }
                }
                if let stop = frames(node, NF_INET_POST_ROUTING, &passed, macs, input: port, output: other) {
                    return stop
                }
                if isShown {
                    if let stop = hook(
                        node, NF_INET_POST_ROUTING, &passed, &carried, input: bridge, output: bridge,
                        physicalOutput: other)
                    {
                        return stop
                    }
                }
            }
            if let found = cross(node, other, macs, passed) { return found }
            // Flooded to one whose it is not.
            steps.removeSubrange(here...)
        }
        return lost(node, bridge, macs.destination, packet)
    }

    /// Is the MAC behind that very port?
    private func far(_ port: Device, _ node: Node, _ mac: MACAddress) -> Bool {
        guard let there = peer(node, port) else { return false }
        return there.device.mac == mac
    }

    /// The bridge family's own chains.
    private func frames(
        _ node: Node, _ hook: nf_inet_hooks, _ packet: inout Packet,
        _ macs: (source: MACAddress, destination: MACAddress),
        input: Device?, output: Device?
    ) -> End? {
        let chains = node.rules.hooked(UInt32(hook.rawValue), UInt8(NFPROTO_BRIDGE))
        guard !chains.isEmpty else { return nil }
        var here = Situation(
            packet: packet, hook: UInt32(hook.rawValue), family: UInt8(NFPROTO_BRIDGE), input: input, output: output)
        here.macs = macs
        for chain in chains {
            if let stop = run(chain, node, hook, &here) { return stop }
        }
        packet = here.packet
        return nil
    }
}
