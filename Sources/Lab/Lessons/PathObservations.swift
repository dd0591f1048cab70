import CKernel
import Glibc
import NetCore
import Trace

/// Observations of how large a packet may be, and of who hears of it.
extension Observation {
    /// So many bytes are fetched from a published port within a second. What `holder`, which sends them, remembers of the path is
    /// forgotten before (IPv4): an earlier try must not help this one.
    static func carries(_ source: String, _ address: String, _ port: UInt16, _ bytes: Int, from holder: String)
        -> Observation
    {
        Observation("\(bytes / 1000) kB, \(source) from \(Look.place(address, port))", "all of it within a second") {
            look throws(LabError) in
            try look.forgetPath(holder)
            let found = try look.fetch(source, IPAddress(address)!, port, bytes)
            return Sight(found.received >= bytes, found.words(of: bytes))
        }
    }

    /// What comes of such a transfer, as one of `transfers`.
    static func transfer(_ source: String, _ address: String, _ port: UInt16, _ bytes: Int, from holder: String)
        -> Observation
    {
        told("what comes of it", "the transfer") { look throws(LabError) in
            try look.forgetPath(holder)
            let found = try look.fetch(source, IPAddress(address)!, port, bytes)
            let fate = found.received >= bytes ? transfers[0] : found.isConnected ? transfers[2] : transfers[1]
            return (fate, found.words(of: bytes), nil)
        }
    }
    static let transfers = ["all of it comes", "no connection", "a connection, and then it stalls"]

    /// A packet of 1400 bytes that may not be fragmented goes to the address; the sender hears that it is too large, or does not. No
    /// packet goes there that is not the check's own. A sender whose own link is narrower has nothing to be told.
    static func hears(_ source: String, _ address: String, _ isTold: Bool) -> Observation {
        Observation(
            "a packet of 1400 bytes, \(source) → \(address)",
            isTold ? "\(source) is told that it is too large" : "\(source) is still not told that it is too large"
        ) { look throws(LabError) in
            try look.forgetPath(source)
            let (before, after) = try look.pathMTU(source, IPAddress(address)!)
            if before < 1400 { return Sight(true, "\(source) sends at most \(before) bytes of itself") }
            return Sight(
                (after < 1400) == isTold,
                after < 1400 ? "\(source) is told: at most \(after) bytes" : "\(source) is told nothing")
        }
    }

    /// As above of IPv6, towards an address of the network that nobody has asked for yet: routers answer it all the same.
    static func hearsOfAny(_ source: String, in network: String) -> Observation {
        // "2001:db8:203::"
        Observation("a packet of 1400 bytes, \(source) → \(network)/64", "\(source) is told that it is too large") {
            look throws(LabError) in
            let parts = (0..<4).map { _ in String(UInt16.random(in: 1 ... .max), radix: 16) }
            let (before, after) = try look.pathMTU(
                source, IPAddress("\(network.dropLast())0:\(parts.joined(by: ":"))")!)
            if before < 1400 { return Sight(true, "\(source) sends at most \(before) bytes of itself") }
            return Sight(
                after < 1400, after < 1400 ? "told: at most \(after) bytes" : "\(source) is told nothing")
        }
    }

    /// After `carries`: the sender sent packets that were too large, was told, and remembers it.
    static func remembers(_ node: String, _ address: String) -> Observation {
        Observation("\(node)'s way to \(address)", "learned that only smaller packets pass") { look throws(LabError) in
            let mtu = try look.route(node, address)?.mtu
            return Sight(
                mtu != nil,
                mtu.map { "at most \($0) bytes" }
                    ?? "\(node) was told nothing, for it sent no large packet: something still makes its segments small"
            )
        }
    }

    /// The node finds its neighbours' MAC addresses anew: what it knows of them is forgotten, then one that asks is answered.
    static func findsNeighbours(
        _ node: String, _ neighbours: [(link: String, address: String)], asking source: String, _ address: String,
        _ port: UInt16
    ) -> Observation {
        Observation("neighbours of \(node)", "found again when they are forgotten") { look throws(LabError) in
            for (link, address) in neighbours { try look.forgetNeighbour(node, link, address) }
            let answer = try look.ask(source, IPAddress(address)!, port)
            return Sight(
                answer != nil,
                answer.map { "\($0)" }
                    ?? "no answer comes any more: is neighbour discovery (ICMPv6 135, 136) let through?")
        }
    }

    /// The packet goes through the node as it was sent.
    static func untouched(_ source: String, _ target: String, in node: String) -> Observation {
        Observation("\(source) → \(target)", "passes \(node) with its addresses as they were") {
            look throws(LabError) in
            let journey = try look.probe(source, target)
            let changed =
                journey.newDestination(in: node).map { "rewritten to \($0.after)" }
                ?? journey.newSource(in: node).map { "its source rewritten to \($0.after)" }
            return Sight(changed == nil && journey.reached(node), changed ?? journey.seen, journey)
        }
    }
}

extension Look {
    static func place(_ address: String, _ port: UInt16) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    /// What a node's kernel learned of paths is forgotten (`ip route flush cache`), where it lets one: IPv4.
    fileprivate func forgetPath(_ node: String) throws(LabError) {
        try inside(node, "forget the paths of node \(node)") { () throws(KernelError) in
            _ = try ignoring(.noSuchFile, .notPermitted, .accessDenied) { () throws(KernelError) in
                try Sysctl.write("net/ipv4/route/flush", "1")
            }
        }
    }

    fileprivate func forgetNeighbour(_ node: String, _ link: String, _ address: String) throws(LabError) {
        guard let index = try links(node).first(where: { $0.name == link })?.index, let address = IPAddress(address)
        else { return }
        try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            _ = try ignoring(.noSuchFile) { () throws(KernelError) in
                try socket.perform([try NeighbourRequest.forget(address, on: index, named: link)])
            }
        }
    }

    /// The way of one packet of 1428 bytes.
    func probeLarge(_ source: String, _ target: String) throws(LabError) -> Journey {
        do throws(TraceError) {
            var probe = try Probe(source: source, to: target)
            probe.payload = String(repeating: "x", count: 1392)
            probe.milliseconds = 800
            return try Tracer.send(probe, nodes: world.references)
        } catch {
            throw LabError(
                .kernel, "cannot follow a packet from \(source) to \(target)", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
    }

    struct Transfer {
        var isConnected = false
        var received = 0
        var milliseconds = 0

        func words(of bytes: Int) -> String {
            if received >= bytes { return "all of it, in \(milliseconds) ms" }
            if !isConnected { return "no connection" }
            return "connected, then stalled: \(received) of \(bytes) bytes in a second"
        }
    }

    /// A request for so many bytes, for one second at most.
    fileprivate func fetch(_ node: String, _ address: IPAddress, _ port: UInt16, _ bytes: Int) throws(LabError)
        -> Transfer
    {
        let number = try open(node, address.family, SOCK_STREAM)
        defer { close(number) }
        var found = Transfer()
        let start = Look.milliseconds()
        let target = Look.socketAddress(address, port)
        let code = target.withUnsafeBytes {
            connect(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard code == 0 || errno == EINPROGRESS, Look.wait(number, POLLOUT, until: start + 1000) else { return found }
        let request = "GET /\(bytes) HTTP/1.0\r\n\r\n"
        guard send(number, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return found }
        found.isConnected = true
        var part = [UInt8](repeating: 0, count: 16384)
        while found.received < bytes, Look.wait(number, POLLIN, until: start + 1000) {
            let count = recv(number, &part, part.count, 0)
            if count <= 0 { break }
            found.received += count
        }
        found.milliseconds = Look.milliseconds() - start
        return found
    }

    /// The path's MTU as the node's kernel knows it before, and after a datagram that makes a packet of 1400 bytes and may not be
    /// fragmented; what is told is waited for for a fifth of a second.
    fileprivate func pathMTU(_ node: String, _ address: IPAddress) throws(LabError) -> (before: Int, after: Int) {
        let number = try open(node, address.family, SOCK_DGRAM)
        defer { close(number) }
        // IP_MTU_DISCOVER 10 and IP_MTU 14 (linux/in.h), IPV6_MTU_DISCOVER 23 and IPV6_MTU 24 (linux/in6.h); 2 is "never fragment".
        let isV4 = address.family == .v4
        let level = Int32(isV4 ? IPPROTO_IP : Int(IPPROTO_IPV6))
        var never: Int32 = 2
        setsockopt(number, level, isV4 ? 10 : 23, &never, 4)
        let target = Look.socketAddress(address, 9)
        _ = target.withUnsafeBytes {
            connect(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        func known() -> Int {
            var mtu: Int32 = 0
            var size = socklen_t(4)
            return getsockopt(number, level, isV4 ? 14 : 24, &mtu, &size) == 0 ? Int(mtu) : 65535
        }
        let before = known()
        let bytes = [UInt8](repeating: 0, count: 1400 - (isV4 ? 28 : 48))
        _ = send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        for _ in 0..<20 where known() >= 1400 { usleep(10_000) }
        return (before, known())
    }
}
