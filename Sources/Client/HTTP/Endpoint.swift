import CKernel
import Glibc
import NetCore

/// Where the daemon listens: `unix:///run/berth/berth.sock`, `tcp://127.0.0.1:2375` on this machine, or anywhere with TLS.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case unix(String)
    case loopback(address: String, port: UInt16)
    /// A host's name or address, the latter without brackets. Only a `Connector` reaches it.
    case tls(host: String, port: UInt16)

    public static let standard = Endpoint.unix("/run/berth/berth.sock")

    /// What `-H` and `BERTH_HOST` take; `isTLS`: TCP is TLS. Throws with the forms there are.
    public init(parsing text: String, isTLS: Bool = false) throws(ClientError) {
        if text.hasPrefix("unix://") {
            let path = String(text.dropFirst(7))
            guard path.hasPrefix("/") else {
                throw ClientError("\(text) names no socket", fix: "give a whole path: unix:///run/berth/berth.sock")
            }
            guard path.utf8.count < 108 else {
                throw ClientError(
                    "\(path) is too long for a socket", by: "the kernel takes 107 bytes (man 7 unix)",
                    fix: "use a shorter path, or a symbolic link to its directory")
            }
            self = .unix(path)
        } else if text.hasPrefix("/") {
            try self.init(parsing: "unix://" + text)
        } else if text.hasPrefix("tcp://") {
            let place = text.dropFirst(6)
            guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]), port > 0
            else {
                throw ClientError(
                    "\(text) has no port", fix: "give one: \(isTLS ? "tcp://HOST:2376" : "tcp://127.0.0.1:2375")")
            }
            let host = String(place[..<colon])
            if isTLS {
                self = .tls(host: try Self.host(host, in: text), port: port)
                return
            }
            let name = host == "localhost" || host == "" ? "127.0.0.1" : host
            guard name.hasPrefix("127."), IPAddress(name) != nil else {
                throw ClientError(
                    "\(text) is not on this machine",
                    by: "in the clear, whoever is on the way is root there and here",
                    fix:
                        "speak TLS (--tlsverify), or forward the socket: ssh -L /tmp/berth.sock:/run/berth/berth.sock HOST, then -H unix:///tmp/berth.sock"
                )
            }
            self = .loopback(address: name, port: port)
        } else {
            throw ClientError(
                "\(text) is no address of a daemon", fix: "use unix:///run/berth/berth.sock or tcp://127.0.0.1:PORT")
        }
    }

    /// The host of an address: brackets are for IPv6 alone, and IPv6 must have them.
    private static func host(_ text: String, in whole: String) throws(ClientError) -> String {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = text.isEmpty ? "localhost" : isBracketed ? String(text.dropFirst().dropLast()) : text
        let isKnown =
            isBracketed || host.utf8.contains(UInt8(ascii: ":"))
            ? isBracketed && IPAddress(host)?.family == .v6
            : host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }
        guard isKnown else {
            throw ClientError(
                "\(whole) names no host", fix: "use tcp://NAME:2376, tcp://192.0.2.1:2376 or tcp://[2001:db8::1]:2376")
        }
        return host
    }

    public var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .loopback(let address, let port): "tcp://\(address):\(port)"
        case .tls(let host, let port):
            host.utf8.contains(UInt8(ascii: ":")) ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        }
    }

    /// A connected socket. Throws who does not answer, and what to do about it.
    func connect() throws(ClientError) -> OwnedDescriptor {
        let code: Int32
        switch self {
        case .unix(let path):
            let descriptor = OwnedDescriptor(
                taking: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            code = Self.connect(descriptor.number, address)
            if code == 0 { return descriptor }
        case .loopback(let text, let port):
            let descriptor = OwnedDescriptor(
                taking: socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, text, &address.sin_addr)
            code = Self.connect(descriptor.number, address)
            if code == 0 { return descriptor }
        case .tls: throw ClientError("\(self) is reached by TLS", by: "this program was given no way to speak it")
        }
        throw refusal(Errno(code))
    }

    /// 0, or errno.
    private static func connect<Address>(_ descriptor: Int32, _ address: Address) -> Int32 {
        guard descriptor >= 0 else { return errno }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size)) == 0 ? 0 : errno
            }
        }
    }

    private func refusal(_ code: Errno) -> ClientError {
        guard case .unix(let path) = self else {
            return ClientError(
                "no daemon answers at \(self)", by: code.description,
                fix: "start it there, or name the one that runs: -H, BERTH_HOST")
        }
        switch code {
        case .accessDenied, .notPermitted:
            let group = Self.group(of: path) ?? "berth"
            return ClientError(
                "you may not speak to the daemon at \(path)",
                by: "\(code): the socket is for root and the group \(group)",
                fix:
                    "sudo berth …, or join the group (which is as good as root): sudo usermod -aG \(group) $USER, then log in anew"
            )
        case .noSuchFile:
            return ClientError(
                "no daemon at \(path)", by: "\(code): it is not running, or listens elsewhere",
                fix: "start it: sudo berth daemon; or name its socket: -H unix:///PATH, BERTH_HOST")
        case Errno(ECONNREFUSED):
            return ClientError(
                "no daemon at \(path)", by: "\(code): the socket is there, but nobody listens",
                fix: "start it again: sudo berth daemon")
        default: return ClientError("cannot reach the daemon at \(path)", by: code.description)
        }
    }

    private static func group(of path: String) -> String? {
        var found = stat()
        guard stat(path, &found) == 0, found.st_gid != 0, let entry = getgrgid(found.st_gid) else { return nil }
        return String(cString: entry.pointee.gr_name)
    }
}
