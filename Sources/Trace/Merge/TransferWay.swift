import NetCore

extension Merge {
    /// What became of the bytes that went over the connection whose first packet was `syn`: the way of the packet that tells most, of what was
    /// answered to it, and why it came no further.
    func carry(_ stream: ProbeStream, after syn: PacketHeaders, _ journey: inout Journey) {
        let state: Journey.Transfer.State =
            stream.isAcknowledged ? .acknowledged : stream.failure == nil ? .stalled : .ended
        var transfer = Journey.Transfer(
            state, bytes: stream.bytes.count, acknowledged: stream.acknowledged, segments: stream.segments,
            resent: stream.resent)
        defer { journey.transfer = transfer }
        guard let packet = packet(of: stream, after: syn),
            let way = PacketWay(PacketIdentity(packet), source: probe.source, nodes: events)
        else { return }
        let answer = answerToData(packet, way)
        var end = Judge(facts: facts).end(way, answer: answer)
        if end.kind != .delivered { end.kernel = kernelReason(way) }
        transfer.legs.append(.init(direction: .forward, steps: way.steps, end: end))
        if let answer {
            var end = Judge(facts: facts, isForward: false).end(answer, answer: nil)
            end.socket = nil
            if end.kind != .delivered { end.kernel = kernelReason(answer) }
            transfer.legs.append(.init(direction: .reply, steps: answer.steps, end: end))
            if let first = answer.first, let sender = answer.nodes.first {
                transfer.limit = Judge(facts: facts).limit(way, first, sender)
            }
        }
        guard state != .acknowledged else {
            if let limit = transfer.limit {
                journey.notes.append(
                    "a packet of \(way.first?.length ?? 0) bytes was too large for \(limit.words), which takes \(limit.mtu): "
                        + "\(probe.source) was told, and sent smaller ones")
            }
            return
        }
        journey.advice =
            TransferAdvice(
                merge: self, transfer: transfer, stream: stream, way: way, answer: answer
            ).advice
    }

    /// The first time that the first byte was sent which is not acknowledged; of what is wholly acknowledged, the first that carried data.
    private func packet(of stream: ProbeStream, after syn: PacketHeaders) -> PacketHeaders? {
        guard let start = syn.sequence.map({ $0 &+ 1 }), let source = events.first(where: { $0.name == probe.source })
        else { return nil }
        let sent = (source.hooks.map(\.headers) + source.packets.map(\.headers)).filter {
            $0.isTCP && $0.sourcePort == number && $0.dataLength ?? 0 > 0
        }
        let wanted = stream.isAcknowledged ? start : start &+ UInt32(truncatingIfNeeded: stream.acknowledged)
        return sent.first { $0.sequence == wanted } ?? sent.first { $0.sequence == start }
    }

    /// The first that was answered to a packet with data: an ICMP error about it, RST, or an acknowledgement of all of it.
    private func answerToData(_ packet: PacketHeaders, _ way: PacketWay) -> PacketWay? {
        let next = (packet.sequence ?? 0) &+ UInt32(packet.dataLength ?? 0)
        let ends = [packet, way.last ?? packet]
        let isAnswer = { (headers: PacketHeaders) in
            if headers.isICMPError { return isError(headers, about: packet) }
            guard headers.isTCP, let flags = headers.flags, flags & 2 == 0,
                ends.contains(where: {
                    headers.source == $0.destination && headers.sourcePort == $0.destinationPort
                        && headers.destination == $0.source && headers.destinationPort == $0.sourcePort
                })
            else { return false }
            if flags & 4 != 0 { return true }
            guard flags & 16 != 0, let acknowledged = headers.acknowledgement else { return false }
            return Int32(bitPattern: acknowledged &- next) >= 0
        }
        let seen = events.flatMap(\.packets).filter { isAnswer($0.headers) }.min { $0.time < $1.time }?.headers
        // Dropped on its way out of where it began: no device saw it.
        guard let headers = seen ?? events.lazy.flatMap(\.hooks).first(where: { isAnswer($0.headers) })?.headers
        else { return nil }
        return PacketWay(PacketIdentity(headers), source: nil, nodes: events)
    }

    /// The last word of the other end on how much it takes was none.
    var isWindowShut: Bool {
        let own = events.first { $0.name == probe.source }?.packets.last {
            $0.headers.isTCP && $0.headers.destinationPort == number && !$0.isOutgoing
        }
        return own?.headers.window == 0
    }
}
