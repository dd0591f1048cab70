import CKernel
import Glibc
import NetCore

/// One namespace, read as it is asked for.
final class Node {
    let reference: NodeReference
    var name: String { reference.name }
    let addresses: [(device: Int32, prefix: IPPrefix)]
    private let namespace: NetworkNamespace
    private let home: Int32
    var route: NetlinkSocket
    private var filter: NetlinkSocket?
    private var readRules: Ruleset?
    private var readFlows: [AddressFamily: [ConntrackFlow]] = [:]
    private var listening: [String: [ListeningSocket]] = [:]
    private var parameters: [String: String?] = [:]
    private var routes: [String: RouteFound] = [:]
    private var types: [IPAddress: UInt32] = [:]
    private var entries: [Neighbour]?
    var links = NodeLinks()
    /// The flows that this explanation began here.
    var flows: [Flow] = []
    unowned let surroundings: Surroundings
    /// The places in `Surroundings.byAge` whose number here was not asked for yet, and the places by that number.
    var unnumbered: LikelyPlaces?
    var numbered: [Int32: Int] = [:]
    /// The port behind which an address was found, by the MAC address there.
    var portOfHolder: [MACAddress: Int32] = [:]

    /// Throws what the kernel refused.
    init(_ reference: NodeReference, among surroundings: Surroundings) throws(KernelError) {
        let home = surroundings.home
        self.surroundings = surroundings
        self.reference = reference
        self.home = home
        namespace = try NetworkNamespace(open: reference.namespace)
        var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        var found: [(Int32, IPPrefix)] = []
        let request = try NetlinkRequest("list addresses", type: RTM_GETADDR, flags: NLM_F_DUMP, header: ifaddrmsg())
        for reply in try socket.ask(request) where reply.type == RTM_NEWADDR {
            // struct ifaddrmsg: family, prefixlen, flags, scope, index.
            guard let header = reply.header(8).map(Array.init) else { continue }
            let attributes = reply.attributes(after: 8)
            guard
                let address = (attributes[type: Int(IFA_LOCAL)] ?? attributes[type: Int(IFA_ADDRESS)])
                    .flatMap({ IPAddress(bytes: $0.payload) })
            else { continue }
            found.append((Int32(bitPattern: header.little32(4)), IPPrefix(address, length: Int(header[1]))))
        }
        addresses = found
        route = socket
    }

    /// Asks netfilter's sockets; what it does not want to say is the caller's default.
    func netfilter<R>(_ body: (inout NetlinkSocket) -> R?) -> R? {
        if filter == nil { filter = try? NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home) }
        guard filter != nil else { return nil }
        return body(&filter!)
    }

    /// As above, of a set.
    func setAnswer(_ body: (inout NetlinkSocket) -> SetAnswer) -> SetAnswer {
        if filter == nil { filter = try? NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home) }
        return filter == nil ? .unknown : body(&filter!)
    }

    var rules: Ruleset {
        if let readRules { return readRules }
        var rules = Ruleset()
        told { () throws(KernelError) in
            var socket = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
            rules = try Ruleset(&socket)
            try namespace.inside(home: home) { () throws(KernelError) in try rules.addLegacy() }
        }
        readRules = rules
        return rules
    }

    /// What is not told is no answer: the explanation fails with it.
    func told(_ body: () throws(KernelError) -> Void) {
        do throws(KernelError) { try body() } catch { surroundings.refusal = surroundings.refusal ?? error }
    }

    private func inside(_ body: () -> Void) {
        let work: () throws(KernelError) -> Void = { body() }
        try? namespace.inside(home: home, work)
    }

    /// A parameter of /proc/sys, as "net/ipv4/ip_forward"; nil where there is none.
    func parameter(_ path: String) -> String? {
        if let known = parameters[path] { return known }
        var value: String?
        inside { value = try? Sysctl.read(path) }
        parameters[path] = .some(value)
        return value
    }

    func isOn(_ path: String) -> Bool { (parameter(path).flatMap { Int($0) } ?? 0) > 0 }

    /// What its own packets have to live.
    func lifetime(_ family: AddressFamily, _ device: Device) -> Int {
        let path = family == .v4 ? "net/ipv4/ip_default_ttl" : "net/ipv6/conf/\(device.name)/hop_limit"
        return parameter(path).flatMap { Int($0) } ?? 64
    }

    /// The route of a packet from here, or of one that came in by `input`.
    func route(
        to target: IPAddress, from source: IPAddress? = nil, input: Device? = nil, mark: UInt32 = 0,
        output: Device? = nil,
        packet: Packet? = nil
    ) -> RouteFound {
        let key =
            "\(target) \(source.map { "\($0)" } ?? "") \(input?.index ?? 0) \(mark) \(output?.index ?? 0) \(packet?.destinationPort ?? 0)"
        if let known = routes[key] { return known }
        let found = asked(target, source, input, mark, output, packet)
        routes[key] = found
        return found
    }

    private func asked(
        _ target: IPAddress, _ source: IPAddress?, _ input: Device?, _ mark: UInt32, _ output: Device?,
        _ packet: Packet?
    ) -> RouteFound {
        var header = rtmsg()
        header.rtm_family = target.family.constant
        header.rtm_dst_len = UInt8(target.family.bits)
        if source != nil { header.rtm_src_len = UInt8(target.family.bits) }
        do throws(KernelError) {
            let request = try NetlinkRequest(
                "look up the route to \(target)", type: RTM_GETROUTE, flags: 0, header: header
            ) {
                $0.put(Int(RTA_DST.rawValue), bytes: target.bytes)
                if let source { $0.put(Int(RTA_SRC.rawValue), bytes: source.bytes) }
                if let input { $0.put(Int(RTA_IIF.rawValue), UInt32(bitPattern: input.index)) }
                if let output { $0.put(Int(RTA_OIF.rawValue), UInt32(bitPattern: output.index)) }
                if mark != 0 { $0.put(Int(RTA_MARK.rawValue), mark) }
                // Rules of routing may ask for them.
                if let packet, !packet.isICMP {
                    $0.put(Int(RTA_IP_PROTO.rawValue), packet.proto)
                    if let port = packet.sourcePort { $0.put(Int(RTA_SPORT.rawValue), bigEndian: port) }
                    if let port = packet.destinationPort { $0.put(Int(RTA_DPORT.rawValue), bigEndian: port) }
                }
            }
            guard let reply = try route.ask(request).first(where: { $0.type == RTM_NEWROUTE }),
                let bytes = reply.header(12).map(Array.init)
            else { return RouteFound(kind: .none) }
            let attributes = reply.attributes(after: 12)
            let kind: RouteFound.Kind =
                switch Int(bytes[7]) {
                case Int(RTN_LOCAL), Int(RTN_ANYCAST): .local
                case Int(RTN_BROADCAST), Int(RTN_MULTICAST): .broadcast
                case Int(RTN_UNICAST): .unicast
                default: .refused
                }
            return RouteFound(
                kind: kind, device: attributes[type: Int(RTA_OIF.rawValue)]?.u32.map { Int32(bitPattern: $0) },
                gateway: attributes[type: Int(RTA_GATEWAY.rawValue)].flatMap { IPAddress(bytes: $0.payload) },
                source: attributes[type: Int(RTA_PREFSRC.rawValue)].flatMap { IPAddress(bytes: $0.payload) })
        } catch {
            switch error.errno {
            case Errno(ENETUNREACH), Errno(EHOSTUNREACH): return RouteFound(kind: .none)
            case Errno(EXDEV): return RouteFound(kind: .wrongWayBack)
            default: return RouteFound(kind: .refused, isSilent: error.errno != .accessDenied)
            }
        }
    }

    /// The tighter of all's and the device's: 0 none, 1 strict, 2 loose (the higher number counts).
    func reversePathFilter(_ device: Device) -> Int {
        ["all", device.name].compactMap { parameter("net/ipv4/conf/\($0)/rp_filter").flatMap { Int($0) } }.max() ?? 0
    }

    /// Does rp_filter let in what comes from there by the device?
    func isAccepted(_ source: IPAddress, at device: Device) -> Bool {
        let filter = reversePathFilter(device)
        guard filter != 0, source.family == .v4 else { return true }
        let back = route(to: source)
        return back.kind == .unicast && (filter == 2 || back.device == device.index)
    }

    /// The addresses that rules of routing choose by (`ip rule from`).
    func routingRules(from family: AddressFamily) -> [IPAddress] {
        // struct fib_rule_hdr is as long as struct rtmsg, and begins with the family, too; FRA_SRC is 2 (linux/fib_rules.h).
        var header = rtmsg()
        header.rtm_family = family.constant
        guard
            let request = try? NetlinkRequest(
                "list the rules of routing", type: RTM_GETRULE, flags: NLM_F_DUMP, header: header),
            let replies = try? route.ask(request)
        else { return [] }
        return replies.compactMap { $0.attributes(after: 12)[type: 2].flatMap { IPAddress(bytes: $0.payload) } }
    }

    /// Is it one of this namespace's own?
    func isOwn(_ address: IPAddress) -> Bool { addressType(address, on: nil) == UInt32(RTN_LOCAL) }

    /// RTN_*: as table local has it; `on`: only that device's addresses are local.
    func addressType(_ address: IPAddress, on device: Device?) -> UInt32 {
        if address.isMulticast { return UInt32(RTN_MULTICAST) }
        if let device, !address.isLoopback {
            return addresses.contains { $0.prefix.address == address && $0.device == device.index }
                ? UInt32(RTN_LOCAL) : UInt32(RTN_UNICAST)
        }
        if let known = types[address] { return known }
        var type = UInt32(RTN_UNICAST)
        switch route(to: address).kind {
        case .local: type = UInt32(RTN_LOCAL)
        case .broadcast: type = UInt32(RTN_BROADCAST)
        default: break
        }
        // A route by a device that is down is none, and its addresses stay local.
        if addresses.contains(where: { $0.prefix.address == address }) { type = UInt32(RTN_LOCAL) }
        types[address] = type
        return type
    }

    /// Flows that the kernel knows.
    func knownFlows(_ family: AddressFamily) -> [ConntrackFlow] {
        if let known = readFlows[family] { return known }
        var found: [ConntrackFlow] = []
        told { () throws(KernelError) in
            var socket = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
            found = try socket.flows(family)
        }
        readFlows[family] = found
        return found
    }

    func listeners(_ proto: UInt8, _ family: AddressFamily) -> [ListeningSocket] {
        let transport: TransportProtocol = proto == UInt8(IPPROTO_UDP) ? .udp : .tcp
        let key = "\(proto) \(family)"
        if let known = listening[key] { return known }
        var found: [ListeningSocket] = []
        told { () throws(KernelError) in
            var socket = try NetlinkSocket(NETLINK_SOCK_DIAG, in: namespace, home: home)
            for one in family == .v4 ? AddressFamily.allCases : [.v6] {
                found += try socket.listeningSockets(transport, one)
            }
        }
        listening[key] = found
        return found
    }

    func neighbours() -> [Neighbour] {
        if let entries { return entries }
        var found: [Neighbour] = []
        told { () throws(KernelError) in found = try route.neighbours() }
        entries = found
        return found
    }
}
