import CKernel
import Glibc
import NetCore

/// Observations of who has a port, and of how many connections lie between two nodes.
extension Observation {
    /// No program listens at that TCP port.
    static func silent(_ node: String, port: UInt16) -> Observation {
        Observation("port \(port) of \(node) (ss -ltn)", "no program listens there") { look throws(LabError) in
            let listens = try look.listeningPorts(node).contains(port)
            return Sight(!listens, listens ? "a program listens there" : "nobody listens")
        }
    }

    /// The learner's answer: does a program of the node listen there?
    static func listener(_ node: String, port: UInt16) -> Observation {
        told("the sockets that listen in \(node)", node) { look throws(LabError) in
            (try look.listeningPorts(node).contains(port) ? "a program of \(node)" : "nobody", "", nil)
        }
    }

    /// No program of the node can listen at that port, and none does.
    static func reserved(_ node: String, port: UInt16) -> Observation {
        Observation("port \(port) of \(node)", "taken by a socket that does not listen: no program gets it") {
            look throws(LabError) in
            if try look.listeningPorts(node).contains(port) {
                return Sight(false, "a program listens there: that is a server, and not a reservation")
            }
            let isFree = try look.canListen(node, port)
            return Sight(!isFree, isFree ? "free: any program could listen there" : "taken")
        }
    }

    /// The node takes the packet itself: nothing rewrites it.
    static func taken(_ source: String, _ target: String, by node: String) -> Observation {
        Observation("\(source) → \(target)", "not rewritten, and taken by a program of \(node)") {
            look throws(LabError) in
            let journey = try look.probe(source, target)
            let change = journey.newDestination(in: node).map { "rewritten to \($0.after); " } ?? ""
            return Sight(journey.receiver == node && change.isEmpty, change + journey.seen, journey)
        }
    }

    /// The learner's answer: whom the server says it sees, when the source asks for real.
    static func seenByServer(_ source: String, _ address: String, _ port: UInt16, server: String) -> Observation {
        told("the sender that \(server) sees", server) { look throws(LabError) in
            let answer = try look.ask(source, IPAddress(address)!, port)
            let start = "\(server) sees "
            guard let answer, answer.hasPrefix(start) else { return (nil, answer ?? "no answer", nil) }
            return (String(answer.dropFirst(start.count)), "", nil)
        }
    }

    /// The learner's answer: how many TCP connections lie between the two, while one is open.
    static func connections(_ source: String, _ address: String, _ port: UInt16, server: String, at serverPort: UInt16)
        -> Observation
    {
        told("the connection's ends in \(source) and in \(server)", "\(server)") { look throws(LabError) in
            guard let open = try look.opened(source, IPAddress(address)!, port) else {
                return (nil, "no connection to \(address):\(port) comes about", nil)
            }
            defer { close(open) }
            let mine = try look.connections(source).filter { "\($0.remote)" == address && $0.remotePort == port }
            // What a program between the two makes of it comes a moment later. The server waits a quarter of a second for a request.
            var theirs: [TCPConnection] = []
            for _ in 0..<10 where theirs.isEmpty {
                usleep(20_000)
                theirs = try look.connections(server).filter { $0.localPort == serverPort }
            }
            guard !mine.isEmpty, !theirs.isEmpty else { return (nil, "no connection comes to \(server)", nil) }
            let isOne = mine.contains { near in
                theirs.contains { $0.remote == near.local && $0.remotePort == near.localPort }
            }
            return (isOne ? "one" : "two", "", nil)
        }
    }
}

extension Look {
    /// Could a server of the node listen at that TCP port? One is opened for a moment, as servers do it.
    func canListen(_ node: String, _ port: UInt16) throws(LabError) -> Bool {
        try inside(node, "try port \(port) of node \(node)") { () throws(KernelError) in
            let number = try check("open a socket") {
                Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            }
            defer { close(number) }
            var on: Int32 = 1
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
            let own = Look.socketAddress(IPAddress(family: .v4, value: 0), port)
            let code = own.withUnsafeBytes {
                bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
            return code == 0 && listen(number, 1) == 0
        }
    }

    /// A connection from the node, open; nil when none comes about within 0.7 s. The caller closes it.
    func opened(_ node: String, _ address: IPAddress, _ port: UInt16) throws(LabError) -> Int32? {
        let number = try open(node, address.family, SOCK_STREAM)
        let target = Look.socketAddress(address, port)
        let code = target.withUnsafeBytes {
            connect(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        if code == 0 || errno == EINPROGRESS {
            var polled = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
            var failure: Int32 = 0
            var size = socklen_t(4)
            if poll(&polled, 1, 700) > 0, getsockopt(number, SOL_SOCKET, SO_ERROR, &failure, &size) == 0, failure == 0 {
                return number
            }
        }
        close(number)
        return nil
    }

    /// The node's established TCP connections.
    func connections(_ node: String) throws(LabError) -> [TCPConnection] {
        try socket(node, NETLINK_SOCK_DIAG) { (socket) throws(KernelError) in
            try socket.establishedConnections(.v4) + socket.establishedConnections(.v6)
        }
    }
}
