import CKernel
import Glibc
import NetCore

/// From one namespace to the next: neighbours, cables and bridges.
extension Walk {
    func transmit(_ node: Node, _ device: Device, _ hop: IPAddress, _ packet: Packet) -> End {
        guard device.isUp else {
            return end(
                .dropped, node, packet, at: "dev:\(device.name)", "\(device.name) of \(node.name) is down",
                fixes: ["\(node.name): ip link set \(device.name) up"], lesson: "02")
        }
        if let outside, outside.node == node.name, outside.address == packet.destination {
            return end(.delivered, node, packet, at: "dev:\(device.name)", "")
        }
        let isBridge = device.kind == "bridge"
        guard isBridge || device.peer != nil && device.kind == "veth" else { return beyond(node, device, packet) }
        if !isBridge, !device.hasCarrier {
            return end(
                .dropped, node, packet, at: "dev:\(device.name)", "the other end of \(device.name) is down",
                lesson: "02")
        }
        guard let own = device.mac else { return beyond(node, device, packet) }
        var target: MACAddress
        let entry = node.neighbours().first { $0.link == device.index && $0.address == hop }
        if let entry, let mac = entry.mac, entry.state & UInt16(NUD_FAILED | NUD_INCOMPLETE) == 0, entry.state != 0 {
            target = mac
        } else {
            if packet.source.isLoopback {
                return end(
                    .dropped, node, packet, at: "hook:postrouting",
                    "\(hop) does not answer ARP that asks from \(packet.source): masquerade the packet",
                    fixes: [
                        Fixes.masquerade(
                            node, packet.family, from: "127.0.0.0/8", out: device.name,
                            redirectedBy: redirection?.words)
                    ],
                    lesson: "08")
            }
            let around = segment(node, device, seeking: hop)
            if let mac = around.holder?.device.mac {
                target = mac
            } else if around.isOpen {
                return beyond(node, device, packet)
            } else {
                let why = silence(node, hop)
                return end(
                    .dropped, node, packet, at: "dev:\(device.name)",
                    "nobody answers for \(hop): \(node.name) asks by \(device.name) for its MAC address\(why.map { "; \($0.words)" } ?? "")",
                    fixes: why.map { [$0.fix] } ?? [], lesson: "04")
            }
        }
        let macs = (source: own, destination: target)
        if isBridge { return fromBridge(node, device, macs, packet) }
        return cross(node, device, macs, packet)
            ?? lost(node, device, target, packet)
    }

    private func beyond(_ node: Node, _ device: Device, _ packet: Packet) -> End {
        end(
            .beyond, node, packet, at: "dev:\(device.name)",
            "it leaves \(node.name) by \(device.name); what is behind it cannot be seen from here")
    }

    func lost(_ node: Node, _ device: Device, _ mac: MACAddress, _ packet: Packet) -> End {
        end(
            .dropped, node, packet, at: "dev:\(device.name)",
            "the frame is for \(mac), and nobody there has that MAC address: \(node.name)'s neighbour entry is stale",
            fixes: ["\(node.name): ip neigh flush dev \(device.name)"], lesson: "04")
    }

    /// Who has the address, and why it does not hear.
    private func silence(_ asking: Node, _ address: IPAddress) -> (words: String, fix: String)? {
        for owner in asking.others {
            guard let own = owner.addresses.first(where: { $0.prefix.address == address }),
                let device = owner.device(own.device)
            else { continue }
            if !device.isUp {
                return (
                    "\(owner.name) has it, and its \(device.name) is down",
                    "\(owner.name): ip link set \(device.name) up"
                )
            }
            guard let port = peer(owner, device) else { continue }
            let there = "\(port.node.name)'s \(port.device.name)"
            if !port.device.isUp {
                return (
                    "\(owner.name) has it, and \(there), the other end of its cable, is down",
                    "\(port.node.name): ip link set \(port.device.name) up"
                )
            }
            guard let master = port.device.master.flatMap({ port.node.device($0) }) else {
                if port.node !== asking { continue }
                return (
                    "\(owner.name) has it, and \(there) is no port of a bridge",
                    "\(port.node.name): ip link set \(port.device.name) master BRIDGE"
                )
            }
            if let state = port.device.portState, state != 3 {
                return (
                    "\(owner.name) has it, and \(master.name)'s port \(port.device.name) is \(Walk.portStates[Int(state) % 5])",
                    "\(port.node.name): bridge link set dev \(port.device.name) state 3"
                )
            }
            return (
                "\(owner.name) has it, and answers no ARP for it there",
                "\(owner.name): sysctl -w net.ipv4.conf.all.arp_ignore=0"
            )
        }
        return nil
    }

    static let portStates = ["disabled", "listening", "learning", "forwarding", "blocking"]

    /// Does it answer ARP for one of its addresses at that device?
    private func answers(_ node: Node, _ device: Device, _ address: IPAddress) -> Bool {
        guard device.isUp else { return false }
        guard address.family == .v4 else {
            return node.addresses.contains { $0.device == device.index && $0.prefix.address == address }
        }
        let ignore =
            ["all", device.name].map { Int(node.parameter("net/ipv4/conf/\($0)/arp_ignore") ?? "") ?? 0 }.max() ?? 0
        if ignore == 0 { return !address.isLoopback }
        return ignore < 3 && node.addresses.contains { $0.device == device.index && $0.prefix.address == address }
    }

    struct Segment {
        /// Who answers for the address; nothing was looked at behind it.
        var holder: (node: Node, device: Device)?
        /// Somebody may be there whom nobody here can see.
        var isOpen = false
    }

    /// Who hears what a device sends to all, until one answers for that address.
    func segment(_ node: Node, _ device: Device, seeking hop: IPAddress) -> Segment {
        var found = Segment()
        var seen: Set<String> = []
        func hears(_ end: (node: Node, device: Device)) {
            guard end.node !== node, end.node.isOwn(hop), answers(end.node, end.device, hop) else { return }
            found.holder = end
        }
        func far(_ node: Node, _ device: Device) {
            guard device.isUp else { return }
            guard device.kind == "veth", let there = peer(node, device) else {
                if device.kind != "veth" || device.peer != nil { found.isOpen = true }
                return
            }
            guard there.device.isUp else { return }
            if let master = there.device.master.flatMap({ there.node.device($0) }), master.kind == "bridge" {
                bridge(there.node, master, from: there.device)
            } else {
                hears(there)
            }
        }
        func bridge(_ node: Node, _ device: Device, from port: Device?) {
            guard device.isUp, seen.insert("\(node.name) \(device.index)").inserted, seen.count < 64 else { return }
            if let port, port.portState ?? 3 != 3 { return }
            if port != nil { hears((node, device)) }
            let others = node.ports(of: device).filter { other in
                other.index != port?.index && other.isUp && other.isForwarding
                    && !(port?.isIsolated ?? false && other.isIsolated)
            }
            // Of a thousand namespaces behind a bridge the one that has the address is opened first.
            if found.holder == nil, let near = node.port(to: hop, among: others.map(\.index)) {
                far(node, near)
                if let mac = found.holder?.device.mac { node.portOfHolder[mac] = near.index }
            }
            for other in others where found.holder == nil {
                if let device = node.device(other.index) { far(node, device) }
            }
        }
        if device.kind == "bridge" { bridge(node, device, from: nil) } else { far(node, device) }
        return found
    }

    /// The other end of a cable; nil when its namespace is not known.
    func peer(_ node: Node, _ device: Device) -> (node: Node, device: Device)? {
        guard let index = device.peer else { return nil }
        let other = device.peerNamespace.map { node.namespace($0) } ?? node
        guard let other, let there = other.device(index) else { return nil }
        return (other, there)
    }

    /// Over a cable. Nil: who is there does not take a frame for that MAC.
    func cross(_ node: Node, _ device: Device, _ macs: (source: MACAddress, destination: MACAddress), _ packet: Packet)
        -> End?
    {
        guard device.kind == "veth", let there = peer(node, device) else { return beyond(node, device, packet) }
        guard device.isUp else { return nil }
        guard there.device.isUp else {
            return end(
                .dropped, node, packet, at: "dev:\(device.name)",
                "the other end of \(device.name), \(there.device.name) in \(there.node.name), is down",
                fixes: ["\(there.node.name): ip link set \(there.device.name) up"], lesson: "02")
        }
        if let bridge = there.device.master.flatMap({ there.node.device($0) }), bridge.kind == "bridge" {
            return intoBridge(there.node, bridge, there.device, macs, packet)
        }
        guard macs.destination == there.device.mac || macs.destination.isMulticast else { return nil }
        return receive(there.node, there.device, packet, Carried(macs: macs))
    }
}
