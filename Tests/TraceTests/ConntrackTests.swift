import NetCore
import Testing

@testable import Trace

@Suite("Entries of conntrack")
struct ConntrackTests {
    private func entry(_ bytes: [UInt8] = Recorded.updatedFlow) throws -> ConntrackEntry {
        let message = try #require(NetlinkReply.list(bytes[...]).first)
        return try #require(ConntrackEntry(message))
    }

    @Test("an entry tells state, time, both tuples and its rewrite")
    func whole() throws {
        let entry = try entry()
        #expect(entry.state == "SYN_RECV" && entry.timeout == 60 && entry.isAnswered && !entry.isAssured)
        #expect(entry.mark == 0 && entry.zone == 0 && entry.originalCounter == nil && entry.icmp == nil)
        #expect(
            entry.rewrites() == [
                .init(kind: .dnat, before: "198.51.100.2:8080", after: "10.88.0.2:80", isOwnAddress: false)
            ])
        #expect(
            entry.text() == """
                tcp 203.0.113.10:57986 > 198.51.100.2:8080  SYN_RECV, answered, 60 s left
                    answers come as 10.88.0.2:80 > 203.0.113.10:57986
                    dnat: 198.51.100.2:8080 leads to 10.88.0.2:80
                    replies from 10.88.0.2:80 will leave as 198.51.100.2:8080

                """)
        #expect(try self.entry(Recorded.newFlow).state == "SYN_SENT")
    }

    @Test("each part of a filter counts, and a flow's destination is also where NAT took it")
    func filters() throws {
        let entry = try entry()
        func holds(_ change: (inout ConntrackFilter) -> Void) -> Bool {
            var filter = ConntrackFilter()
            change(&filter)
            return filter.matches(entry)
        }
        #expect(holds { _ in })
        #expect(holds { $0.protocolNumber = 6 } && !holds { $0.protocolNumber = 17 })
        #expect(holds { $0.source = IPPrefix("203.0.113.0/24") } && !holds { $0.source = IPPrefix("10.88.0.2/32") })
        for place in ["198.51.100.2/32", "10.88.0.2/32"] { #expect(holds { $0.destination = IPPrefix(place) }) }
        #expect(!holds { $0.destination = IPPrefix("203.0.113.10/32") })
        for port: UInt16 in [8080, 80] { #expect(holds { $0.destinationPort = port }) }
        #expect(!holds { $0.destinationPort = 57986 } && holds { $0.port = 57986 } && !holds { $0.port = 1 })
        #expect(holds { $0.sourcePort = 57986 } && !holds { $0.sourcePort = 80 })
        #expect(!holds { $0.mark = 1 } && holds { $0.mark = 0 } && !holds { $0.zone = 2 })
        for (word, expected) in [
            ("answered", true), ("unreplied", false), ("assured", false), ("unassured", true), ("dnat", true),
            ("snat", false), ("nat", true), ("offload", false), ("syn_recv", true), ("ESTABLISHED", false),
        ] {
            let status = try #require(ConntrackFilter.Status(word))
            #expect(holds { $0.statuses = [status] } == expected, "\(word)")
        }
        #expect(ConntrackFilter.Status("happy") == nil)
        #expect(ConntrackFilter.protocolNumber("UDP") == 17 && ConntrackFilter.protocolNumber("300") == nil)
    }

    @Test("whatever is cut off, nothing is read past the end")
    func broken() {
        for whole in [Recorded.newFlow, Recorded.updatedFlow] {
            for place in whole.indices {
                var bytes = whole
                bytes[place] ^= 0xff
                for message in NetlinkReply.list(bytes[...]) { _ = ConntrackEntry(message)?.text() }
                for message in NetlinkReply.list(whole[..<place]) { _ = ConntrackEntry(message)?.text() }
            }
        }
    }
}
