/// Writes packets as pcapng (draft-ietf-opsawg-pcapng): a section, a block an interface, a block a packet with direction.
/// The bytes are gathered until they are taken.
public struct PcapngWriter: Sendable {
    /// What a frame begins with.
    public enum LinkType: UInt16, Hashable, Sendable {
        case ethernet = 1
        /// An IPv4 or IPv6 header.
        case raw = 101
    }

    public enum Direction: UInt32, Hashable, Sendable {
        case unknown = 0
        case inbound = 1
        case outbound = 2
    }

    /// Whom an incoming frame was for.
    public enum Reception: UInt32, Hashable, Sendable {
        case unspecified = 0
        case unicast = 1
        case multicast = 2
        case broadcast = 3
        /// For somebody else.
        case promiscuous = 4
    }

    private var pending: [UInt8] = []
    /// Interfaces that were added.
    public private(set) var interfaces: UInt32 = 0

    /// Begins the section; `application` is who writes, `comment` what it is about.
    public init(application: String, comment: String? = nil) {
        var body: [UInt8] = []
        PcapngWriter.put(0x1A2B_3C4D as UInt32, to: &body)
        PcapngWriter.put(1 as UInt16, to: &body)
        PcapngWriter.put(0 as UInt16, to: &body)
        // The section's length is not known: all ones.
        PcapngWriter.put(UInt64.max, to: &body)
        var options = Options()
        options.add(1, comment)
        options.add(3, "Linux")
        options.add(4, application)
        block(0x0A0D_0D0A, body + options.bytes)
    }

    /// Whatever has been written since the last time.
    public mutating func take() -> [UInt8] {
        defer { pending.removeAll(keepingCapacity: true) }
        return pending
    }

    /// The number by which its packets name it. `snapLength` 0 means that frames are whole.
    public mutating func addInterface(
        _ name: String, description: String? = nil, linkType: LinkType, snapLength: UInt32 = 0
    ) -> UInt32 {
        var body: [UInt8] = []
        PcapngWriter.put(linkType.rawValue, to: &body)
        PcapngWriter.put(0 as UInt16, to: &body)
        PcapngWriter.put(snapLength, to: &body)
        var options = Options()
        options.add(2, name)
        options.add(3, description)
        // Times are in units of 10^-9 seconds.
        options.add(9, [9])
        block(1, body + options.bytes)
        interfaces += 1
        return interfaces - 1
    }

    /// `time` is nanoseconds since 1970, `length` what the frame had on the wire.
    public mutating func addPacket(
        _ frame: some Collection<UInt8>, interface: UInt32, time: Int64, length: Int, direction: Direction,
        reception: Reception = .unspecified, comment: String? = nil
    ) {
        var body: [UInt8] = []
        body.reserveCapacity(frame.count + 64)
        PcapngWriter.put(interface, to: &body)
        PcapngWriter.put(UInt32(truncatingIfNeeded: time >> 32), to: &body)
        PcapngWriter.put(UInt32(truncatingIfNeeded: time), to: &body)
        PcapngWriter.put(UInt32(frame.count), to: &body)
        PcapngWriter.put(UInt32(max(length, frame.count)), to: &body)
        body.append(contentsOf: frame)
        PcapngWriter.pad(&body)
        var options = Options()
        options.add(1, comment)
        let flags = direction.rawValue | reception.rawValue << 2
        if flags != 0 { options.add(2, (0..<4).map { UInt8(truncatingIfNeeded: flags >> ($0 * 8)) }) }
        block(6, body + options.bytes)
    }

    /// At the end, for each interface: how many packets were received, and what else there is to say.
    public mutating func addStatistics(
        interface: UInt32, time: Int64, received: UInt64, dropped: UInt64? = nil, comment: String? = nil
    ) {
        var body: [UInt8] = []
        PcapngWriter.put(interface, to: &body)
        PcapngWriter.put(UInt32(truncatingIfNeeded: time >> 32), to: &body)
        PcapngWriter.put(UInt32(truncatingIfNeeded: time), to: &body)
        var options = Options()
        options.add(1, comment)
        for (code, number) in [(UInt16(4), received), (5, dropped)] {
            if let number { options.add(code, (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }) }
        }
        block(5, body + options.bytes)
    }

    private mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let length = UInt32(body.count + 12)
        PcapngWriter.put(type, to: &pending)
        PcapngWriter.put(length, to: &pending)
        pending += body
        PcapngWriter.put(length, to: &pending)
    }

    /// Little endian, which the section's magic number tells.
    fileprivate static func put<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        for place in 0..<(Number.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: number >> (place * 8))) }
    }

    fileprivate static func pad(_ bytes: inout [UInt8]) { while bytes.count % 4 != 0 { bytes.append(0) } }

    /// Options of one block: each a code, a length and a value; then the end, if there were any.
    private struct Options {
        private var list: [UInt8] = []

        mutating func add(_ code: UInt16, _ value: [UInt8]) {
            // The length has 16 bits: what is longer is cut.
            let value = value.prefix(65_532)
            PcapngWriter.put(code, to: &list)
            PcapngWriter.put(UInt16(value.count), to: &list)
            list += value
            PcapngWriter.pad(&list)
        }

        mutating func add(_ code: UInt16, _ text: String?) {
            if let text, !text.isEmpty { add(code, Array(text.utf8)) }
        }

        var bytes: [UInt8] { list.isEmpty ? [] : list + [0, 0, 0, 0] }
    }
}
