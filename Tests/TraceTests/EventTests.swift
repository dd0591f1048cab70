import NetCore
import Testing

@testable import Trace

@Suite struct EventTests {
    private func message(_ bytes: [UInt8]) throws -> NetlinkReply { try #require(NetlinkReply.list(bytes[...]).first) }

    @Test func aRuleTellsHeadersVerdictAndConntrack() throws {
        let event = try #require(NftTraceEvent(try message(Recorded.dnatRule)))
        #expect(event.family == 2 && event.table == "lab" && event.chain == "pre" && event.handle == 4)
        #expect(event.kind == .rule && event.verdict == .accept)
        let headers = try #require(event.headers)
        #expect(headers.from == "203.0.113.10:57986" && headers.to == "198.51.100.2:8080")
        #expect(headers.ttl == 63 && headers.identification == 0x3202 && headers.flagLetters == "S")
        #expect(event.conntrack == .init(id: "683fdb0f", state: "new", direction: "original", status: 0x120))
    }

    @Test func aPacketIsTheSameAfterItsRewrite() throws {
        let before = try #require(NftTraceEvent(try message(Recorded.dnatRule))?.headers)
        let after = try #require(NftTraceEvent(try message(Recorded.forwardRule))?.headers)
        #expect(before.to != after.to && before.ttl != after.ttl)
        #expect(PacketIdentity(before) == PacketIdentity(after))
        var other = after
        other.transport[7] &+= 1
        #expect(PacketIdentity(other) != PacketIdentity(after))
    }

    @Test func aFlowTellsBothTuples() throws {
        let new = try #require(ConntrackEvent(try message(Recorded.newFlow)))
        #expect(new.kind == .new && hexadecimal(new.id) == "683fdb0f" && new.status == 0x1a8)
        #expect(new.original.words == "203.0.113.10:57986>198.51.100.2:8080")
        #expect(Merge.meaning(new) == "replies from 10.88.0.2:80 will leave as 198.51.100.2:8080")
        #expect(ConntrackEvent(try message(Recorded.updatedFlow))?.kind == .update)
    }

    /// Whatever is cut off or turned round, nothing is read past the end.
    @Test func brokenMessagesAreNoCrash() {
        for whole in [Recorded.dnatRule, Recorded.postPolicy, Recorded.newFlow] {
            for place in whole.indices {
                for value: UInt8 in [0, 1, 3, 0x7f, 0xff] {
                    var bytes = whole
                    bytes[place] = value
                    for reply in NetlinkReply.list(bytes[...]) + NetlinkReply.list(whole[..<place]) {
                        _ = NftTraceEvent(reply)
                        _ = ConntrackEvent(reply)
                        _ = LegacyTraceEvent(reply)
                    }
                }
            }
        }
        for end in Recorded.packet.indices { _ = PacketHeaders(packet: Recorded.packet[..<end]) }
    }

    @Test func rulesAreFoundByTableAndHandle() {
        var texts = RuleTexts()
        texts.read(
            nft: "table ip lab { # handle 1\n\tchain pre { # handle 1\n\t\ttcp dport 80 accept # handle 4\n\t}\n}\n")
        #expect(texts.nft("ip lab", 4) == "tcp dport 80 accept")
        #expect(texts.nft("ip lab", 1) == nil && texts.nft("inet lab", 4) == nil)
        texts.read(legacy: "-P FORWARD DROP\n-N PUB\n-A FORWARD -j PUB\n-A PUB -p tcp -j ACCEPT\n", table: "filter")
        #expect(
            texts.legacy("iptables-legacy", "filter", "FORWARD", 0) == "DROP"
                && texts.legacy("iptables-legacy", "filter", "PUB", 0) == nil)
        #expect(texts.legacy("iptables-legacy", "filter", "PUB", 1) == "-p tcp -j ACCEPT")
    }
}
