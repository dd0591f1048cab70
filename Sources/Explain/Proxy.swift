import Glibc
import NetCore

/// A program that takes a published port's connections and opens another one for each: who is behind it sees the program's own address.
public struct Proxy: Hashable, Sendable {
    /// "berth proxy", "docker-proxy".
    public let program: String
    public let pid: Int32
    /// Where it leads.
    public let target: IPAddress
    public let port: UInt16
    /// Whom the server behind it sees.
    public let source: IPAddress?

    /// Of what listens where a packet was delivered; nil: it is no proxy that is known here.
    init?(_ end: End, _ surroundings: Surroundings) {
        let words = (end.socket ?? "").split(separator: " ").map(String.init)
        guard let pid = words.first.flatMap({ Int32($0) }), let bytes = try? Files.read("/proc/\(pid)/cmdline") else {
            return nil
        }
        let line = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        // "/usr/bin/docker-proxy"; a title has further words, in which a slash is none of a path.
        let first = line.first ?? ""
        let name = first.hasPrefix("berth-proxy ") ? first : first.split(separator: "/").last.map(String.init) ?? first
        var wish: (program: String, address: IPAddress, port: UInt16)?
        let after = { (option: String) in
            line.firstIndex(of: option).flatMap { $0 + 1 < line.count ? line[$0 + 1] : nil }
        }
        // One that is detached has its words in its title.
        let own = name.hasPrefix("berth-proxy ") ? name.split(separator: " ").map(String.init) : line
        if name == "docker-proxy", let address = after("-container-ip").flatMap({ IPAddress($0) }),
            let port = after("-container-port").flatMap({ UInt16($0) })
        {
            wish = ("docker-proxy", address, port)
        } else if own.count > 2, own[0] == "berth-proxy" || name == "berth" && own[1] == "proxy",
            let last = own.last(where: { !$0.hasPrefix("-") }),
            let colon = last.lastIndex(of: ":"), let port = UInt16(last[last.index(after: colon)...])
        {
            let host = String(last[..<colon].filter { $0 != "[" && $0 != "]" })
            let named = surroundings.references.first { $0.name == host }.flatMap { surroundings.node($0) }
            let address =
                IPAddress(host)
                ?? named?.addresses.first { !$0.prefix.address.isLoopback && !$0.prefix.address.isLinkLocal }?.prefix
                .address
            if let address { wish = ("berth proxy", address, port) }
        }
        guard let wish else { return nil }
        (program, self.pid, target, port) = (wish.program, pid, wish.address, wish.port)
        let node = surroundings.references.first { $0.name == end.node }.flatMap { surroundings.node($0) }
        source = node?.route(to: wish.address).source
    }
}
