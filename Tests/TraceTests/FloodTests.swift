import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@testable import Trace

/// More than can be read: what is missing is counted, and the journey says so.
@Suite(.serialized) struct FloodTests {
    /// Sends `count` datagrams from the thread's namespace, or as many as go in `seconds`; gives how many. `pace` a second at most.
    private static func flood(_ to: String, _ count: Int, pace: Int? = nil, seconds: Int = 2) throws -> Int {
        let socket = OwnedDescriptor(
            taking: Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        let target = SocketAddress(try #require(IPAddress(to)), 9000)
        #expect(target.pass { connect(socket.number, $0, $1) } == 0)
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let began = now
        var sent = 0
        while sent < count {
            // Refused by an ICMP error that is told once: the packet before was sent.
            if send(socket.number, "flood", 5, 0) == 5 { sent += 1 }
            guard sent % 64 == 0 else { continue }
            clock_gettime(CLOCK_MONOTONIC, &now)
            let passed = Double(now.tv_sec - began.tv_sec) + Double(now.tv_nsec - began.tv_nsec) / 1e9
            if passed > Double(seconds) { break }
            if let pace, passed < Double(sent) / Double(pace) {
                usleep(UInt32((Double(sent) / Double(pace) - passed) * 1e6))
            }
        }
        return sent
    }

    /// Of every event and every packet it is known whether it was read: nothing is missing without a word.
    @Test func whatIsNotReadIsCounted() throws {
        try TraceWorld.run { host in
            let home = try NetworkNamespace.current()
            let node = try NodeSources(TraceWorld.nodes[0], home: home.number, table: TraceTable(pid: getpid()))
            try node.trace([.port(9000, protocolNumber: 17)])
            // Nobody answers a group.
            let one = try host.inside("client") { try FloodTests.flood("224.1.2.3", 1) }
            try node.drain()
            let each = node.nftEvents.count
            host.expect(one == 1 && each > 0 && node.losses == 0, "\(one) packet, \(each) events")
            let sent = try host.inside("client") { try FloodTests.flood("224.1.2.3", 20_000, seconds: 20) }
            for _ in 0..<100 {
                let before = node.nftEvents.count + node.packets.count
                try node.drain()
                if node.nftEvents.count + node.packets.count == before { break }
            }
            let lost = node.descriptors.map { SocketLosses.count($0) }
            host.expect(lost[0] > 0 && lost[2] > 0, "there was more than was read: \(lost)")
            host.expect(node.losses, is: lost.reduce(0, +), "all sockets count")
            host.expect(node.nftEvents.count + lost[0], is: each * (sent + 1), "events")
            let packets = node.packets.filter { $0.isOutgoing && $0.headers.destinationPort == 9000 }.count
            // Besides, the kernel says of IPv6 what it is a member of.
            let all = packets + lost[2]
            host.expect(
                (sent + 1...sent + 200).contains(all), "\(packets) packets read and \(lost[2]) lost, of \(sent + 1)")
            try node.end()
        }
    }

    /// Of a probe beside thousands of other packets a second the whole way is told, or that it may not be whole.
    @Test(arguments: [4000, nil]) func besideAFlood(_ pace: Int?) throws {
        try TraceWorld.run { host in
            let quiet = try TraceWorld.trace(host, to: "198.51.100.2:8080")
            host.expect(quiet.complete && quiet.exitCode == 0, "\(PathView(quiet).text)")
            let journeys = try host.onThreads(2) { worker, index -> [Journey] in
                if index == 0 {
                    let sent = try worker.inside("client") { try FloodTests.flood("198.51.100.2", 400_000, pace: pace) }
                    worker.expect(sent > 2000, "only \(sent) packets in two seconds")
                    return []
                }
                usleep(100_000)
                return try (0..<3).map { _ in try TraceWorld.trace(worker, to: "198.51.100.2:8080") }
            }.flatMap { $0 }
            host.expect(journeys.count, is: 3, "journeys")
            for journey in journeys {
                host.expect(journey.complete == (journey.lostEvents == 0), "\(journey.lostEvents) lost")
                if journey.complete {
                    host.expect(journey.places, is: quiet.places, "the way beside a flood")
                } else {
                    host.expect(
                        journey.notes.contains("trace incomplete: \(journey.lostEvents) events lost"),
                        "\(journey.notes)")
                }
            }
        }
    }
}

extension Journey {
    fileprivate var places: [String] {
        (forward?.steps ?? []).map { "\($0.node) \($0.at) \($0.kind) \($0.handle ?? 0)" }
    }
}
