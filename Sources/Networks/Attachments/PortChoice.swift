import Glibc
import NetCore

/// Free ports of the host for those that were asked for as 0.
struct PortChoice {
    /// How often another port is taken when somebody else was quicker.
    static let attempts = 16

    /// The ports, each 0 replaced by one at which nobody receives; `chosen` are their places.
    static func complete(_ ports: [PublishedPort]) throws(NetworkError) -> (ports: [PublishedPort], chosen: [Int]) {
        var ports = ports
        var chosen: [Int] = []
        for index in ports.indices where ports[index].hostPort == 0 {
            ports[index].hostPort = try free(for: ports[index], beside: ports)
            chosen.append(index)
        }
        return (ports, chosen)
    }

    private static func free(for port: PublishedPort, beside others: [PublishedPort]) throws(NetworkError) -> UInt16 {
        let range = localRange
        for _ in 0..<1000 {
            let candidate = UInt16.random(in: range)
            let isTaken = others.contains { $0.hostPort == candidate && $0.protocolName == port.protocolName }
            if !isTaken, isFree(candidate, port) { return candidate }
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
}
