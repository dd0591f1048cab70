import CKernel
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Trace

/// client (203.0.113.10), inet (203.0.113.1, 198.51.100.1), host (198.51.100.2, 10.88.0.1) and web (10.88.0.2), as the lab's
/// standard world has them; host publishes 8080 as web's port 80.
enum TraceWorld {
    static let rules = """
        table ip lab {
          chain pre { type nat hook prerouting priority -100
            fib daddr type local tcp dport 8080 counter dnat to 10.88.0.2:80 comment "publish web 8080->80"
          }
          chain forward { type filter hook forward priority 0; policy drop
            ct state established,related accept
            iifname "br0" accept
            oifname "br0" ct status dnat accept
          }
          chain post { type nat hook postrouting priority 100
            ip saddr 10.88.0.0/24 oifname != "br0" masquerade
          }
        }

        """
    static let accept = "    oifname \"br0\" ct status dnat accept\n"
    /// The rules but for one line.
    static func without(_ line: String) -> String {
        rules.split(separator: "\n", omittingEmptySubsequences: false).filter { $0 + "\n" != line }.joined(
            separator: "\n")
    }
    static let names = ["client", "inet", "host", "web"]
    static let nodes = names.map { NodeReference(name: $0, namespace: "/run/netns/\($0)") }

    /// The world with those rules of nftables in host; web listens at 80 of both families.
    static func run<Value: Sendable>(
        rules: String = rules, _ body: @escaping @Sendable (PrivateHost) throws -> Value
    ) throws -> Value {
        try PrivateHost.run { host in
            for name in names {
                try host.makeNamespace(name)
                // An address is nobody's for a second else.
                try host.inside(name) { try Sysctl.write("net/ipv6/conf/default/accept_dad", "0") }
            }
            try host.inside("client") {
                try host.cable(
                    "eth0", ["203.0.113.10/24", "2001:db8:1::10/64"], to: "inet", "cl0",
                    ["203.0.113.1/24", "2001:db8:1::1/64"])
            }
            try host.inside("inet") {
                try host.cable(
                    "ho0", ["198.51.100.1/24", "2001:db8:2::1/64"], to: "host", "eth0",
                    ["198.51.100.2/24", "2001:db8:2::2/64"])
            }
            try host.inside("host") {
                try host.cable("vweb", [], to: "web", "eth0", ["10.88.0.2/24", "fd88::2/64"])
            }
            for line in [
                "-n host link add br0 type bridge", "-n host link set vweb master br0", "-n host link set br0 up",
                "-n host address add 10.88.0.1/24 dev br0", "-n host address add fd88::1/64 dev br0 nodad",
                "-n client route add default via 203.0.113.1", "-n client route add default via 2001:db8:1::1",
                "-n host route add default via 198.51.100.1", "-n host route add default via 2001:db8:2::1",
                "-n web route add default via 10.88.0.1", "-n web route add default via fd88::1",
            ] + names.map({ "-n \($0) link set lo up" }) { try host.must("ip \(line)") }
            for name in ["inet", "host"] {
                try host.inside(name) {
                    try Sysctl.write("net/ipv4/ip_forward", "1")
                    try Sysctl.write("net/ipv6/conf/all/forwarding", "1")
                }
            }
            try host.inside("host") { try host.must("nft -f -", input: rules) }
            let listener = try host.inside("web") { try listen(80) }
            defer { Glibc.close(listener) }
            return try body(host)
        }
    }

    static func journey(
        from: String = "client", to: String, rules: String = rules, milliseconds: Int = 600,
        _ change: @escaping @Sendable (PrivateHost) throws -> Void = { _ in }
    ) throws -> Journey {
        try run(rules: rules) { host in
            try change(host)
            return try trace(host, from: from, to: to, milliseconds: milliseconds)
        }
    }

    /// Sends one probe; what must hold of every trace is expected.
    static func trace(
        _ host: PrivateHost, from: String = "client", to: String, milliseconds: Int = 600
    ) throws -> Journey {
        let before = try host.inside("host") { try host.must("nft list tables") }
        var probe = try Probe(source: from, to: to)
        probe.milliseconds = milliseconds
        let journey = try Tracer.send(probe, nodes: nodes)
        let left = try host.inside("host") { try host.must("nft list tables") }
        host.expect(left, is: before, "the tracer's tables are gone")
        host.expect(try Journey(journey.json) == journey, "the journey is read as it was written")
        return journey
    }

    static func close(_ number: Int32) { Glibc.close(number) }

    /// Closed in the programs that a test starts: they would listen, too.
    static func listen(_ port: UInt16) throws -> Int32 {
        let socket = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let address = SocketAddress(try #require(IPAddress("::")), port)
        guard address.pass({ bind(socket, $0, $1) }) == 0, Glibc.listen(socket, 8) == 0 else {
            throw KernelError("listen", Errno.current)
        }
        return socket
    }
}

extension Journey {
    /// "host prerouting iptables nat PREROUTING #1" of each rule that decided something.
    var decisions: [String] {
        (forward?.steps ?? []).filter { $0.kind == .rule && $0.verdict != "continue" }.map {
            "\($0.node) \($0.hook ?? "?") \($0.table ?? "?") \($0.chain ?? "?") #\($0.handle ?? 0)"
        }
    }
    var rewrites: [String] {
        (forward?.steps ?? []).filter { $0.kind == .rewrite }.map {
            let change = $0.changed?.destination ?? $0.changed?.source
            return "\(change?.before ?? "?") > \(change?.after ?? "?") \($0.result ?? "?")"
        }
    }
}
