import NetCore

/// One pool of several ranges of one family: an attachment gets one address of each set (cni.md 2.3).
public struct RangeSet: Hashable, Sendable, CustomStringConvertible {
    /// At least one; they do not overlap.
    public let ranges: [AddressRange]

    /// Throws for an empty set, mixed families and ranges that overlap.
    public init(_ ranges: [AddressRange]) throws(RangeError) {
        guard let first = ranges.first else { throw RangeError("", "empty range set") }
        guard ranges.allSatisfy({ $0.family == first.family }) else { throw RangeError("", "mixed address families") }
        for (index, range) in ranges.enumerated() {
            if let other = ranges[(index + 1)...].first(where: range.overlaps) {
                throw RangeError("", "subnets \(range) and \(other) overlap")
            }
        }
        self.ranges = ranges
    }

    public var family: AddressFamily { ranges[0].family }

    public func range(of address: IPAddress) -> AddressRange? { ranges.first { $0.contains(address) } }

    public func contains(_ address: IPAddress) -> Bool { range(of: address) != nil }

    public func overlaps(_ other: RangeSet) -> Bool {
        ranges.contains { range in other.ranges.contains(where: range.overlaps) }
    }

    /// How many addresses can be given out; the highest number when there are more than it can say.
    public var capacity: UInt128 {
        ranges.reduce(0) { sum, range in
            let (total, overflow) = sum.addingReportingOverflow(range.capacity)
            return overflow ? .max : total
        }
    }

    /// How many of `leased` stand in this set.
    public func used(_ leased: some Sequence<IPAddress>) -> Int {
        leased.reduce(0) { count, address in
            guard let range = range(of: address), address != range.gateway else { return count }
            return count + 1
        }
    }

    /// "first-last,first-last", as the reference writes it.
    public var description: String { ranges.map(\.description).joined(by: ",") }
}
