import CKernel
import CLibnl
import Glibc

/// One netlink message as bytes, with what it is meant to do, for the sentence when the kernel refuses it.
/// Made by libnl (docs/adr/0003-libnl.md); its sequence number is set when it is sent.
public struct NetlinkRequest: Sendable {
    /// Only a refusal asks for it: putting the sentence together would cost more than the message.
    private let sentence: @Sendable () -> String
    public var operation: String { sentence() }
    public internal(set) var bytes: [UInt8]

    /// A message with a fixed header after the netlink header and attributes put by `build`. Throws EMSGSIZE when they
    /// do not fit into `room` bytes.
    public init<Header>(
        _ operation: @escaping @autoclosure @Sendable () -> String, type: Int, flags: Int32, header: Header,
        room: Int = 2048,
        _ build: (inout AttributeWriter) -> Void = { _ in }
    ) throws(KernelError) {
        guard let message = nlmsg_alloc_size(room) else { throw KernelError(operation(), Errno(ENOMEM)) }
        defer { nlmsg_free(message) }
        guard let start = nlmsg_put(message, 0, 0, Int32(type), 0, flags | NLM_F_REQUEST) else {
            throw KernelError(operation(), Errno(EMSGSIZE))
        }
        var fits = withUnsafeBytes(of: header) {
            $0.isEmpty
                || nlmsg_append(
                    message, UnsafeMutableRawPointer(mutating: $0.baseAddress!), $0.count, Int32(NLMSG_ALIGNTO)) == 0
        }
        var writer = AttributeWriter(message)
        build(&writer)
        fits = fits && !writer.overflowed
        guard fits else { throw KernelError(operation(), Errno(EMSGSIZE), "the message is larger than \(room) bytes") }
        sentence = operation
        bytes = Array(UnsafeRawBufferPointer(start: start, count: Int(start.pointee.nlmsg_len)))
    }

    /// A message whose fixed header and attributes are bytes already, as the kernel told them.
    public init(
        _ operation: @escaping @autoclosure @Sendable () -> String, type: Int, flags: Int32, payload: [UInt8]
    ) {
        sentence = operation
        let length = UInt32(16 + payload.count)
        let (type, flags) = (UInt16(type), UInt16(flags | NLM_F_REQUEST))
        bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) }
        bytes += [UInt8(type & 0xff), UInt8(type >> 8), UInt8(flags & 0xff), UInt8(flags >> 8)]
        bytes += [0, 0, 0, 0, 0, 0, 0, 0] + payload
    }

    mutating func number(_ sequence: UInt32, addingFlags flags: Int32) {
        bytes.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: sequence, toByteOffset: 8, as: UInt32.self)
            let old = raw.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
            raw.storeBytes(of: old | UInt16(flags), toByteOffset: 6, as: UInt16.self)
        }
    }
}

/// Puts attributes into a message (libnl nla_put); what does not fit is remembered, not lost.
public struct AttributeWriter: ~Copyable {
    private let message: OpaquePointer
    fileprivate(set) var overflowed = false

    fileprivate init(_ message: OpaquePointer) { self.message = message }

    public mutating func put(_ type: Int, bytes: [UInt8]) {
        // libnl wraps attributes past 64 KB and reports success: refuse before.
        guard bytes.count < 65000 else {
            overflowed = true
            return
        }
        if nla_put(message, Int32(type), Int32(bytes.count), bytes) != 0 { overflowed = true }
    }
    public mutating func put<Value>(_ type: Int, raw value: Value) {
        withUnsafeBytes(of: value) { put(type, bytes: Array($0)) }
    }
    public mutating func put(_ type: Int, _ value: UInt8) { put(type, raw: value) }
    public mutating func put(_ type: Int, _ value: UInt16) { put(type, raw: value) }
    public mutating func put(_ type: Int, _ value: UInt32) { put(type, raw: value) }
    public mutating func put(_ type: Int, bigEndian value: UInt16) { put(type, raw: value.bigEndian) }
    public mutating func put(_ type: Int, bigEndian value: UInt32) { put(type, raw: value.bigEndian) }
    public mutating func put(_ type: Int, bigEndian value: UInt64) { put(type, raw: value.bigEndian) }
    /// With its final NUL, as the kernel reads names.
    public mutating func put(_ type: Int, _ text: String) { put(type, bytes: Array(text.utf8) + [0]) }
    public mutating func flag(_ type: Int) { put(type, bytes: []) }

    /// A fixed header inside a nest, as a veth's peer has one.
    mutating func header<Header>(_ header: Header) {
        withUnsafeBytes(of: header) {
            let start = UnsafeMutableRawPointer(mutating: $0.baseAddress!)
            if nlmsg_append(message, start, $0.count, Int32(NLMSG_ALIGNTO)) != 0 { overflowed = true }
        }
    }

    /// A nest; libnl drops an empty one.
    public mutating func nest(_ type: Int, _ build: (inout AttributeWriter) -> Void) {
        guard let start = nla_nest_start(message, Int32(type)) else {
            overflowed = true
            return
        }
        build(&self)
        if nla_nest_end(message, start) != 0 { overflowed = true }
    }
}
