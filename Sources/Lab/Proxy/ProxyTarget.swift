import CKernel
import Glibc
import NetCore

/// Where a proxy listens, or whom it asks.
struct ProxyTarget: Hashable {
    let address: IPAddress
    let port: UInt16
    /// Nobody named an address: IPv4 and IPv6 both.
    let isAny: Bool

    var words: String { address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    private init(_ address: IPAddress, _ port: UInt16, isAny: Bool = false) {
        (self.address, self.port, self.isAny) = (address, port, isAny)
    }

    /// "8080", "127.0.0.1:8080", "[::1]:8080". Throws E-NAME.
    init(listening text: String) throws(LabError) {
        if let port = UInt16(text), port > 0 {
            self.init(IPAddress(family: .v6, value: 0), port, isAny: true)
            return
        }
        guard let (host, port) = ProxyTarget.parts(text), let address = IPAddress(host) else {
            throw LabError(
                .name, "cannot listen at \"\(text)\"", cause: "it is no port, and no address with a port",
                fix: "write 8080, 127.0.0.1:8080 or [::1]:8080")
        }
        self.init(address, port)
    }

    /// "10.88.0.2:80", "[fd00:88::2]:80", or a name instead of the address: a node's in the lab, else one that this machine knows.
    /// Throws E-NAME.
    init(asking text: String) throws(LabError) {
        guard let (host, port) = ProxyTarget.parts(text) else {
            throw LabError(
                .name, "cannot ask \"\(text)\"", cause: "it is no address with a port",
                fix: "write 10.88.0.2:80, [fd00:88::2]:80 or NAME:80")
        }
        guard let address = IPAddress(host) ?? ProxyTarget.node(host) ?? ProxyTarget.known(host) else {
            throw LabError(
                .name, "nobody is called \(host)",
                cause: "neither a node of the lab nor a name that this machine knows",
                fix: "write the address: 10.88.0.2:\(port)")
        }
        self.init(address, port)
    }

    static func parts(_ text: String) -> (String, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (host, port)
    }

    /// In the lab every node's network stands below /run/netns: the first IPv4 address there.
    private static func node(_ name: String) -> IPAddress? {
        guard getenv("BERTH_LAB_NODE") != nil, !name.contains("/") else { return nil }
        do throws(KernelError) {
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: "/run/netns/\(name)")
            var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            let loopbacks = Set(try socket.links().filter(\.isLoopback).map(\.index))
            return try socket.addresses().first { $0.prefix.address.family == .v4 && !loopbacks.contains($0.link) }?
                .prefix.address
        } catch {
            return nil
        }
    }

    private static func known(_ name: String) -> IPAddress? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var next = list
        while let one = next?.pointee {
            if let address = one.ai_addr {
                let bytes = UnsafeRawBufferPointer(start: address, count: Int(one.ai_addrlen))
                if one.ai_family == AF_INET { return IPAddress(bytes: bytes[4..<8]) }
                if one.ai_family == AF_INET6 { return IPAddress(bytes: bytes[8..<24]) }
            }
            next = one.ai_next
        }
        return nil
    }
}
