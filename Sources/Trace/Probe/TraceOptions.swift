public import NetCore

/// What a trace does besides sending and telling.
public struct TraceOptions: Hashable, Sendable {
    public var backend = TraceBackend.auto
    /// The frames of the probe and its answer are kept, for a pcapng file.
    public var keepsFrames = false
    /// Who asked for whose MAC address is told.
    public var showsARP = false
    /// The packet is written by hand; nil: the kernel's own.
    public var raw: RawPacket?
    public init() {}
}

/// A probe that no program's socket sends: written as it is to a device, past the rules of its own node.
public struct RawPacket: Hashable, Sendable {
    /// Nil: the address that the node would take.
    public var source: IPAddress?
    public var ttl: UInt8 = 64
    /// The sum of the IPv4 header is wrong.
    public var hasBadChecksum = false
    /// Nil: that of the route.
    public var device: String?
    public init() {}
}

/// One node's frames while a probe is on its way.
final class ProbeFrames {
    let capture: FrameCapture
    private(set) var frames: [Frame] = []

    init(_ capture: FrameCapture) { self.capture = capture }

    /// At most 100,000 are kept.
    func drain() throws(TraceError) {
        let new = try capture.frames()
        if frames.count < 100_000 { frames += new }
    }
}

/// A journey with the frames that it is told of.
public struct TracedProbe: Sendable {
    /// A frame of the probe, of its answer, or of the talk around them.
    public struct Packet: Hashable, Sendable {
        public var node: String
        public var device: String
        public var frame: Frame
        /// What the rules said, and the end.
        public var comments: [String]
    }

    public internal(set) var journey: Journey
    /// In the order of their times.
    public private(set) var packets: [Packet] = []

    init(
        _ journey: Journey, _ captures: [ProbeFrames], _ options: TraceOptions,
        isOfProbe: (PacketHeaders) -> Bool
    ) {
        self.journey = journey
        let first = captures.flatMap(\.frames).filter { $0.headers.map(isOfProbe) ?? false }.map(\.time).min()
        let nodes = Set(journey.legs.flatMap(\.steps).map(\.node))
        for capture in captures {
            let node = capture.capture.node.name
            for frame in capture.frames {
                let talk = options.showsARP && (nodes.isEmpty || nodes.contains(node)) ? frame.neighbourWords : nil
                let device = capture.capture.name(of: frame.device)
                if let talk {
                    self.journey.neighbours.append(
                        Journey.NeighbourTalk(
                            node: node, device: device, isOutgoing: frame.isOutgoing, words: talk,
                            time: first.map { (frame.time - $0) / 1000 }))
                }
                guard options.keepsFrames, talk != nil || frame.headers.map(isOfProbe) ?? false else { continue }
                packets.append(Packet(node: node, device: device, frame: frame, comments: []))
            }
        }
        self.journey.neighbours.sort { ($0.time ?? 0, $0.node) < ($1.time ?? 0, $1.node) }
        packets.sort { ($0.frame.time, $0.node) < ($1.frame.time, $1.node) }
        for (name, leg) in journey.namedLegs { comment(leg, name) }
    }

    /// Each device's frame bears what the rules behind it said, and the last one the end.
    private mutating func comment(_ leg: Journey.Leg, _ name: String) {
        let view = TableView(journey)
        var place: Int?
        var waiting: [String] = []
        var taken: Set<Int> = []
        for step in leg.steps {
            if let device = step.device {
                let found = packets.indices.first { index in
                    let packet = packets[index]
                    return !taken.contains(index) && packet.node == step.node && packet.device == device
                        && packet.frame.isOutgoing == (step.kind == .tx) && isStep(packet.frame, step)
                }
                if let found {
                    taken.insert(found)
                    packets[found].comments += waiting
                    waiting = []
                    place = found
                }
            } else if let place, packets[place].node == step.node {
                packets[place].comments.append("\(step.hook ?? step.at): \(view.what(step))")
            } else {
                waiting.append("\(step.node) \(step.hook ?? step.at): \(view.what(step))")
            }
        }
        guard let place else { return }
        let end = [leg.end.kind.rawValue, leg.end.reason].compactMap { $0 }.joined(by: ": ")
        packets[place].comments.append("\(name) way ended in \(leg.end.node): \(end)")
    }

    private func isStep(_ frame: Frame, _ step: Journey.Step) -> Bool {
        guard let headers = frame.headers, let l3 = step.l3, let l4 = step.l4 else { return false }
        return headers.network == l3 && headers.transportWords == l4
    }

    /// A block an interface of each node, and what the rules said as comments.
    public func pcapng(application: String) -> [UInt8] {
        var writer = PcapngWriter(
            application: application, comment: "\(journey.probe.from) to \(journey.probe.to)")
        var interfaces: [String: UInt32] = [:]
        for packet in packets {
            let key = "\(packet.node)\u{0}\(packet.device)\u{0}\(packet.frame.linkType.rawValue)"
            let number =
                interfaces[key]
                ?? writer.addInterface(
                    packet.device, description: "node \(packet.node)", linkType: packet.frame.linkType)
            interfaces[key] = number
            writer.addPacket(
                packet.frame.bytes, interface: number, time: packet.frame.time, length: packet.frame.length,
                direction: packet.frame.direction, reception: packet.frame.reception,
                comment: packet.comments.isEmpty ? nil : packet.comments.joined(by: "\n"))
        }
        return writer.take()
    }
}

extension Frame {
    /// Of a request or answer of ARP, or of IPv6's neighbour discovery; nil of anything else.
    var neighbourWords: String? {
        if arp != nil { return words.hasPrefix("arp ") ? String(words.dropFirst(4)) : words }
        guard let headers, headers.protocolNumber == 58, let type = headers.icmpType, type == 135 || type == 136,
            headers.transport.count >= 24, let target = IPAddress(bytes: headers.transport[8..<24])
        else { return nil }
        return type == 135 ? "who has \(target)? tell \(headers.source)" : "\(target) is here, says \(headers.source)"
    }
}
