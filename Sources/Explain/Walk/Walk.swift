import CKernel
import Glibc
import NetCore

/// A packet's way, step by step, as each kernel on it would decide: routes, rules, bridges, neighbours. Nothing is sent.
final class Walk {
    let unknowns: Unknowns
    var steps: [Step] = []
    /// An address that no node has, and the node by which it is reached: what leaves that for it has come there.
    var outside: (node: String, address: IPAddress)?
    var remembered: Remembered?
    var passed: Passed?
    private var hops = 0

    init(_ unknowns: Unknowns) { self.unknowns = unknowns }

    func note(_ kind: Step.Kind, _ node: Node, _ words: String, isEnd: Bool = false) {
        steps.append(Step(kind: kind, node: node.name, words: words, isEnd: isEnd))
    }

    func end(
        _ kind: End.Kind, _ node: Node, _ packet: Packet, at: String? = nil, _ reason: String, fixes: [String] = [],
        lesson: String? = nil
    ) -> End {
        End(kind: kind, node: node.name, at: at, reason: reason, fixes: fixes, lesson: lesson, packet: packet)
    }

    /// What the packet has with it on its way through one namespace.
    struct Carried {
        var flow: Flow?
        var isReply = false
        var isUntracked = false
        var macs: (source: MACAddress, destination: MACAddress)?
        var physicalInput: Device?
        /// Nobody is told when it is rejected.
        var isSilent = false
    }

    // MARK: out of a namespace

    /// A packet of the namespace's own. `source`: its program chose it.
    func sendOwn(_ wish: Packet, from node: Node, hasSource: Bool, output: Device? = nil) -> End {
        var packet = wish
        var route = node.route(
            to: packet.destination, from: hasSource ? packet.source : nil, mark: packet.mark, output: output,
            packet: packet)
        switch route.kind {
        case .none:
            return end(
                .dropped, node, packet, "\(node.name) has no route to \(packet.destination)",
                fixes: ["\(node.name): ip route add \(packet.destination) via NEXT-HOP"], lesson: "05")
        case .refused, .wrongWayBack:
            return end(
                .dropped, node, packet, "a route of \(node.name) refuses packets to \(packet.destination)", lesson: "05"
            )
        case .unicast, .local, .broadcast: break
        }
        if !hasSource, !packet.isReset || packet.inner != nil, let source = route.source { packet.source = source }
        guard var device = route.kind == .local ? node.loopback : route.device.flatMap({ node.device($0) }) else {
            return end(.dropped, node, packet, "\(node.name)'s route to \(packet.destination) has no device")
        }
        packet.ttl = node.lifetime(packet.family, device)
        note(.send, node, "\(packet.from) → \(packet.to) by \(device.name)")
        var carried = Carried()
        let before = packet
        if let stop = hook(node, NF_INET_LOCAL_OUT, &packet, &carried, input: nil, output: device) { return stop }
        if packet.destination != before.destination || packet.mark != before.mark || packet.source != before.source {
            // As ip_route_me_harder does: with the source that it has now.
            route = node.route(to: packet.destination, from: packet.source, mark: packet.mark, packet: packet)
            guard let next = route.kind == .local ? node.loopback : route.device.flatMap({ node.device($0) }),
                route.kind == .unicast || route.kind == .local
            else {
                let isLoopback = packet.source.isLoopback
                let name =
                    node.route(to: packet.destination, mark: packet.mark).device.flatMap { node.device($0)?.name }
                    ?? "br0"
                return end(
                    .dropped, node, packet, at: "hook:output",
                    isLoopback
                        ? "rewritten to \(packet.destination), a packet from \(packet.source) would leave \(node.name) by \(name): net.ipv4.conf.\(name).route_localnet=0"
                        : "rewritten to \(packet.destination): \(node.name) has no route there",
                    fixes: isLoopback ? ["\(node.name): sysctl -w net.ipv4.conf.\(name).route_localnet=1"] : [],
                    lesson: isLoopback ? "08" : "05")
            }
            device = next
            note(.route, node, "\(packet.destination) by \(device.name), after the rewrite")
        }
        if let stop = hook(node, NF_INET_POST_ROUTING, &packet, &carried, input: nil, output: device) { return stop }
        if device.isLoopback { return receive(node, device, packet, carried) }
        return transmit(node, device, route.gateway ?? packet.destination, packet)
    }

    // MARK: into a namespace

    /// At the gates of IP.
    func receive(_ node: Node, _ device: Device, _ wish: Packet, _ carry: Carried) -> End {
        hops += 1
        var packet = wish
        guard hops < 64 else { return end(.dropped, node, packet, "the packet goes round in a circle") }
        var carried = carry
        if !device.isLoopback { note(.receive, node, "\(packet.from) → \(packet.to) at \(device.name)") }
        if let stop = hook(node, NF_INET_PRE_ROUTING, &packet, &carried, input: device, output: nil) { return stop }
        if packet.destination != wish.destination, !carried.isReply, node.isOwn(wish.destination),
            !node.isOwn(packet.destination)
        {
            passedBy(node, device, wish, carried.flow)
        }
        return routed(node, device, packet, carried)
    }

    func routed(_ node: Node, _ device: Device, _ wish: Packet, _ carry: Carried) -> End {
        var (packet, carried) = (wish, carry)
        let route =
            device.isLoopback
            ? node.route(to: packet.destination, mark: packet.mark)
            : node.route(to: packet.destination, from: packet.source, input: device, mark: packet.mark, packet: packet)
        let isOwn = device.isLoopback || node.isOwn(packet.destination)
        if let stop = misrouted(route, isOwn, node, device, packet) { return stop }
        if route.kind == .local || route.kind == .broadcast || device.isLoopback {
            if let stop = hook(node, NF_INET_LOCAL_IN, &packet, &carried, input: device, output: nil) { return stop }
            return deliver(node, packet)
        }
        guard let output = route.device.flatMap({ node.device($0) }) else {
            return end(.dropped, node, packet, "\(node.name)'s route to \(packet.destination) has no device")
        }
        guard packet.ttl > 1 else {
            // An error that is about no flow's answer goes back.
            return end(
                .refused, node, packet, "its time to live is over at \(node.name), whose kernel tells the sender so")
        }
        guard packet.size <= output.mtu else {
            return end(
                .refused, node, packet,
                "its \(packet.size) bytes are more than \(output.name)'s \(output.mtu), and \(node.name)'s kernel tells the sender so",
                lesson: "14")
        }
        packet.ttl -= 1
        note(.route, node, "\(packet.destination) by \(output.name)\(route.gateway.map { " via \($0)" } ?? "")")
        if let stop = hook(node, NF_INET_FORWARD, &packet, &carried, input: device, output: output) {
            return redirects(node, packet, device, output) ? stop.silenced(node, device) : stop
        }
        if let stop = hook(node, NF_INET_POST_ROUTING, &packet, &carried, input: device, output: output) { return stop }
        return transmit(node, output, route.gateway ?? packet.destination, packet)
    }

    /// Does the kernel, before the gate forward, tell the sender of a shorter way (ICMP redirect)? To whom it has just told that it tells
    /// no error for a second: both are counted together (ip_rt_send_redirect, icmp_ratelimit).
    private func redirects(_ node: Node, _ packet: Packet, _ input: Device, _ output: Device) -> Bool {
        let isOn = { (name: String) in
            ["all", output.name].contains { node.isOn("net/ipv4/conf/\($0)/\(name)") }
        }
        return packet.family == .v4 && input.index == output.index && isOn("send_redirects") && isOn("shared_media")
            && node.isOn("net/ipv4/icmp_ratelimit")
            // Destination unreachable is type 3.
            && (node.parameter("net/ipv4/icmp_ratemask").flatMap { Int($0) } ?? 0) & 1 << 3 != 0
            && node.addresses.contains { $0.device == input.index && $0.prefix.contains(packet.source) }
    }

    /// Why the kernel routes it nowhere.
    private func misrouted(_ route: RouteFound, _ isOwn: Bool, _ node: Node, _ device: Device, _ packet: Packet) -> End?
    {
        let at = "hook:prerouting"
        switch route.kind {
        case .local, .broadcast: return nil
        case .wrongWayBack: return wrongWayBack(node, device, packet)
        case .refused where packet.family == .v4 && route.isSilent:
            if packet.source.isLoopback || packet.destination.isLoopback {
                return end(
                    .dropped, node, packet, at: "dev:\(device.name)",
                    "\(node.name) takes no packet \(packet.source.isLoopback ? "from \(packet.source)" : "to \(packet.destination)") from outside: \(device.name)'s route_localnet is 0",
                    fixes: ["masquerade it where it leaves"], lesson: "08")
            }
            if node.isOwn(packet.source) {
                return end(
                    .dropped, node, packet, at: "dev:\(device.name)",
                    "\(node.name) got a packet from its own address \(packet.source) by \(device.name), and takes none such: masquerade it",
                    fixes: hairpinFixes(node, packet), lesson: "09")
            }
            // Newer kernels do not say that it was rp_filter.
            if !node.isAccepted(packet.source, at: device) { return wrongWayBack(node, device, packet) }
            return end(
                .dropped, node, packet, at: at, "a route of \(node.name) refuses packets to \(packet.destination)",
                lesson: "05")
        case .none, .refused, .unicast:
            let key = packet.family == .v4 ? "net/ipv4/conf/\(device.name)/forwarding" : "net/ipv6/conf/all/forwarding"
            if !isOwn, !node.isOn(key) {
                let name = packet.family == .v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
                return end(
                    .dropped, node, packet, at: at, "\(node.name) is not a router: \(name)=0",
                    fixes: ["\(node.name): sysctl -w \(name)=1"], lesson: "05")
            }
            if route.kind == .unicast { return nil }
            // A router tells the sender, unless it was told to be silent.
            if route.kind == .none {
                return end(
                    .refused, node, packet,
                    "\(node.name) has no route to \(packet.destination), and its kernel tells the sender so",
                    fixes: ["\(node.name): ip route add \(packet.destination) via NEXT-HOP"], lesson: "05")
            }
            return end(
                route.isSilent ? .dropped : .refused, node, packet, at: at,
                "a route of \(node.name) refuses packets to \(packet.destination)", lesson: "05")
        }
    }

    /// Where it was redirected; of another node's rules, too.
    private func hairpinFixes(_ node: Node, _ packet: Packet) -> [String] {
        guard let step = redirection,
            let reference = node.surroundings.references.first(where: { $0.name == step.node }),
            let router = node.surroundings.node(reference)
        else { return [] }
        return [
            Fixes.masquerade(
                router, packet.family, from: "\(packet.source)", to: "\(packet.source)", redirectedBy: step.words)
        ]
    }

    /// The last step by which a rule gave it another destination.
    var redirection: Step? { steps.last { $0.words.holds("dnat to") } }

    private func wrongWayBack(_ node: Node, _ device: Device, _ packet: Packet) -> End {
        let back = node.route(to: packet.source).device.flatMap { node.device($0)?.name }
        let isStrict = node.reversePathFilter(device) == 1
        var words =
            back.map {
                "the way back to \(packet.source) is by \($0), not \(device.name), and rp_filter is \(isStrict ? "strict" : "loose")"
            } ?? "\(node.name) has no way back to \(packet.source), and rp_filter wants one"
        // A rule of routing by the address that the packet was sent to: NAT has rewritten that before the way back is asked.
        let rules = node.routingRules(from: packet.family).filter { $0 != packet.destination && node.isOwn($0) }
        if let rule = rules.first {
            words +=
                "; `ip rule from \(rule)` cannot match, as the way back is asked from \(packet.destination): its sender is turned back to \(rule) only at postrouting"
        }
        return end(
            .dropped, node, packet, at: "hook:prerouting", words,
            fixes: [
                back == nil || !isStrict
                    ? "\(node.name): ip route add \(packet.source) via NEXT-HOP dev \(device.name)"
                    : "\(node.name): sysctl -w net.ipv4.conf.\(device.name).rp_filter=2"
            ],
            lesson: "13")
    }

    private func deliver(_ node: Node, _ packet: Packet) -> End {
        if packet.isAnswer || packet.isReset { return end(.delivered, node, packet, "") }
        if packet.isICMP {
            guard packet.family == .v6 || !node.isOn("net/ipv4/icmp_echo_ignore_all") else {
                return end(.dropped, node, packet, "\(node.name) answers no ping: net.ipv4.icmp_echo_ignore_all=1")
            }
            note(.deliver, node, "the kernel itself answers")
            return end(.delivered, node, packet, "")
        }
        let port = packet.destinationPort ?? 0
        let all = node.listeners(packet.proto, packet.family).filter { $0.receives(at: packet.destination) }
        if let socket = all.first(where: { $0.port == port }) {
            var end = end(.delivered, node, packet, "")
            end.socket = socket.process()
            end.isWildcard = socket.address.isUnspecified && packet.proto == UInt8(IPPROTO_UDP)
            note(.deliver, node, "\(end.socket ?? "a program") listens at \(Packet.endpoint(socket.address, port))")
            return end
        }
        let others = Set(node.listeners(packet.proto, packet.family).map(\.port)).sorted().prefix(8).map { ":\($0)" }
        let isTCP = packet.proto == UInt8(IPPROTO_TCP)
        var end = end(
            .refused, node, packet,
            "nobody listens at \(packet.to) in \(node.name) (\(others.isEmpty ? "nobody at any port" : "listeners: \(others.joined(by: ", "))")): its kernel answers \(isTCP ? "RST" : "port unreachable")"
        )
        end.isReset = isTCP
        return end
    }
}
