import CKernel
import Glibc
import Testing

@testable import NetCore

/// What the kernel tells of links, addresses, routes, flows and sockets: whole, cut and lying.
@Suite("Netlink objects, as read")
struct ReplyTests {
    static let linkHeader =
        Wire.number(0, 4) + Wire.number(7, 4) + Wire.number(upBit | 0x100, 4) + Wire.number(0, 4)
    static let upBit = 1
    static let link =
        linkHeader + Wire.attribute(3, Array("veth0\0".utf8)) + Wire.attribute(1, [2, 0, 0, 0, 0, 9])
        + Wire.attribute(4, Wire.number(1400, 4))
        + Wire.attribute(10, Wire.number(3, 4)) + Wire.attribute(20, Array("berth:bridge/n/c/eth0".utf8))
        + Wire.attribute(13, Wire.number(1000, 4))
        + Wire.attribute(5, Wire.number(9, 4))
        + Wire.nest(
            18, Wire.attribute(1, Array("veth\0".utf8)), Wire.attribute(4, Array("bridge\0".utf8)),
            Wire.nest(5, Wire.attribute(1, [3]), Wire.attribute(4, [1]), Wire.attribute(33, [0])))

    @Test("a link's properties and its port's are read")
    func wholeLink() throws {
        let link = try #require(Link(Wire.reply(16, ReplyTests.link)))
        #expect(
            link.index == 7 && link.name == "veth0" && link.kind == "veth" && link.mtu == 1400 && link.master == 3
                && link.peer == 9)
        #expect(
            link.mac?.description == "02:00:00:00:00:09" && link.alias == "berth:bridge/n/c/eth0"
                && link.transmitQueueLength == 1000)
        #expect(link.isUp && link.isPromiscuous && !link.isLoopback && !link.receivesAllMulticast)
        #expect(link.hairpin == true && link.isolated == false && link.portState == 3)
    }

    @Test("a link cut anywhere is none, or one with fewer properties")
    func cutLink() {
        for count in 0..<ReplyTests.link.count {
            let link = Link(Wire.reply(16, Array(ReplyTests.link[..<count])))
            // Before the name's end there is nothing to call it by.
            #expect((link == nil) == (count < 26), "cut at \(count)")
            #expect(link.map { $0.name == "veth0" } ?? true)
        }
        #expect(Link(Wire.reply(17, ReplyTests.link)) == nil)
    }

    @Test("a link whose MAC has eight bytes (as of InfiniBand: twenty) has none")
    func oddMAC() {
        let bytes =
            ReplyTests.linkHeader + Wire.attribute(3, Array("ib0\0".utf8))
            + Wire.attribute(1, [UInt8](repeating: 1, count: 20))
        #expect(Link(Wire.reply(16, bytes)).map { $0.mac == nil } == true)
    }

    @Test("the port's flags of another kind of master are not taken for a bridge's")
    func otherMaster() throws {
        let bytes =
            ReplyTests.linkHeader + Wire.attribute(3, Array("a\0".utf8))
            + Wire.nest(18, Wire.attribute(4, Array("bond\0".utf8)), Wire.nest(5, Wire.attribute(4, [1])))
        let link = try #require(Link(Wire.reply(16, bytes)))
        #expect(link.hairpin == nil && link.kind == nil)
    }

    // MARK: addresses and routes

    static func address(_ family: Int32, _ length: UInt8, _ attributes: [UInt8]) -> NetlinkReply {
        Wire.reply(20, [UInt8(family), length, 0x80, 0] + Wire.number(7, 4) + attributes)
    }

    @Test("an address is the local one, with flags beyond eight bits where they are told")
    func wholeAddress() throws {
        let local = Wire.attribute(2, [10, 0, 0, 2])
        // A point-to-point link: IFA_ADDRESS is the peer.
        let found = try #require(
            LinkAddress(ReplyTests.address(AF_INET, 24, Wire.attribute(1, [10, 0, 0, 1]) + local)))
        #expect(found.prefix.description == "10.0.0.2/24" && found.link == 7 && found.flags == 0x80)
        let six = IPAddress("fe80::1")!.bytes
        let flagged = try #require(
            LinkAddress(
                ReplyTests.address(AF_INET6, 64, Wire.attribute(1, six) + Wire.attribute(8, Wire.number(0x48, 4)))))
        #expect(flagged.isTentative && flagged.isDuplicate && flagged.isLinkLocal)
    }

    @Test("an address whose family, length or bytes do not fit together is none")
    func lyingAddress() {
        let four = Wire.attribute(2, [10, 0, 0, 2])
        #expect(LinkAddress(ReplyTests.address(AF_INET6, 24, four)) == nil)
        #expect(LinkAddress(ReplyTests.address(AF_INET, 33, four)) == nil)
        #expect(
            LinkAddress(ReplyTests.address(AF_INET6, 129, Wire.attribute(2, [UInt8](repeating: 0, count: 16)))) == nil)
        #expect(LinkAddress(ReplyTests.address(AF_INET, 24, Wire.attribute(2, [10, 0, 0]))) == nil)
        #expect(LinkAddress(ReplyTests.address(AF_INET, 24, [])) == nil)
        for count in 0..<8 { #expect(LinkAddress(Wire.reply(20, [UInt8](repeating: 2, count: count))) == nil) }
    }

    static func route(_ family: Int32, _ length: UInt8, type: Int = 1, table: UInt8 = 254, _ attributes: [UInt8])
        -> NetlinkReply
    {
        Wire.reply(24, [UInt8(family), length, 0, 0, table, 3, 0, UInt8(type)] + Wire.number(0, 4) + attributes)
    }

    @Test("a route is read with metrics, a large table and no destination for the default")
    func wholeRoute() throws {
        let attributes =
            Wire.attribute(5, [10, 0, 0, 1]) + Wire.attribute(4, Wire.number(7, 4))
            + Wire.attribute(6, Wire.number(50, 4))
            + Wire.attribute(15, Wire.number(1000, 4))
            + Wire.nest(8, Wire.attribute(2, Wire.number(1400, 4)), Wire.attribute(8, Wire.number(1360, 4)))
        let route = try #require(Route(ReplyTests.route(AF_INET, 0, table: 0, attributes)))
        #expect(route.isDefault && route.gateway?.description == "10.0.0.1" && route.link == 7 && route.priority == 50)
        #expect(route.table == 1000 && route.mtu == 1400 && route.advmss == 1360 && route.scope == 0)
    }

    @Test("a route that is broken, of another family or no unicast one is none")
    func lyingRoute() {
        #expect(Route(ReplyTests.route(AF_INET, 33, [])) == nil)
        #expect(Route(ReplyTests.route(AF_INET, 8, Wire.attribute(1, [UInt8](repeating: 0, count: 16)))) == nil)
        #expect(Route(ReplyTests.route(7, 0, [])) == nil)
        #expect(Route(ReplyTests.route(AF_INET, 8, type: 3, Wire.attribute(1, [10, 0, 0, 0]))) == nil)
        for count in 0..<12 { #expect(Route(Wire.reply(24, [UInt8](repeating: 2, count: count))) == nil) }
    }

    // MARK: conntrack

    static func tuple(_ type: Int, _ source: IPAddress, _ destination: IPAddress, ports: (Int, Int)? = (4000, 53))
        -> [UInt8]
    {
        let first = source.family == .v4 ? 1 : 3
        let second = destination.family == .v4 ? 2 : 4
        let numbers = ports.map { Wire.attribute(2, Wire.big($0.0, 2)) + Wire.attribute(3, Wire.big($0.1, 2)) } ?? []
        return Wire.nest(
            type, Wire.nest(1, Wire.attribute(first, source.bytes), Wire.attribute(second, destination.bytes)),
            Wire.nest(2, Wire.attribute(1, [17]) + numbers))
    }
    static let flowType = 1 << 8
    static let client = IPAddress("192.0.2.9")!
    static let host = IPAddress("192.0.2.1")!
    static let container = IPAddress("10.88.0.2")!

    @Test("N-4 a tracked flow is read in both directions")
    func flow() throws {
        let six = IPAddress("2001:db8::1")!
        let body =
            [2, 0, 0, 0] + ReplyTests.tuple(1, ReplyTests.client, ReplyTests.host)
            + ReplyTests.tuple(2, ReplyTests.container, ReplyTests.client)
        let flow = try #require(ConntrackFlow(Wire.reply(ReplyTests.flowType, body)))
        #expect(flow.original.source == ReplyTests.client && flow.original.destination == ReplyTests.host)
        #expect(
            flow.original.sourcePort == 4000 && flow.original.destinationPort == 53
                && flow.original.protocolNumber == 17)
        #expect(flow.reply.source == ReplyTests.container)
        let v6 = [10, 0, 0, 0] + ReplyTests.tuple(1, six, six, ports: nil) + ReplyTests.tuple(2, six, six)
        let icmp = try #require(ConntrackFlow(Wire.reply(ReplyTests.flowType, v6)))
        #expect(icmp.original.source == six && icmp.original.destinationPort == 0)
    }

    @Test("N-4 a flow cut anywhere is none, never a flow with other ports or addresses")
    func cutFlow() {
        let body =
            [2, 0, 0, 0] + ReplyTests.tuple(1, ReplyTests.client, ReplyTests.host)
            + ReplyTests.tuple(2, ReplyTests.container, ReplyTests.client)
        for count in 0..<body.count {
            #expect(ConntrackFlow(Wire.reply(ReplyTests.flowType, Array(body[..<count]))) == nil, "cut at \(count)")
        }
        #expect(ConntrackFlow(Wire.reply(ReplyTests.flowType + 2, body)) == nil)
        let mute =
            [2, 0, 0, 0] + Wire.nest(1, Wire.nest(1, Wire.attribute(1, [1, 2, 3]), Wire.attribute(2, [1, 2, 3, 4])))
        #expect(ConntrackFlow(Wire.reply(ReplyTests.flowType, mute)) == nil)
    }

    // MARK: sockets

    static func socket(_ family: UInt8, _ address: [UInt8], port: Int, inode: Int) -> [UInt8] {
        let padded = address + [UInt8](repeating: 0, count: 16 - address.count)
        return [family, 10, 0, 0] + Wire.big(port, 2) + Wire.big(0, 2) + padded + [UInt8](repeating: 0, count: 16)
            + Wire.number(0, 4)
            + Wire.number(0, 8) + Wire.number(0, 16) + Wire.number(inode, 4)
    }

    @Test("N-3 a listening socket's address, port and inode are read; a short message is none")
    func listening() throws {
        let bytes = ReplyTests.socket(2, [127, 0, 0, 1], port: 8080, inode: 4711)
        #expect(bytes.count == 72)
        let found = try #require(ListeningSocket(Wire.reply(20, bytes)))
        #expect(found.address.description == "127.0.0.1" && found.port == 8080 && found.inode == 4711)
        let six = try #require(
            ListeningSocket(Wire.reply(20, ReplyTests.socket(10, IPAddress("fd00::1")!.bytes, port: 1, inode: 1))))
        #expect(six.address.description == "fd00::1")
        for count in 0..<72 { #expect(ListeningSocket(Wire.reply(20, Array(bytes[..<count]))) == nil) }
        #expect(ListeningSocket(Wire.reply(20, ReplyTests.socket(1, [127, 0, 0, 1], port: 1, inode: 1))) == nil)
        #expect(ListeningSocket(Wire.reply(21, bytes)) == nil)
    }

    @Test("N-3 a socket at any IPv4 address receives at every IPv4 address and at no IPv6 one")
    func receivesAt() throws {
        let at = { (family: UInt8, address: [UInt8]) in
            ListeningSocket(Wire.reply(20, ReplyTests.socket(family, address, port: 80, inode: 1)))!
        }
        let any4 = at(2, [0, 0, 0, 0])
        let any6 = at(10, [UInt8](repeating: 0, count: 16))
        let own = at(2, [10, 0, 0, 1])
        #expect(any4.receives(at: IPAddress("10.0.0.1")) && any4.receives(at: nil))
        #expect(!any4.receives(at: IPAddress("fd00::1")))
        // Dual stack, unless IPV6_V6ONLY, which is not told.
        #expect(any6.receives(at: IPAddress("10.0.0.1")) && any6.receives(at: IPAddress("fd00::1")))
        #expect(
            own.receives(at: IPAddress("10.0.0.1")) && own.receives(at: nil) && !own.receives(at: IPAddress("10.0.0.2"))
        )
    }

    @Test("N-3 the kernel's own list holds the sockets of both families that receive at a port")
    func socketsOfBothFamilies() throws {
        let (tcp, udp) = try PrivateHostSockets.ofBothFamilies()
        #expect(tcp == ["127.0.0.1 7778", ":: 7779"])
        #expect(udp == ["127.0.0.1 7780", ":: 7781"])
    }

    @Test("N-3 the kernel's own list holds a socket that listens, with its process")
    func realSocket() throws {
        let (found, process) = try PrivateHostSockets.listen()
        #expect(found.count == 1)
        #expect(found.first?.address.description == "127.0.0.1")
        #expect(process?.hasPrefix("\(getpid()) ") == true)
    }

    // MARK: nftables elements

    @Test("an element list is read with keys, ends, comments, data and verdicts")
    func elements() {
        let body =
            [1, 0, 0, 0] + Wire.attribute(1, Array("berth\0".utf8)) + Wire.attribute(2, Array("fwd\0".utf8))
            + Wire.nest(
                3,
                Wire.nest(
                    1, Wire.nest(1, Wire.attribute(1, [6, 0, 0, 0])), Wire.nest(10, Wire.attribute(1, [6, 0, 0, 9])),
                    Wire.nest(2, Wire.attribute(1, [10, 0, 0, 2])), Wire.attribute(6, [0, 3, 0x68, 0x69, 0])),
                Wire.nest(
                    1, Wire.nest(1, Wire.attribute(1, [7, 0, 0, 0])),
                    Wire.nest(
                        2, Wire.nest(2, Wire.attribute(1, Wire.big(-3, 4)), Wire.attribute(2, Array("to\0".utf8))))))
        let found = NftElementFound.list(Wire.reply(0xa0c, body))
        #expect(
            found == [
                NftElementFound(
                    identity: NftElementKey(set: "fwd", key: [6, 0, 0, 0], keyEnd: [6, 0, 0, 9]), comment: "hi",
                    data: [10, 0, 0, 2], chain: nil),
                NftElementFound(
                    identity: NftElementKey(set: "fwd", key: [7, 0, 0, 0], keyEnd: nil), comment: nil, data: [],
                    chain: "to"),
            ])
        for count in 0..<body.count { _ = NftElementFound.list(Wire.reply(0xa0c, Array(body[..<count]))) }
        #expect(NftElementFound.list(Wire.reply(0xa0d, body)).isEmpty)
    }

    @Test("a comment is found among other notes, and a note that lies about its length ends the search")
    func userData() {
        let text = NftMessage.userData("hello")
        #expect(NftMessage.comment(text[...]) == "hello")
        #expect(NftMessage.comment(([5, 2, 1, 1] + text)[...]) == "hello")
        #expect(NftMessage.comment([0, 9, 0x61, 0][...]) == nil)
        #expect(NftMessage.comment([][...]) == nil)
        #expect(NftMessage.comment([0][...]) == nil)
        #expect(NftMessage.comment([0, 0][...]) == "")
        #expect(NftMessage.comment([5, 0, 5, 0][...]) == nil)
        #expect(NftMessage.userData(String(repeating: "x", count: 500)).count == 130)
    }
}
