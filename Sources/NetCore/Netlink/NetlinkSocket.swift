import CKernel
import CLibnl
import Glibc

/// A netlink socket (man 7 netlink), bound to the network namespace in which it was opened. Every answer is read from
/// the kernel's own acknowledgement: errno and extended text, which libnl's calls would flatten.
public struct NetlinkSocket: ~Copyable {
    private let socket: OwnedDescriptor
    private var sequence: UInt32 = 1
    public var descriptor: Int32 { socket.number }
    /// The kernel sends at most 32 KB at once (NLMSG_GOODSIZE, netlink_dump in the kernel).
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    /// Opens a socket of `family` (NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG). Throws what the kernel said.
    public init(_ family: Int32) throws(KernelError) { socket = try NetlinkSocket.opened(family) }

    /// Opens the socket in another namespace; `home` is the calling thread's own.
    public init(_ family: Int32, in namespace: borrowing NetworkNamespace, home: Int32) throws(KernelError) {
        let number = try namespace.inside(home: home) { () throws(KernelError) in
            try NetlinkSocket.opened(family).release()
        }
        socket = OwnedDescriptor(taking: number)
    }

    private static func opened(_ family: Int32) throws(KernelError) -> OwnedDescriptor {
        let number = try check("open netlink socket of family \(family)") {
            Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), family)
        }
        let socket = OwnedDescriptor(taking: number)
        // Until it is bound no notification reaches it (do_one_broadcast in the kernel).
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        try check("bind netlink socket of family \(family)") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
                }
            }
        }
        var on: Int32 = 1
        // NETLINK_EXT_ACK: the kernel says in words what is wrong. CAP_ACK: it does not send our own message back.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
            setsockopt(number, SOL_NETLINK, option, &on, 4)
        }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return socket
    }

    deinit { buffer.deallocate() }

    /// Every request in one send, each acknowledged; all are tried, as the kernel does. Throws the first refusal.
    public mutating func perform(_ requests: [NetlinkRequest]) throws(KernelError) {
        for failure in try attempt(requests) {
            if let failure { throw failure }
        }
    }

    /// As `perform`, with each request's own outcome.
    public mutating func attempt(_ requests: [NetlinkRequest]) throws(KernelError) -> [KernelError?] {
        guard !requests.isEmpty else { return [] }
        let first = try send(requests, flags: NLM_F_ACK)
        var outcomes = [KernelError?](repeating: nil, count: requests.count)
        var waiting = requests.count
        while waiting > 0 {
            for reply in try receive(requests[0].operation) where reply.type == NLMSG_ERROR {
                let index = Int(reply.sequence &- first)
                guard requests.indices.contains(index) else { continue }
                outcomes[index] = NetlinkSocket.failure(reply, requests[index].operation)
                waiting -= 1
            }
        }
        return outcomes
    }

    /// The answers to a question: one object, or all of a dump. Throws ENODEV, ENOENT … when there is none; a dump that
    /// the kernel interrupted (NLM_F_DUMP_INTR) is asked again, at most ten times.
    public mutating func ask(_ request: NetlinkRequest) throws(KernelError) -> [NetlinkReply] {
        let dump = request.bytes[6..<8].reversed().reduce(0) { $0 << 8 | Int32($1) } & NLM_F_DUMP == NLM_F_DUMP
        for _ in 0..<10 {
            if let replies = try askOnce(request, dump: dump) { return replies }
        }
        throw KernelError(request.operation, .tryAgain, "the tables changed during each of ten readings")
    }

    /// Questions of one object each, eight to a send; the answer in its place, nil where the kernel says ENOENT or ENODEV.
    public mutating func ask(each requests: [NetlinkRequest]) throws(KernelError) -> [NetlinkReply?] {
        // The kernel answers while we send: with an acknowledgement each, a dozen would fill the receive buffer.
        let most = 8
        if requests.count <= most { return try askTogether(requests) }
        var found: [NetlinkReply?] = []
        for start in stride(from: 0, to: requests.count, by: most) {
            found += try askTogether(Array(requests[start..<min(start + most, requests.count)]))
        }
        return found
    }

    private mutating func askTogether(_ requests: [NetlinkRequest]) throws(KernelError) -> [NetlinkReply?] {
        guard !requests.isEmpty else { return [] }
        let first = try send(requests, flags: NLM_F_ACK)
        var found = [NetlinkReply?](repeating: nil, count: requests.count)
        var refusal: KernelError?
        var waiting = requests.count
        while waiting > 0 {
            for reply in try receive(requests[0].operation) {
                let index = Int(reply.sequence &- first)
                guard requests.indices.contains(index) else { continue }
                guard reply.type == NLMSG_ERROR else {
                    if found[index] == nil { found[index] = reply }
                    continue
                }
                waiting -= 1
                guard let failure = NetlinkSocket.failure(reply, requests[index].operation) else { continue }
                if failure.errno != .noSuchFile, failure.errno != .noSuchDevice { refusal = refusal ?? failure }
            }
        }
        if let refusal { throw refusal }
        return found
    }

    private mutating func askOnce(_ request: NetlinkRequest, dump: Bool) throws(KernelError) -> [NetlinkReply]? {
        let first = try send([request], flags: dump ? 0 : NLM_F_ACK)
        var found: [NetlinkReply] = []
        var interrupted = false
        while true {
            for reply in try receive(request.operation) where reply.sequence == first {
                if reply.flags & Int(NLM_F_DUMP_INTR) != 0 { interrupted = true }
                switch Int32(reply.type) {
                case NLMSG_ERROR, NLMSG_DONE:
                    if let failure = NetlinkSocket.failure(reply, request.operation) { throw failure }
                    return interrupted ? nil : found
                default:
                    found.append(reply)
                }
            }
        }
    }

    /// Sends without waiting; the first request's sequence number, the others follow.
    mutating func send(_ requests: [NetlinkRequest], flags: Int32) throws(KernelError) -> UInt32 {
        let first = sequence
        var buffer: [UInt8] = []
        buffer.reserveCapacity(requests.reduce(0) { $0 + $1.bytes.count + 3 })
        for var request in requests {
            request.number(sequence, addingFlags: flags)
            sequence &+= 1
            buffer.append(contentsOf: request.bytes)
            while buffer.count % 4 != 0 { buffer.append(0) }
        }
        try transmit(buffer, requests[0].operation)
        return first
    }

    func transmit(_ buffer: [UInt8], _ operation: @autoclosure () -> String) throws(KernelError) {
        if buffer.count > 30_000 {
            // A large batch needs more room than a socket has (the kernel doubles what is asked for).
            var wanted = Int32(buffer.count)
            if setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, 4) != 0 {
                setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &wanted, 4)
            }
        }
        try check(operation()) { Glibc.send(descriptor, buffer, buffer.count, 0) }
    }

    /// One datagram's messages. Waits at most ten seconds (a kernel that does not answer is a bug worth a sentence).
    func receive(_ operation: @autoclosure () -> String, flags: Int32 = 0) throws(KernelError) -> [NetlinkReply] {
        let count: Int
        do throws(KernelError) {
            count = try check(operation()) {
                recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC) | flags)
            }
        } catch  where error.errno == .tryAgain {
            throw KernelError(operation(), .timedOut, "the kernel sent no answer")
        }
        guard count <= buffer.count else {
            throw KernelError(operation(), Errno(EMSGSIZE), "an answer of \(count) bytes")
        }
        return NetlinkReply.list(Array(buffer[..<count])[...])
    }

    /// The messages that wait already, none read later: what an overrun (ENOBUFS) has left in the receive buffer.
    func waiting(_ operation: @autoclosure () -> String) throws(KernelError) -> [NetlinkReply] {
        var found: [NetlinkReply] = []
        while true {
            do throws(KernelError) {
                found += try receive(operation(), flags: Int32(MSG_DONTWAIT))
            } catch  where error.errno == .timedOut {
                return found
            }
        }
    }

    /// What an acknowledgement says; nil for success. Its layout: errno, our header, then the extended attributes.
    static func failure(_ reply: NetlinkReply, _ operation: @autoclosure () -> String) -> KernelError? {
        let code = reply.payload.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let number = Int32(bitPattern: code)
        guard reply.payload.count >= 4, number != 0 else { return nil }
        var words: String?
        if reply.flags & Int(NLM_F_ACK_TLVS) != 0 {
            let skip = reply.type == NLMSG_DONE ? 4 : 20
            words = reply.attributes(after: skip)[type: Int(NLMSGERR_ATTR_MSG.rawValue)]?.text
        }
        return KernelError(operation(), Errno(number == .min ? EPROTO : abs(number)), words)
    }

    /// Where in our message the attribute stands that the kernel refused; nil when it does not say.
    static func offset(_ reply: NetlinkReply) -> Int? {
        guard reply.flags & Int(NLM_F_ACK_TLVS) != 0 else { return nil }
        return reply.attributes(after: 20)[type: Int(NLMSGERR_ATTR_OFFS.rawValue)]?.u32.map { Int($0) }
    }
}
