import Glibc
import NetCore

/// Ports of the host for those that were asked for as 0, or as a range of which one is taken.
struct PortChoice {
    private let wanted: [PublishedPort]
    /// Of other containers.
    private let taken: [PublishedPort]
    private var ports: [PublishedPort] = []
    private var chosen: [Int] = []
    private var refused: Set<String> = []
    private var attempts = 1
    /// How often others are taken when somebody else was quicker.
    private let limit: Int

    init(_ wanted: [PublishedPort], beside taken: [PublishedPort] = []) {
        self.wanted = wanted
        self.taken = taken
        let room = wanted.map { $0.isRange ? Int($0.lastHostPort - $0.hostPort) + 1 : 0 }.reduce(0, +)
        limit = max(16, min(256, room))
    }

    /// Every port, with one at which nobody receives where it was left open. Throws 409 when there is none.
    mutating func next() throws(NetworkError) -> [PublishedPort] {
        ports = wanted
        chosen = ports.indices.filter { ports[$0].hostPort == 0 || ports[$0].isRange }
        for index in chosen {
            let port = ports[index]
            let others = ports.filter { !$0.isRange }
            defer { ports[index].lastHostPort = 0 }
            ports[index].hostPort = try port.isRange ? first(of: port, beside: others) : free(for: port, beside: others)
        }
        for index in ports.indices { ports[index].lastHostPort = 0 }
        return ports
    }

    /// A conflict was told: true when it is one of the ports that `next` chose, and others may be tried.
    mutating func refuse(_ message: String) -> Bool {
        let lost = chosen.map { ports[$0].words }.filter { message.holds($0) }
        refused.formUnion(lost)
        attempts += 1
        return !lost.isEmpty && attempts <= limit
    }

    private func first(of port: PublishedPort, beside others: [PublishedPort]) throws(NetworkError) -> UInt16 {
        for number in port.hostPort...port.lastHostPort {
            var candidate = port
            candidate.hostPort = number
            if !refused.contains(candidate.words), !(others + taken).contains(where: { $0.isInTheWay(of: candidate) }),
                PortChoice.isFree(number, port)
            {
                return number
            }
        }
        throw NetworkError(
            409,
            "no free host port from \(port.hostPort) to \(port.lastHostPort) for container port \(port.containerPort)/\(port.protocolName): somebody receives at each: name others"
        )
    }

    private func free(for port: PublishedPort, beside others: [PublishedPort]) throws(NetworkError) -> UInt16 {
        let range = PortChoice.localRange
        for _ in 0..<1000 {
            let candidate = UInt16.random(in: range)
            let isTaken = others.contains { $0.hostPort == candidate && $0.protocolName == port.protocolName }
            if !isTaken, PortChoice.isFree(candidate, port) { return candidate }
        }
        throw NetworkError(
            409, "no free host port for container port \(port.containerPort)/\(port.protocolName): name one")
    }

    /// net.ipv4.ip_local_port_range: where no service is expected.
    private static var localRange: ClosedRange<UInt16> {
        do throws(KernelError) {
            let words = try Sysctl.read("net/ipv4/ip_local_port_range").split { $0 == "\t" || $0 == " " }
            if words.count == 2, let low = UInt16(words[0]), let high = UInt16(words[1]), low <= high, low > 0 {
                return low...high
            }
        } catch {
            // The kernel's default.
        }
        return 32768...60999
    }

    /// Can it be bound, in each family that it will answer in?
    private static func isFree(_ number: UInt16, _ port: PublishedPort) -> Bool {
        let named = IPAddress(port.hostAddress)
        let addresses = named.map { [$0] } ?? [IPAddress(family: .v4, value: 0), IPAddress(family: .v6, value: 0)]
        return addresses.allSatisfy { address in
            do throws(KernelError) {
                let socket: OwnedDescriptor
                switch port.protocolName {
                case "udp": socket = try SocketAddress.socket(address.family, SOCK_DGRAM)
                case "sctp": socket = try SocketAddress.socket(address.family, SOCK_STREAM, Int32(IPPROTO_SCTP))
                default: socket = try SocketAddress.socket(address.family, SOCK_STREAM)
                }
                let descriptor = socket.number
                var on: Int32 = 1
                if address.family == .v6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, 4) }
                let code = SocketAddress(address, number).use { bind(descriptor, $0, $1) }
                return code == 0 || errno != EADDRINUSE
            } catch {
                // A kernel without the protocol has no socket of it.
                return true
            }
        }
    }
}

extension PublishedPort {
    /// As the sentences of portmap name it: 8080/tcp.
    var words: String { "\(hostPort)/\(protocolName)" }

    /// One of several host ports is to be taken.
    var isRange: Bool { lastHostPort > hostPort }

    /// Both cannot be published.
    func isInTheWay(of other: PublishedPort) -> Bool {
        func isAny(_ address: String) -> Bool { ["", "0.0.0.0", "::"].contains(address) }
        return hostPort == other.hostPort && protocolName == other.protocolName
            && (hostAddress == other.hostAddress || isAny(hostAddress) || isAny(other.hostAddress))
    }
}
