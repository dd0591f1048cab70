import CKernel
import Glibc
import Testing

@testable import NetCore

@Suite("Netlink attributes and messages, as read")
struct AttributeTests {
    @Test("attributes are read in order, with padding between them")
    func inOrder() {
        let bytes = Wire.attribute(1, [0xaa]) + Wire.attribute(2, [1, 2, 3, 4]) + Wire.attribute(3, [])
        let found = Attribute.list(bytes[...])
        #expect(found.map(\.type) == [1, 2, 3])
        #expect(found.map { Array($0.payload) } == [[0xaa], [1, 2, 3, 4], []])
    }

    @Test("the flag bits of a type (NLA_F_NESTED, NLA_F_NET_BYTEORDER) do not count")
    func flagBits() {
        let found = Attribute.list((Wire.nest(5, Wire.attribute(1, [7])) + Wire.attribute(6 | 0x4000, [8]))[...])
        #expect(found.map(\.type) == [5, 6])
        #expect(found[0].nested.first?.u8 == 7)
    }

    @Test("the last attribute of a type counts, as for the kernel's parser")
    func lastCounts() {
        let found = Attribute.list((Wire.attribute(1, [1]) + Wire.attribute(1, [2]))[...])
        #expect(found[type: 1]?.u8 == 2)
        #expect(found[type: 2] == nil)
    }

    @Test("a length of zero to three ends the list instead of repeating it for ever", arguments: 0...3)
    func zeroLength(_ length: Int) {
        let good = Wire.attribute(1, [9])
        #expect(Attribute.list((good + Wire.attribute(2, [1, 2, 3, 4], length: length))[...]).map(\.type) == [1])
        #expect(Attribute.list(Wire.attribute(2, [1, 2, 3, 4], length: length)[...]).isEmpty)
    }

    @Test("a length beyond the end ends the list", arguments: [9, 12, 255, 0xfffc, 0xffff])
    func lyingLength(_ length: Int) {
        let good = Wire.attribute(1, [9])
        #expect(Attribute.list((good + Wire.attribute(2, [1, 2, 3, 4], length: length))[...]).map(\.type) == [1])
    }

    @Test("a list cut at any byte gives the attributes that are whole", arguments: 0...28)
    func truncated(_ count: Int) {
        let whole =
            Wire.attribute(1, [1, 2, 3]) + Wire.attribute(2, [4, 5, 6, 7])
            + Wire.attribute(3, [8, 9, 10, 11, 12, 13, 14])
        #expect(whole.count == 28)
        // The last attribute ends at 27: its padding may be missing.
        let ends = [7, 16, 27]
        #expect(Attribute.list(whole[..<count]).map(\.type) == Array(1...3).filter { ends[$0 - 1] <= count })
    }

    @Test("a nest whose parts lie about their length does not reach beyond the nest")
    func nestedLie() {
        let bytes =
            Wire.nest(1, Wire.attribute(7, [1, 2, 3, 4], length: 64))
            + Wire.attribute(2, [UInt8](repeating: 0xee, count: 60))
        let found = Attribute.list(bytes[...])
        #expect(found.map(\.type) == [1, 2])
        #expect(found[0].nested.isEmpty)
    }

    @Test("numbers are nil when the attribute is too short, and read its first bytes when it is longer")
    func numbers() {
        let attribute = { (payload: [UInt8]) in Attribute(type: 0, payload: payload[...]) }
        for short in 0..<4 { #expect(attribute([UInt8](repeating: 1, count: short)).u32 == nil) }
        for short in 0..<2 { #expect(attribute([UInt8](repeating: 1, count: short)).u16 == nil) }
        for short in 0..<8 { #expect(attribute([UInt8](repeating: 1, count: short)).bigEndian64 == nil) }
        #expect(attribute([]).u8 == nil)
        let long = attribute([1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(long.u8 == 1 && long.u16 == 0x0201 && long.u32 == 0x0403_0201)
        #expect(
            long.bigEndian16 == 0x0102 && long.bigEndian32 == 0x0102_0304 && long.bigEndian64 == 0x0102_0304_0506_0708)
        #expect(attribute([0x61, 0x62, 0, 0x63]).text == "ab")
        #expect(attribute([0x61, 0x62]).text == "ab")
        #expect(attribute([]).text == "")
        #expect(attribute([0xff, 0x61]).text == "\u{fffd}a")
    }

    @Test("attributes that libnl writes are read back as they were put")
    func roundTrip() throws {
        var random = SplitMix(3)
        for _ in 0..<500 {
            let parts = (0..<Int(random.next() % 6)).map { _ in
                (
                    Int(random.next() % 0x3fff),
                    (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                )
            }
            let request = try NetlinkRequest("test", type: 1, flags: 0, header: UInt32(0)) { writer in
                for (type, payload) in parts { writer.put(type, bytes: payload) }
                writer.nest(0x123) { for (type, payload) in parts { $0.put(type, bytes: payload) } }
            }
            let read = Attribute.list(request.bytes[20...])
            let flat = read.filter { $0.type != 0x123 }
            // libnl drops an empty nest.
            let nested = parts.isEmpty ? [] : (read.last?.nested ?? [])
            #expect(flat.map(\.type) == parts.map(\.0).filter { $0 != 0x123 })
            #expect(nested.map { Array($0.payload) } == parts.map(\.1))
        }
    }

    @Test("a message that does not fit is refused with its size, nothing is cut")
    func overflow() throws {
        let refused = { (room: Int, count: Int) -> Errno? in
            do throws(KernelError) {
                _ = try NetlinkRequest("test", type: 1, flags: 0, header: UInt32(0), room: room) {
                    $0.put(1, bytes: [UInt8](repeating: 0, count: count))
                }
                return nil
            } catch {
                return error.errno
            }
        }
        #expect(refused(2048, 100) == nil)
        #expect(refused(2048, 2048) == Errno(EMSGSIZE))
        #expect(refused(200_000, 65_536) == Errno(EMSGSIZE))
        #expect(refused(200_000, 70_000) == Errno(EMSGSIZE))
        #expect(throws: KernelError.self) {
            // A nest past 64 KB, of parts that are none.
            _ = try NetlinkRequest("test", type: 1, flags: 0, header: UInt32(0), room: 200_000) {
                $0.nest(1) { for _ in 0..<3 { $0.put(2, bytes: [UInt8](repeating: 0, count: 30_000)) } }
            }
        }
    }

    // MARK: messages

    @Test("the messages of one datagram are told apart, and the first whose length lies ends them")
    func datagram() {
        let good = Wire.message(16, [1, 2, 3, 4]) + Wire.message(17, [])
        #expect(NetlinkReply.list(good[...]).map(\.type) == [16, 17])
        for length in [0, 1, 15, 17, 1000, Int(Int32.max), Int(UInt32.max)] {
            let bytes = good + Wire.message(18, [], length: length)
            #expect(NetlinkReply.list(bytes[...]).map(\.type) == [16, 17], "length \(length)")
        }
        for count in 0..<20 { #expect(NetlinkReply.list(good[..<count]).isEmpty) }
    }

    @Test("random bytes are read to an end, whatever they claim")
    func randomBytes() {
        var random = SplitMix(5)
        for _ in 0..<5000 {
            let bytes = (0..<Int(random.next() % 200)).map { _ in
                UInt8(truncatingIfNeeded: random.next() & random.next())
            }
            for reply in NetlinkReply.list(bytes[...]) {
                _ = reply.attributes(after: 16)
                #expect(reply.payload.count <= bytes.count - 16)
            }
            var total = 0
            for attribute in Attribute.list(bytes[...]) { total += attribute.payload.count + 4 }
            #expect(total <= bytes.count)
        }
    }

    @Test("an acknowledgement says errno and the kernel's words, and nothing is made of a short one")
    func acknowledgement() {
        let echo = [UInt8](repeating: 0, count: 16)
        let words = Wire.attribute(1, Array("Nexthop has invalid gateway".utf8) + [0])
        let code = Wire.number(-101, 4)
        let full = Wire.reply(2, flags: 0x200, code + echo + words)
        #expect(
            NetlinkSocket.failure(full, "add route")
                == KernelError("add route", Errno(101), "Nexthop has invalid gateway"))
        // Without NLM_F_ACK_TLVS what follows is no attribute.
        #expect(NetlinkSocket.failure(Wire.reply(2, code + echo + words), "add route")?.explanation == nil)
        #expect(NetlinkSocket.failure(Wire.reply(2, Wire.number(0, 4) + echo), "add route") == nil)
        for count in 0..<4 { #expect(NetlinkSocket.failure(Wire.reply(2, Array(code[..<count])), "x") == nil) }
        #expect(NetlinkSocket.failure(Wire.reply(2, flags: 0x200, code), "x")?.errno == Errno(101))
        #expect(NetlinkSocket.failure(Wire.reply(2, Wire.number(Int(Int32.min), 4)), "x")?.errno == Errno(EPROTO))
        // A dump that fails ends with NLMSG_DONE: its attributes follow the errno at once.
        #expect(
            NetlinkSocket.failure(Wire.reply(3, flags: 0x200, Wire.number(-22, 4) + words), "list")?.explanation
                == "Nexthop has invalid gateway")
    }
}
