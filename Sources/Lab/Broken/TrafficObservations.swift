import CKernel
import Glibc
import NetCore
import Trace

/// What broken worlds are judged by where it is not a single request.
extension Observation {
    /// The datagrams that are sent all the time come to `node`.
    static func hears(_ node: String, _ words: String, from sender: String, _ own: UInt16, port: UInt16) -> Observation
    {
        Observation(words, "they arrive at \(node), from \(sender)") { look throws(LabError) in
            let heard = try look.hears(node, milliseconds: 900) { $0 == own && $1 == port }
            guard let heard else { return Sight(false, "none arrived within 0.9 s") }
            return Sight("\(heard)" == sender, "they arrive, from \(heard)")
        }
    }

    /// A datagram from a port that nobody used before does not come to `node`.
    static func isClosed(_ source: String, _ address: String, _ port: UInt16, to node: String, _ words: String)
        -> Observation
    {
        Observation(words, "none arrives at \(node)") { look throws(LabError) in
            let own = UInt16.random(in: 50_000...59_999)
            let heard = try look.hears(
                node, milliseconds: 300,
                after: { () throws(LabError) in try look.send(source, from: own, IPAddress(address)!, port) },
                which: { source, _ in source == own })
            return Sight(heard == nil, heard == nil ? "none" : "it arrived")
        }
    }

    /// So many bytes go up in one request, and are counted at the other end.
    static func uploads(_ source: String, _ address: String, _ port: UInt16, _ count: Int, to node: String)
        -> Observation
    {
        Observation("\(source) sends \(count) bytes → \(place(address, port))", "\(node) has them within a second") {
            look throws(LabError) in
            let asked = try look.request(source, IPAddress(address)!, port, uploading: count)
            if case .answer(let text) = asked { return Sight(text.hasPrefix("\(node) got "), asked.seen) }
            return Sight(false, asked.seen)
        }
    }

    /// Several requests in a row, all answered by `node`. Once more after a moment where one or two fail: what was mended just now
    /// takes a neighbour's next word to be known.
    static func getsAll(
        _ count: Int, _ source: String, _ address: String, _ port: UInt16, from node: String, seeing sender: String
    ) -> Observation {
        Observation(
            "\(count) requests, \(source) → \(place(address, port))", "\(node) answers all, and sees \(sender)"
        ) { look throws(LabError) in
            var seen = ""
            for round in 0..<2 {
                if round > 0 { usleep(450_000) }
                var good = 0
                for _ in 0..<count {
                    let begin = Look.milliseconds()
                    let asked = try look.request(source, IPAddress(address)!, port, milliseconds: 200)
                    if asked == .answer("\(node) sees \(sender)") { good += 1 } else { seen = asked.seen }
                    usleep(useconds_t(max(0, begin + 130 - Look.milliseconds())) * 1000)
                }
                if good == count { return Sight(true, "all answered by \(node)") }
                seen = "\(good) of \(count) as they should be; of the others the last: \(seen)"
                if good < count - 2 { break }
            }
            return Sight(false, seen)
        }
    }

    /// What routers say of a packet that is too big comes back to who sent it.
    static func routersAreHeard(_ node: String, _ address: String) -> Observation {
        Observation("what routers say of \(node)'s packets to \(address)", "\(node) hears it") {
            look throws(LabError) in
            switch try look.tooBig(node, IPAddress(address)!) {
            case .heard: return Sight(true, "it does")
            case .silent: return Sight(false, "nothing comes back to \(node)")
            case .small: return Sight(false, "\(node)'s own link does not take 1500 bytes any more")
            }
        }
    }
}

extension Look {
    /// The sender of the first datagram that comes to a node and is the wanted one, by its ports; `body` comes after the ears are
    /// open.
    fileprivate func hears(
        _ name: String, milliseconds: Int, after body: () throws(LabError) -> Void = { () throws(LabError) in },
        which isWanted: (_ source: UInt16?, _ destination: UInt16?) -> Bool
    ) throws(LabError) -> IPAddress? {
        guard let reference = world.references.first(where: { $0.name == name }) else { return nil }
        let capture = try listening(name) { () throws(TraceError) in try FrameCapture(reference) }
        let own = try socket(name, NETLINK_ROUTE) { (socket) throws(KernelError) in try socket.addresses() }
        try body()
        let end = Look.milliseconds() + milliseconds
        while Look.wait(capture.descriptor, POLLIN, until: end) {
            for frame in try listening(name, { () throws(TraceError) in try capture.frames() }) where !frame.isOutgoing
            {
                // A frame that comes to a node need not be for it.
                guard let packet = frame.headers, packet.isUDP,
                    own.contains(where: { $0.prefix.address == packet.destination })
                else { continue }
                if isWanted(packet.sourcePort, packet.destinationPort) { return packet.source }
            }
        }
        return nil
    }

    /// The body captures in a node; what it is refused is told with the node.
    func listening<Value>(_ name: String, _ body: () throws(TraceError) -> Value) throws(LabError) -> Value {
        do throws(TraceError) { return try body() } catch {
            throw LabError(
                .kernel, "cannot listen in node \(name)", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
    }

    /// One datagram.
    fileprivate func send(_ node: String, from own: UInt16, _ address: IPAddress, _ port: UInt16) throws(LabError) {
        let number = try open(node, .v4, SOCK_DGRAM)
        defer { close(number) }
        let source = Look.socketAddress(IPAddress("0.0.0.0")!, own)
        let target = Look.socketAddress(address, port)
        _ = source.withUnsafeBytes { bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), 16) }
        _ = target.withUnsafeBytes {
            sendto(number, "x", 1, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), 16)
        }
    }

    fileprivate enum TooBig { case heard, silent, small }

    /// A datagram of 1500 bytes that may not be cut, whatever the kernel remembers of the way.
    fileprivate func tooBig(_ node: String, _ address: IPAddress) throws(LabError) -> TooBig {
        let number = try open(node, .v4, SOCK_DGRAM)
        defer { close(number) }
        // IP_PMTUDISC_PROBE; IP_RECVERR (linux/in.h).
        var (probe, on): (Int32, Int32) = (3, 1)
        setsockopt(number, Int32(IPPROTO_IP), IP_MTU_DISCOVER, &probe, 4)
        setsockopt(number, Int32(IPPROTO_IP), IP_RECVERR, &on, 4)
        let target = Look.socketAddress(address, 33434)
        let bytes = [UInt8](repeating: 0, count: 1472)
        // Routers say it once a second at most, after a few in a row.
        for _ in 0..<2 {
            let sent = target.withUnsafeBytes {
                sendto(number, bytes, bytes.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), 16)
            }
            if sent < 0, errno == EMSGSIZE { return .small }
            guard Look.wait(number, 0, until: Look.milliseconds() + 500) else { continue }
            var (code, size): (Int32, socklen_t) = (0, 4)
            getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &size)
            if code == EMSGSIZE { return .heard }
        }
        return .silent
    }
}
