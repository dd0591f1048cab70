import NetCore
import TestSupport
import Testing

@testable import Trace

/// What a trace cannot see is said.
@Suite(.serialized) struct BlindSpotTests {
    @Test func programsOfTrafficControl() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            // A program that lets everything pass (classic BPF: return -1).
            for device in ["eth0", "lo"] { try host.must("tc -n host qdisc add dev \(device) clsact") }
            try host.inside("host") {
                try host.must("sh", input: "tc filter add dev eth0 ingress bpf bytecode '1,6 0 0 4294967295'\n")
                try host.must("sh", input: "tc filter add dev eth0 egress bpf bytecode '1,6 0 0 4294967295'\n")
            }
        }
        #expect(journey.exitCode == 0, "\(PathView(journey).text)")
        #expect(
            journey.notes == [
                "host has a tc-BPF program on eth0: what it drops, changes or redirects comes without a word"
            ])
        #expect(PathView(journey).text.contains("\nnote: host has a tc-BPF program on eth0"))
    }

    /// This kernel may have no flow tables: the bytes are those that `nft` is answered with where there are.
    @Test func aFlowTable() throws {
        let plain: [UInt8] =
            [0x34, 0, 0, 0, 0x16, 0x0a, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
            + [11, 0, 1, 0] + Array("filter\u{0}".utf8) + [0] + [9, 0, 2, 0] + Array("fast\u{0}".utf8) + [0, 0, 0]
            + [8, 0, 7, 0, 0, 0, 0, 1]
        let reply = try #require(NetlinkReply.list(plain[...]).first)
        let table = try #require(BlindSpots.FlowTable(reply))
        #expect(table.name == "inet filter fast" && table.isOffloaded)
        var spots = BlindSpots()
        spots.flowTables = [table]
        #expect(
            spots.notes("host") == [
                "host has the flow table inet filter fast: what it carries passes by the hooks, in the device itself, and no rule is told of it"
            ])
        for end in plain.indices {
            for reply in NetlinkReply.list(plain[..<end]) { _ = BlindSpots.FlowTable(reply) }
        }
    }
}
