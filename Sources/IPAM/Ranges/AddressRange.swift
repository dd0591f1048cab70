import NetCore

/// A pool of addresses inside one subnet, both ends included, with the subnet's gateway (cni.md 2.3).
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    public let subnet: IPPrefix
    public let start: IPAddress
    public let end: IPAddress
    /// Never handed out.
    public let gateway: IPAddress

    /// What was written, with the defaults for the rest: gateway and start are the subnet's first host, the end is the
    /// last address before IPv4's broadcast address, or IPv6's last. Throws a sentence that names key and value.
    public init(
        subnet: IPPrefix, start: IPAddress? = nil, end: IPAddress? = nil, gateway: IPAddress? = nil
    ) throws(RangeError) {
        guard subnet.length <= subnet.family.bits - 2 else {
            throw RangeError("subnet", "Network \(subnet) too small to allocate from")
        }
        guard subnet.isNetwork else {
            throw RangeError(
                "subnet",
                "Network has host bits set. For a subnet mask of length \(subnet.length) "
                    + "the network address is \(subnet.first)")
        }
        let firstHost = IPAddress(family: subnet.family, value: subnet.first.value + 1)
        let lastHost = subnet.family == .v4 ? IPAddress(family: .v4, value: subnet.last.value - 1) : subnet.last
        if let gateway, !subnet.contains(gateway) {
            throw RangeError("gateway", "gateway \(gateway) not in network \(subnet)")
        }
        for (key, name, address) in [("rangeStart", "RangeStart", start), ("rangeEnd", "RangeEnd", end)] {
            guard let address else { continue }
            guard subnet.contains(address) else {
                throw RangeError(key, "\(name) \(address) not in network \(subnet)")
            }
            if address == subnet.first {
                throw RangeError(
                    key, "\(name) \(address) is the network address of \(subnet); the first to give is \(firstHost)")
            }
            if subnet.family == .v4, address == subnet.last {
                throw RangeError(
                    key, "\(name) \(address) is the broadcast address of \(subnet); the last to give is \(lastHost)")
            }
        }
        self.subnet = subnet
        self.start = start ?? firstHost
        self.end = end ?? lastHost
        self.gateway = gateway ?? firstHost
        guard self.start <= self.end else {
            throw RangeError("rangeStart", "RangeStart \(self.start) comes after RangeEnd \(self.end)")
        }
    }

    public var family: AddressFamily { subnet.family }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && start.value <= address.value && address.value <= end.value
    }

    public func overlaps(_ other: AddressRange) -> Bool {
        family == other.family && start.value <= other.end.value && other.start.value <= end.value
    }

    /// How many addresses can be given out: all but the gateway.
    public var capacity: UInt128 { end.value - start.value + (contains(gateway) ? 0 : 1) }

    /// "first-last", as the reference writes it.
    public var description: String { "\(start)-\(end)" }
}

/// What is wrong with a range, and under which of its keys.
public struct RangeError: Error, Hashable, Sendable {
    public let key: String
    public let sentence: String

    public init(_ key: String, _ sentence: String) {
        self.key = key
        self.sentence = sentence
    }
}
