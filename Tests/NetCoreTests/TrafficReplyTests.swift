import Testing

@testable import NetCore

/// What the kernel tells of queueing disciplines and filters: whole, cut and lying (linux/pkt_sched.h, pkt_cls.h).
@Suite("Traffic control, as read")
struct TrafficReplyTests {
    static func header(_ handle: Int, _ information: Int = 0) -> [UInt8] {
        Wire.number(0, 4) + Wire.number(5, 4) + Wire.number(handle, 4) + Wire.number(0xffff_ffff, 4)
            + Wire.number(information, 4)
    }

    /// tc_tbf_qopt: rate, no peak, limit, buffer in ticks of 64 ns, mtu.
    static func parameters(rate: Int, limit: Int, ticks: Int) -> [UInt8] {
        [0, 1, 0, 0, 0, 0, 0, 0] + Wire.number(rate, 4) + [UInt8](repeating: 0, count: 12) + Wire.number(limit, 4)
            + Wire.number(ticks, 4) + Wire.number(0, 4)
    }

    static let tokenBucket =
        header(0xbe00_0000) + Wire.attribute(1, Array("tbf\0".utf8))
        + Wire.nest(2, Wire.attribute(1, parameters(rate: 1_000_000, limit: 45_000, ticks: 312_500)))

    @Test("a token bucket's rate, limit and burst are read; its duration is told in units of 64 ns")
    func tokenBuckets() throws {
        let found = try #require(QueueingDiscipline(Wire.reply(36, TrafficReplyTests.tokenBucket)))
        #expect(found.kind == "tbf" && found.isOurs && !found.isDefault && found.words == "tbf be00:")
        let told = try #require(found.tokenBucket)
        #expect(told.rate == 1_000_000 && told.limit == 45_000 && told.burst == 20_000)
        let wanted = TokenBucketFilter(rate: 1_000_000, burst: 20_000)
        #expect(wanted.isTold(by: told) && !TokenBucketFilter(rate: 1_000_000, burst: 20_001).isTold(by: told))
        #expect(!TokenBucketFilter(rate: 1_000_001, burst: 20_000).isTold(by: told))
    }

    @Test("a rate beyond 32 bits stands in an attribute of its own")
    func wide() throws {
        let body =
            TrafficReplyTests.header(0xbe00_0000) + Wire.attribute(1, Array("tbf\0".utf8))
            + Wire.nest(
                2,
                Wire.attribute(1, TrafficReplyTests.parameters(rate: 0xffff_ffff, limit: 0xffff_ffff, ticks: 781_250)),
                Wire.attribute(4, Wire.number(5_000_000_000, 8)))
        let told = try #require(QueueingDiscipline(Wire.reply(36, body))?.tokenBucket)
        #expect(told.rate == 5_000_000_000 && told.burst == 250_000_000)
    }

    @Test("a qdisc cut anywhere is none, or one that tells less")
    func cut() {
        let whole = TrafficReplyTests.tokenBucket
        for count in 0..<whole.count {
            let found = QueueingDiscipline(Wire.reply(36, Array(whole[..<count])))
            #expect((found == nil) == (count < 20), "cut at \(count)")
            #expect(found?.tokenBucket == nil, "cut at \(count)")
        }
        #expect(QueueingDiscipline(Wire.reply(37, whole)) == nil)
        let noqueue = TrafficReplyTests.header(0) + Wire.attribute(1, Array("noqueue\0".utf8))
        #expect(QueueingDiscipline(Wire.reply(36, noqueue))?.isDefault == true)
    }

    static func filter(kind: String = "u32", action: String = "mirred", direction: Int = 1) -> [UInt8] {
        let mirred =
            [UInt8](repeating: 0, count: 8) + Wire.number(4, 4) + [UInt8](repeating: 0, count: 8)
            + Wire.number(direction, 4) + Wire.number(9, 4)
        return header(0x8000_0800, 0xbe00_0300) + Wire.attribute(1, Array("\(kind)\0".utf8))
            + Wire.nest(
                2,
                Wire.nest(
                    7,
                    Wire.nest(1, Wire.attribute(1, Array("\(action)\0".utf8)), Wire.nest(2, Wire.attribute(2, mirred))))
            )
    }

    @Test("where a filter sends packets is read; what it does else is none of it")
    func filters() throws {
        let found = try #require(IngressFilter(Wire.reply(44, TrafficReplyTests.filter())))
        #expect(found.kind == "u32" && found.preference == 48640 && found.isOurs && found.target == 9)
        for other in [
            TrafficReplyTests.filter(kind: "flower"), TrafficReplyTests.filter(action: "gact"),
            TrafficReplyTests.filter(direction: 2), TrafficReplyTests.filter(direction: 3),
        ] {
            let seen = try #require(IngressFilter(Wire.reply(44, other)))
            #expect(seen.target == nil)
        }
        let whole = TrafficReplyTests.filter()
        for count in 0..<whole.count {
            #expect(IngressFilter(Wire.reply(44, Array(whole[..<count])))?.target == nil, "cut at \(count)")
        }
        #expect(IngressFilter(Wire.reply(45, whole)) == nil)
    }

    @Test("a macvlan's mode and queue are read, and of another kind nothing")
    func macvlan() throws {
        func link(_ kind: String) -> Link? {
            let body =
                ReplyTests.linkHeader + Wire.attribute(3, Array("eth0\0".utf8))
                + Wire.nest(
                    18, Wire.attribute(1, Array("\(kind)\0".utf8)),
                    Wire.nest(2, Wire.attribute(1, Wire.number(4, 4)), Wire.attribute(7, Wire.number(500, 4))))
            return Link(Wire.reply(16, body))
        }
        let found = try #require(link("macvlan"))
        #expect(found.macvlanMode == 4 && found.broadcastQueueLength == 500)
        #expect(link("ipvlan")?.macvlanMode == nil && link("ipvlan")?.broadcastQueueLength == nil)
    }
}
