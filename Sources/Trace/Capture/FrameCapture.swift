import CKernel
import Glibc
public import NetCore

/// Every frame on every device of one node, or on one of them: before netfilter on its way in, after it on its way out. The
/// socket belongs to the node, the thread does not.
public final class FrameCapture {
    public let node: NodeReference
    /// Names of the devices by their numbers, as far as known.
    public private(set) var devices: [Int32: String] = [:]
    private let loopback: Set<Int32>
    private let namespace: NetworkNamespace
    private let socket: OwnedDescriptor
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    /// To be polled for reading.
    public var descriptor: Int32 { socket.number }

    /// Captures from now on. Throws what the kernel refused; ENODEV when the node has no such device.
    public init(_ node: NodeReference, device: String? = nil) throws(TraceError) {
        self.node = node
        do throws(KernelError) {
            let home = try NetworkNamespace.current()
            namespace = try NetworkNamespace(open: node.namespace)
            var routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            let links = try routes.links()
            for link in links { devices[link.index] = link.name }
            loopback = Set(links.filter(\.isLoopback).map(\.index))
            var only: Int32 = 0
            if let device {
                guard let link = links.first(where: { $0.name == device }) else {
                    throw KernelError(
                        "capture on \(device)", .noSuchDevice, "\(node.name) has \(links.map(\.name).joined(by: ", "))")
                }
                only = link.index
            }
            let number = try namespace.inside(home: home.number) { () throws(KernelError) in
                try FrameCapture.opened(only).release()
            }
            socket = OwnedDescriptor(taking: number)
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    private static func opened(_ device: Int32) throws(KernelError) -> OwnedDescriptor {
        // Of no protocol at first: nothing comes before it is bound to its device.
        let number = try check("open a packet capture socket") {
            Glibc.socket(17, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        let socket = OwnedDescriptor(taking: number)
        var on: Int32 = 1
        // SO_TIMESTAMPNS; PACKET_AUXDATA of SOL_PACKET.
        try check("ask for the frames' times") { setsockopt(number, SOL_SOCKET, 35, &on, 4) }
        try check("ask for the frames' tags") { setsockopt(number, 263, 8, &on, 4) }
        var room: Int32 = 16 << 20
        if setsockopt(number, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4) != 0 {
            setsockopt(number, SOL_SOCKET, SO_RCVBUF, &room, 4)
        }
        // struct sockaddr_ll: family, protocol (ETH_P_ALL), device.
        var address = [UInt8](repeating: 0, count: 20)
        address[0] = 17
        address[3] = 3
        for place in 0..<4 { address[4 + place] = UInt8(truncatingIfNeeded: device >> (place * 8)) }
        try check("capture") {
            address.withUnsafeBytes { bytes in
                bind(number, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), 20)
            }
        }
        return socket
    }

    /// Frames that the kernel had no room for.
    public var losses: Int { SocketLosses.count(descriptor) }

    /// Its name, also of a device that came later; its number where nobody knows.
    public func name(of device: Int32) -> String {
        if let name = devices[device] { return name }
        let found = try? namespace.inside { () throws(KernelError) in
            var routes = try NetlinkSocket(NETLINK_ROUTE)
            return try routes.links().map { ($0.index, $0.name) }
        }
        for (index, name) in found ?? [] { devices[index] = name }
        let name = devices[device] ?? "device \(device)"
        devices[device] = name
        return name
    }

    /// Whatever waits, at most that many. Of what passes `lo` only its arrival, as it would be there twice.
    public func frames(limit: Int = 4096) throws(TraceError) -> [Frame] {
        var found: [Frame] = []
        for _ in 0..<limit {
            var address = [UInt8](repeating: 0, count: 20)
            var control = [UInt8](repeating: 0, count: 256)
            var controlLength = 0
            let count = buffer.withUnsafeMutableBytes { data in
                address.withUnsafeMutableBytes { address in
                    control.withUnsafeMutableBytes { control in
                        var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
                        return withUnsafeMutablePointer(to: &part) { part in
                            var message = msghdr()
                            message.msg_name = address.baseAddress
                            message.msg_namelen = 20
                            message.msg_iov = part
                            message.msg_iovlen = 1
                            message.msg_control = control.baseAddress
                            message.msg_controllen = control.count
                            // MSG_TRUNC: the length that it had.
                            let count = recvmsg(descriptor, &message, Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC))
                            controlLength = Int(message.msg_controllen)
                            return count
                        }
                    }
                }
            }
            guard count >= 0 else {
                let code = Errno.current
                if code == .tryAgain || code == .wouldBlock { return found }
                // A device that goes down says so once; the socket goes on.
                if code == Errno(ENETDOWN) || code == .interrupted { continue }
                throw TraceError.kernel(KernelError("read captured frames", code), node: node.name)
            }
            let frame = FrameCapture.frame(
                buffer[..<min(count, buffer.count)], length: count, address: address, control: control[..<controlLength]
            )
            if let frame, !(frame.isOutgoing && loopback.contains(frame.device)) { found.append(frame) }
        }
        return found
    }

    /// Nil when it is no IP packet of a device that has no Ethernet. `address` is a sockaddr_ll, `control` the ancillary data.
    static func frame(_ data: ArraySlice<UInt8>, length: Int, address: [UInt8], control: ArraySlice<UInt8>) -> Frame? {
        guard address.count >= 12 else { return nil }
        let number = { (bytes: ArraySlice<UInt8>) in bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        var time: Int64 = 0
        var header = 0
        var tag: [UInt8] = []
        var rest = control
        // cmsghdr: length (8), level (4), type (4); the data follows.
        while rest.count >= 16 {
            let size = number(rest.prefix(8))
            guard size >= 16, size <= UInt64(rest.count) else { break }
            let body = rest.dropFirst(16).prefix(Int(size) - 16)
            let (level, type) = (number(rest.dropFirst(8).prefix(4)), number(rest.dropFirst(12).prefix(4)))
            if level == UInt64(SOL_SOCKET), type == 35, body.count >= 16 {
                time =
                    Int64(truncatingIfNeeded: number(body.prefix(8))) &* 1_000_000_000
                    &+ Int64(truncatingIfNeeded: number(body.dropFirst(8).prefix(8)))
            }
            // struct tpacket_auxdata: status, len, snaplen (4 each); mac, net, vlan_tci, vlan_tpid (2 each).
            if level == 263, type == 8, body.count >= 20 {
                let status = number(body.prefix(4))
                let (mac, net) = (number(body.dropFirst(12).prefix(2)), number(body.dropFirst(14).prefix(2)))
                header = net > mac ? Int(net - mac) : 0
                if status & 0x10 != 0 {  // TP_STATUS_VLAN_VALID
                    let kind = status & 0x40 != 0 ? number(body.dropFirst(18).prefix(2)) : 0x8100
                    let tci = number(body.dropFirst(16).prefix(2))
                    tag = [kind >> 8, kind, tci >> 8, tci].map { UInt8(truncatingIfNeeded: $0) }
                }
            }
            rest = rest.dropFirst(min((Int(size) + 7) & ~7, rest.count))
        }
        let device = Int32(truncatingIfNeeded: number(address[4..<8]))
        // ARPHRD_ETHER and ARPHRD_LOOPBACK have the same header.
        if [1, 772].contains(number(address[8..<10])) {
            var bytes = Array(data)
            if !tag.isEmpty, bytes.count >= 12 { bytes.insert(contentsOf: tag, at: 12) }
            return Frame(
                kind: address[10], device: device, time: time, bytes: bytes, length: length + bytes.count - data.count,
                linkType: .ethernet)
        }
        let type = UInt16(address[2]) << 8 | UInt16(address[3])
        guard type == 0x0800 || type == 0x86dd, data.count >= header else { return nil }
        return Frame(
            kind: address[10], device: device, time: time, bytes: Array(data.dropFirst(header)),
            length: length - header,
            linkType: .raw)
    }
}
