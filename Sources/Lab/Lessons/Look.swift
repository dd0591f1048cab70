import CKernel
import Glibc
import NetCore
import Trace

/// What the observations of one check read: packets are sent once, however many ask for their way. The process has entered the world.
final class Look {
    let world: World
    /// What the learner said, by the task's number.
    let answers: [Int: String]
    /// The task whose observations are being made.
    var task = 1
    /// What stands for the answer in `berth lab answer …`.
    var placeholder = AnswerForm.letter.placeholder
    /// What lesson 12's speaker does, watched once.
    var streamSight: StreamSight?
    private var journeys: [String: Journey] = [:]

    init(_ world: World, answers: [Int: String]) { (self.world, self.answers) = (world, answers) }

    /// The way of one packet. Throws E-KERNEL when it could not be followed.
    func probe(_ source: String, _ target: String) throws(LabError) -> Journey {
        if let known = journeys["\(source) \(target)"] { return known }
        try settle()
        do throws(TraceError) {
            let journey = try quietly { () throws(TraceError) in
                var probe = try Probe(source: source, to: target)
                // All of it takes a second at most.
                let end = Look.milliseconds() + 950
                probe.milliseconds = 950
                let journey = try Tracer.send(probe, nodes: world.references)
                // Where an address was asked for in vain a moment ago, the kernel asks anew after a second
                // (net.ipv4.neigh.*.retrans_time_ms), and the packet waits for that.
                let left = end - Look.milliseconds()
                guard left > 100, !journey.isAnswered,
                    journey.forward?.end.kind == .lost || journey.reply?.end.kind == .lost
                else { return journey }
                probe.milliseconds = left
                return try Tracer.send(probe, nodes: world.references)
            }
            journeys["\(source) \(target)"] = journey
            return journey
        } catch {
            throw LabError(
                .kernel, "cannot follow a packet from \(source) to \(target)", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
    }

    /// The body while programs are asked for the texts of rules.
    func quietly<Value>(_ body: () throws(TraceError) -> Value) throws(TraceError) -> Value {
        let listing = ListingOfRules(world)
        defer { listing.end() }
        return try body()
    }

    func socket<Value>(
        _ node: String, _ family: Int32, _ read: (inout NetlinkSocket) throws(KernelError) -> Value
    ) throws(LabError) -> Value {
        let path = "/proc/\(try world.node(node).process.pid)/ns/net"
        return try during("look into node \(node)") { () throws(KernelError) in
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: path)
            var socket = try NetlinkSocket(family, in: namespace, home: home.number)
            return try read(&socket)
        }
    }

    /// No link has a carrier and does not send yet, or 1.2 seconds have passed: after a link has come up the kernel throws away what it
    /// would send until it has looked at it, which it does at most once a second (net/core/link_watch.c).
    private func settle() throws(LabError) {
        for _ in 0..<60 {
            var isComing = false
            for node in world.nodes where !isComing {
                isComing = try links(node.name).contains {
                    // IF_OPER_UNKNOWN and IF_OPER_UP (RFC 2863): nothing is to come.
                    $0.isUp && $0.hasCarrier == true && ![0, 6].contains($0.operationalState ?? 0)
                }
            }
            guard isComing else { return }
            usleep(20_000)
        }
    }

    /// The IPv4 flows that a node remembers.
    func flows(_ node: String) throws(LabError) -> [ConntrackFlow] {
        try socket(node, NETLINK_NETFILTER) { (socket) throws(KernelError) in try socket.flows(.v4) }
    }

    /// A parameter below /proc/sys; nil where the node's kernel does not have it.
    func parameter(_ node: String, _ path: String) throws(LabError) -> String? {
        try inside(node, "read \(path) of node \(node)") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Sysctl.read(path) }
        }
    }

    /// The route that a node's kernel chooses; nil when it has none.
    func route(_ node: String, _ address: String) throws(LabError) -> Route? {
        guard let address = IPAddress(address) else { return nil }
        return try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            try ignoring(Errno(ENETUNREACH), Errno(EHOSTUNREACH)) { () throws(KernelError) in
                try socket.route(to: address)
            } ?? nil
        }
    }

    /// TCP ports that somebody listens on in a node, of both families.
    func listeningPorts(_ node: String) throws(LabError) -> [UInt16] {
        let sockets = try socket(node, NETLINK_SOCK_DIAG) { (socket) throws(KernelError) in
            try socket.listeningSockets(.tcp, .v4) + socket.listeningSockets(.tcp, .v6)
        }
        return Set(sockets.map(\.port)).sorted()
    }

    /// A node's links.
    func links(_ node: String) throws(LabError) -> [Link] {
        try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in try socket.links() }
    }
}
