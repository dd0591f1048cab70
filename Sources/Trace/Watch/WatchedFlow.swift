import NetCore

/// A packet's flow as one place sees it: NAT makes it another one elsewhere.
struct SeenTuple: Hashable, Sendable {
    var protocolNumber: UInt8
    var source: IPAddress
    var destination: IPAddress
    /// Of an echo its number, both times.
    var sourcePort: UInt16
    var destinationPort: UInt16

    /// Nil of what has neither ports nor a number.
    init?(_ headers: PacketHeaders) {
        guard let from = headers.sourcePort ?? headers.icmpID, let to = headers.destinationPort ?? headers.icmpID else {
            return nil
        }
        protocolNumber = headers.protocolNumber
        (source, destination) = (headers.source, headers.destination)
        (sourcePort, destinationPort) = (from, to)
    }

    init(_ tuple: FlowTuple) {
        protocolNumber = tuple.protocolNumber
        (source, destination) = (tuple.source, tuple.destination)
        (sourcePort, destinationPort) = (tuple.sourcePort, tuple.destinationPort)
    }

    var reversed: SeenTuple {
        var other = self
        (other.source, other.destination) = (destination, source)
        (other.sourcePort, other.destinationPort) = (destinationPort, sourcePort)
        return other
    }
}

/// A packet that is followed, from the first that was told of it to the time when nothing more is to come.
struct WatchedFlow {
    let first: PacketHeaders
    let identity: PacketIdentity
    /// As each node that told of it sees it.
    var tuples: Set<SeenTuple> = []
    /// The filter wants it, as at least one place saw it.
    var isWanted = false
    var isDropped = false
    /// Milliseconds of the monotonic clock.
    let began: Int64
    var lastNews: Int64
    var answered: Int64?
    /// The nodes' counters before it came.
    let counters: [Counters]
    let losses: Int

    init(_ headers: PacketHeaders, _ now: Int64, _ counters: [Counters], losses: Int) {
        first = headers
        identity = PacketIdentity(headers)
        (began, lastNews) = (now, now)
        (self.counters, self.losses) = (counters, losses)
    }

    /// So long nothing new was told that nothing will be.
    func isOver(_ now: Int64) -> Bool {
        if let answered { return now - answered >= 30 }
        if isDropped { return now - lastNews >= 20 }
        return now - lastNews >= 400 || now - began >= 1500
    }

    /// Whatever may be told of it or of its answer.
    func concerns(_ headers: PacketHeaders) -> Bool {
        if headers.isICMPError { return true }
        if let tuple = SeenTuple(headers), tuples.contains(tuple) || tuples.contains(tuple.reversed) { return true }
        return PacketIdentity(headers) == identity
    }

    func concerns(_ event: ConntrackEvent) -> Bool {
        let (original, reply) = (SeenTuple(event.original), SeenTuple(event.reply))
        return !tuples.isDisjoint(with: [original, original.reversed, reply, reply.reversed])
    }
}
