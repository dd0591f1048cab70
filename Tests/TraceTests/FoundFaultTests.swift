import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@testable import Trace

/// What random worlds (Tests/engines/worlds) found wrong once, each in a world of its own.
@Suite(.serialized) struct FoundFaultTests {
    /// Nothing of IPv6 that says no was taken for an answer.
    @Test(arguments: [
        ("[2001:db8:2::2]:81/udp", "", "host", "port unreachable"),
        ("[2001:db8:2::2]:81", "sysctl -qw net.ipv6.conf.eth0.hop_limit=1", "inet", "the time to live ran out"),
        ("[2001:db8:9::1]:80", "", "inet", "it has no route"),
        ("2001:db8:9::1/icmp", "", "inet", "it has no route"),
    ]) func refusalsOfIPv6(_ to: String, _ change: String, _ node: String, _ words: String) throws {
        let journey = try TraceWorld.journey(to: to) { host in
            if !change.isEmpty { try host.inside("client") { _ = try host.must(change) } }
        }
        #expect(journey.exitCode == 12, "\(PathView(journey).text)")
        #expect(journey.forward?.end.node == node)
        #expect(journey.forward?.end.reason?.contains(words) == true, "\(PathView(journey).text)")
        #expect(journey.reply?.end.kind == .delivered && journey.reply?.end.node == "client")
    }

    /// No packet began, and so there was no leg that said why.
    @Test func theSenderHasNoRoute() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            try host.must("ip -n client route del default")
        }
        #expect(journey.exitCode == 10)
        #expect(journey.forward?.steps.isEmpty == true)
        #expect(
            journey.forward?.end
                == Journey.End(.dropped, node: "client", reason: "client has no route to 198.51.100.2"))
        #expect(journey.advice?.fixes == ["client: ip route add 198.51.100.2 via NEXT-HOP"])
        #expect(PathView(journey).text.contains("✗ dropped in client: client has no route to 198.51.100.2\n"))
    }

    /// A route that swallows packets has no message of its own.
    @Test(arguments: ["198.51.100.2:8080", "[2001:db8:2::2]:8080"]) func aBlackHole(_ to: String) throws {
        let address = try Probe(source: "client", to: to).address
        let journey = try TraceWorld.journey(to: to) { host in
            try host.must("ip -n inet route add blackhole \(address)")
        }
        #expect(journey.exitCode == 10, "\(PathView(journey).text)")
        #expect(journey.forward?.end.node == "inet")
        #expect(journey.forward?.end.reason == "a route of inet refuses packets to \(address)")
    }

    /// What goes back where it came from makes its router tell of a shorter way: that refuses nothing.
    @Test func aRedirectIsNoAnswer() throws {
        let rules = TraceWorld.rules.replacing(
            TraceWorld.accept, with: "    tcp dport 80 drop\n" + TraceWorld.accept
        ).replacing("    iifname \"br0\" accept\n", with: "")
        let journey = try TraceWorld.run(rules: rules) { host in
            try host.inside("host") { try? Sysctl.write("net/bridge/bridge-nf-call-iptables", "0") }
            let journey = try TraceWorld.trace(host, from: "web", to: "198.51.100.2:8080")
            let redirects = try host.inside("host") { try Counters.read()["Icmp:OutRedirects"] }
            host.expect(redirects > 0, "host told of the shorter way")
            return journey
        }
        #expect(journey.exitCode == 10, "\(PathView(journey).text)")
        #expect(journey.forward?.end.at == "hook:forward" && journey.reply == nil)
    }

    /// Where br_netfilter leads what a bridge passes on through the chains of IP, those run within the bridge's.
    @Test func theBridgeRewritesTheAnswerOnce() throws {
        let journey = try TraceWorld.run { host in
            try host.makeNamespace("app")
            try host.inside("host") {
                try host.cable("vapp", [], to: "app", "eth0", ["10.88.0.3/24"])
                try Sysctl.write("net/bridge/bridge-nf-call-iptables", "1")
            }
            try host.must("ip -n host link set vapp master br0")
            try host.must("ip -n app route add default via 10.88.0.1")
            var probe = try Probe(source: "app", to: "198.51.100.2:8080")
            probe.milliseconds = 600
            return try Tracer.send(
                probe, nodes: TraceWorld.nodes + [NodeReference(name: "app", namespace: "/run/netns/app")])
        }
        #expect(journey.exitCode == 0, "\(PathView(journey).text)")
        let rewrites = journey.reply?.steps.filter { $0.kind == .rewrite }.compactMap(\.changed?.source) ?? []
        #expect(rewrites.map(\.before) == ["10.88.0.2:80"], "\(PathView(journey).text)")
        #expect(rewrites.map(\.after) == ["198.51.100.2:8080"])
    }

    /// A program at all addresses answers a datagram from the address of its way back.
    @Test func theAnswerComesFromAnotherAddress() throws {
        let journeys = try TraceWorld.run { host in
            try host.must("ip -n host address add 192.0.2.2/32 dev br0")
            try host.must("ip -n inet route add 192.0.2.2 via 198.51.100.2")
            let socket = try host.inside("host") {
                Glibc.socket(AF_INET6, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            }
            defer { TraceWorld.close(socket) }
            let any = SocketAddress(try #require(IPAddress("::")), 5353)
            #expect(any.pass { bind(socket, $0, $1) } == 0)
            var wait = timeval(tv_sec: 5, tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
            return try host.onThreads(2) { worker, index -> Journey? in
                guard index == 0 else { return try TraceWorld.trace(worker, to: "192.0.2.2:5353/udp") }
                var bytes = [UInt8](repeating: 0, count: 100)
                var address = [UInt8](repeating: 0, count: 28)
                address.withUnsafeMutableBytes { raw in
                    let place = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
                    var size: socklen_t = 28
                    if recvfrom(socket, &bytes, 100, 0, place, &size) > 0 { sendto(socket, "yes", 3, 0, place, size) }
                }
                return nil
            }
        }
        let journey = try #require(journeys.compactMap { $0 }.first)
        #expect(journey.exitCode == 11, "\(PathView(journey).text)")
        #expect(
            journey.reply?.end.reason
                == "host was asked at 192.0.2.2 and answered from another of its addresses: it came from "
                + "198.51.100.2:5353, not from 192.0.2.2:5353, and no socket of client waits for that")
        #expect(journey.advice?.fixes == ["host: let the program listen at 192.0.2.2 itself"])
    }

    /// Its way was told in a wrong order, and its end as "lost".
    @Test(arguments: [false, true]) func goesRound(_ isHeard: Bool) throws {
        let journey = try TraceWorld.journey(from: isHeard ? "client" : "web", to: "192.0.2.99/icmp", rules: "") {
            host in
            try host.must("ip -n host route add 192.0.2.99 via 198.51.100.1")
            try host.must("ip -n inet route add 192.0.2.99 via 198.51.100.2")
        }
        let forward = try #require(journey.forward)
        let text = PathView(journey).text
        let nodes = forward.steps.map(\.node).reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
        #expect(nodes == (isHeard ? ["client", "inet", "host"] : ["web", "host", "inet"]), "\(text)")
        #expect(forward.steps.filter { $0.kind == .tx }.compactMap { $0.l3?.ttl } == [64, 63, 62], "\(text)")
        // The first of them has a bridge, with chains of IP within its own.
        #expect(forward.steps.filter { $0.kind == .fib }.count == 2, "\(text)")
        let words =
            (isHeard ? "inet and host" : "host and inet") + " send it to each other until its time to live runs out"
        #expect(forward.end.kind == (isHeard ? .refused : .dropped), "\(text)")
        // inet knows no way back to web, and so web hears nothing.
        #expect(forward.end.reason?.hasSuffix(words) == true, "\(text)")
        if !isHeard {
            #expect(journey.advice?.fixes == ["host: ip route get 192.0.2.99", "inet: ip route get 192.0.2.99"])
        }
    }

    /// The next router sends it back to who sent it: "masquerade it" was told.
    @Test func isSentBack() throws {
        let journey = try TraceWorld.journey(from: "host", to: "192.0.2.99:80") { host in
            try host.must("ip -n host route add 192.0.2.99 via 198.51.100.1")
            try host.must("ip -n inet route add 192.0.2.99 via 198.51.100.2")
        }
        #expect(
            journey.forward?.end.reason == "inet sends packets to 192.0.2.99 back to host, which sent this one",
            "\(PathView(journey).text)")
        #expect(journey.advice?.fixes == ["inet: ip route get 192.0.2.99"])
    }

    /// "Nobody owns it" was told of an address that a node has which does not answer.
    @Test(arguments: [
        (600, "10.88.0.2, which web has, does not answer ARP on br0"),
        (10_000, "host answered: host unreachable (ICMP 3/1), nobody there answers for the address"),
    ]) func theOwnerIsSilent(_ milliseconds: Int, _ reason: String) throws {
        let journey = try TraceWorld.journey(from: "host", to: "10.88.0.2:80", milliseconds: milliseconds) { host in
            try host.must("ip -n web link set eth0 arp off")
            try host.must("ip -n host neigh flush all")
        }
        #expect(journey.forward?.end.reason == reason, "\(PathView(journey).text)")
    }

    /// A bridge's device hands a packet to the bridge's chains, and not they to it.
    @Test func theBridgesOwnOutput() throws {
        let journey = try TraceWorld.journey(from: "host", to: "10.88.0.2:80") { host in
            let rules = "table bridge t { chain o { type filter hook output priority 0; ip daddr 10.88.0.2 drop; }; }"
            try host.inside("host") { _ = try host.must("nft -f -", input: rules) }
            // Known, so that the packet goes.
            try host.must("ip -n host neigh replace 10.88.0.2 lladdr 02:00:00:00:00:77 dev br0 nud permanent")
        }
        let places = journey.forward?.steps.filter { $0.kind == .tx || $0.kind == .rule }.map(\.at)
        #expect(places?.suffix(2) == ["dev:br0", "hook:output"], "\(PathView(journey).text)")
        #expect(PathView(journey).text.contains("✗ DROPPED HERE"), "\(PathView(journey).text)")
    }
}
