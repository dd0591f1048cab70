import NetCore

/// Which address of a set is given next: round robin over the ranges in their order, starting after the last one given,
/// that one tried last, gateways left out. Pure; a range is never enumerated: a search passes over leases only.
public struct Allocator: Sendable {
    public let set: RangeSet

    public init(_ set: RangeSet) { self.set = set }

    /// An address with its subnet's length, and the subnet's gateway.
    public struct Allocation: Hashable, Sendable {
        public let address: IPPrefix
        public let gateway: IPAddress
    }

    /// Why an address cannot be had.
    public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case exhausted(RangeSet)
        case taken(IPAddress, RangeSet)
        case gateway(IPAddress)
        case outside(IPAddress, RangeSet)

        /// The reference's sentences.
        public var description: String {
            switch self {
            case .exhausted(let set): "no IP addresses available in range set: \(set)"
            case .taken(let address, let set): "requested IP address \(address) is not available in range set \(set)"
            case .gateway(let address): "requested ip \(address) is subnet's gateway"
            case .outside(let address, let set): "\(address) not in range set \(set)"
            }
        }
    }

    /// The free address that comes next after `cursor`; a cursor outside the set counts as none. Throws `.exhausted`.
    public func next(after cursor: IPAddress?, occupied: Set<IPAddress>) throws(Refusal) -> Allocation {
        try next(after: cursor, isTaken: occupied.contains)
    }

    func next(after cursor: IPAddress?, isTaken: (IPAddress) -> Bool) throws(Refusal) -> Allocation {
        for (range, from, to) in segments(after: cursor) {
            // Every step but the last passes over a lease or the gateway, so that the number of leases bounds them.
            var value = from
            while value <= to {
                let address = IPAddress(family: range.family, value: value)
                if address != range.gateway, !isTaken(address) {
                    return Allocation(address: IPPrefix(address, length: range.subnet.length), gateway: range.gateway)
                }
                guard value < to else { break }
                value += 1
            }
        }
        throw .exhausted(set)
    }

    /// The address that was asked for. Throws why it cannot be had.
    public func allocation(of address: IPAddress, occupied: Set<IPAddress>) throws(Refusal) -> Allocation {
        try allocation(of: address, isTaken: occupied.contains)
    }

    func allocation(of address: IPAddress, isTaken: (IPAddress) -> Bool) throws(Refusal) -> Allocation {
        guard let range = set.range(of: address) else { throw .outside(address, set) }
        if address == range.gateway { throw .gateway(address) }
        if isTaken(address) { throw .taken(address, set) }
        return Allocation(address: IPPrefix(address, length: range.subnet.length), gateway: range.gateway)
    }

    /// The set's numbers in the order in which they are tried, both ends included.
    private func segments(after cursor: IPAddress?) -> [(range: AddressRange, from: UInt128, to: UInt128)] {
        let whole = set.ranges.map { (range: $0, from: $0.start.value, to: $0.end.value) }
        guard let cursor, let index = set.ranges.firstIndex(where: { $0.contains(cursor) }) else { return whole }
        let range = set.ranges[index]
        var segments: [(range: AddressRange, from: UInt128, to: UInt128)] = []
        if cursor.value < range.end.value { segments.append((range, cursor.value + 1, range.end.value)) }
        segments += whole[(index + 1)...] + whole[..<index]
        segments.append((range, range.start.value, cursor.value))
        return segments
    }
}
