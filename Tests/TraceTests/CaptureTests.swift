import NetCore
import Testing

@testable import Trace

@Suite("Captured frames, filters and pcapng")
struct CaptureTests {
    private static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { $0 != " " && $0 != "\n" }.map { UInt8(String($0), radix: 16) ?? 0 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func frame(_ text: String, kind: UInt8 = 0) -> Frame {
        let data = bytes(text)
        return Frame(kind: kind, device: 2, time: 0, bytes: data, length: data.count, linkType: .ethernet)
    }

    private static let ethernet = "020000000401 020000000301 0800 "
    private static let syn = frame(
        ethernet
            + "4500 003c 3202 4000 3e06 c455 cb00710a 0a580002 e282 0050 7ef16790 00000000 a002 faf0 4693 0000")
    private static let fragment = frame(
        ethernet + "4500 003c 3202 0010 3e11 c455 cb00710a 0a580002 e282 0050 7ef16790 00000000 a002 faf0 4693 0000")
    private static let ask = frame(
        "ffffffffffff 020000000501 81000007 0806 0001080006040001 020000000501 c0000209 000000000000 c000020a")
    private static let six = frame(
        "333300000001 020000000401 86dd 6000000000083aff fd000088000000000000000000000002"
            + "ff020000000000000000000000000001 8000 0000 0007 0003")

    @Test("a frame is told in a line")
    func lines() {
        #expect(
            Self.syn.words == "203.0.113.10:57986 > 10.88.0.2:80  tcp SYN  seq 2129749904 len 60 ttl 62")
        #expect(Self.ask.words == "vlan 7 arp who has 192.0.2.10? tell 192.0.2.9")
        #expect(Self.six.words == "fd00:88::2 > ff02::1  icmp6 echo request id 7 seq 3  len 48 ttl 255")
        #expect(Self.fragment.words == "203.0.113.10 > 10.88.0.2  udp fragment  id 12802 len 60 ttl 62")
        #expect(Self.frame("020000000401").words == "a frame cut short, 6 bytes")
    }

    @Test(
        "a filter's words",
        arguments: [
            ("", "sfa6"), ("tcp", "s"), ("udp", "f"), ("arp", "a"), ("icmp", "6"), ("ip", "sf"), ("ip6", "6"),
            ("port 80", "s"), ("dst port 80", "s"), ("src port 80", ""), ("tcp src port 57986", "s"),
            ("host 10.88.0.2", "sf"), ("src host 10.88.0.2", ""), ("src 203.0.113.0/24", "sf"),
            ("host 192.0.2.10", "a"),
            ("dst net fd00::/8", ""), ("src net fd00::/8", "6"), ("not tcp", "fa6"), ("not tcp and not arp", "f6"),
            ("tcp or arp", "sa"), ("tcp or arp host 192.0.2.9", "sa"), ("(tcp or arp) host 192.0.2.9", "a"),
            ("! (tcp or (arp))", "f6"),
        ])
    func filters(_ words: String, _ expected: String) throws {
        let filter = try PacketFilter(parsing: [words])
        let all: [(String, Frame)] = [("s", Self.syn), ("f", Self.fragment), ("a", Self.ask), ("6", Self.six)]
        #expect(all.filter { filter.matches($0.1) }.map(\.0).joined(by: "") == expected)
    }

    @Test(
        "what is no filter is told",
        arguments: [
            ("tpc", "tpc is no word of a filter"), ("port", "a port from 0 to 65535"), ("port 65536", "a port from 0"),
            ("host", "an address was expected after host"), ("src", "something was expected after src"),
            ("dst eth0", "eth0 is no address"), ("tcp and", "the filter ends"), ("not", "the filter ends"),
            ("(tcp", "a bracket is not closed"), ("tcp)", "one bracket too many"), ("tcp or", "the filter ends"),
        ])
    func faults(_ words: String, _ sentence: String) {
        var told: String?
        do throws(PacketFilter.Fault) { _ = try PacketFilter(parsing: [words]) } catch { told = error.description }
        #expect(told?.holds(sentence) == true, "\(told ?? "no fault")")
        let deep = [String](repeating: "(", count: 150)
        #expect(throws: PacketFilter.Fault.self) { _ = try PacketFilter(parsing: deep) }
    }

    @Test("a tag that the kernel took off is put back, and lengths that lie hurt nobody")
    func ancillary() throws {
        let data = Self.bytes("ffffffffffff 020000000501 0806 0001080006040001")
        // sockaddr_ll: device 3, Ethernet, broadcast.
        let address = Self.bytes("1100 0806 03000000 0100 01 06 0000000000000000")
        // tpacket_auxdata with tag 7, in a cmsghdr of 36 bytes.
        let control = Self.bytes(
            "2400000000000000 07010000 08000000 50000000 2a000000 2a000000 0000 0e00 0700 0081 00000000")
        let frame = try #require(
            FrameCapture.frame(data[...], length: data.count, address: address, control: control[...]))
        #expect(frame.vlan == 7 && frame.type == 0x0806 && frame.device == 3 && frame.kind == 1)
        #expect(frame.bytes.count == data.count + 4 && frame.length == data.count + 4)
        for place in control.indices {
            var broken = control
            broken[place] ^= 0xff
            _ = FrameCapture.frame(data[...], length: data.count, address: address, control: broken[...])?.words
            _ = FrameCapture.frame(data[...], length: 9, address: address, control: control[..<place])
        }
        for whole in [Self.syn, Self.fragment, Self.ask, Self.six] {
            for count in whole.bytes.indices {
                var short = whole
                short.bytes = Array(whole.bytes[..<count])
                _ = short.words
                _ = try PacketFilter(parsing: ["port 80 or host 10.88.0.2"]).matches(short)
            }
        }
    }

    @Test("pcapng: the very bytes of a section, an interface, a packet and its statistics")
    func pcapng() {
        var writer = PcapngWriter(application: "x")
        #expect(
            writer.take()
                == Self.bytes(
                    "0a0d0d0a 34000000 4d3c2b1a 0100 0000 ffffffffffffffff 0300 0500 4c696e7578 000000 0400 0100 78 000000"
                        + "00000000 34000000"))
        #expect(writer.addInterface("eth0", linkType: .ethernet) == 0)
        #expect(
            writer.take()
                == Self.bytes(
                    "01000000 28000000 0100 0000 00000000 0200 0400 65746830 0900 0100 09 000000 00000000 28000000"))
        #expect(writer.addInterface("tun0", linkType: .raw) == 1)
        _ = writer.take()
        writer.addPacket(
            [1, 2, 3, 4, 5], interface: 1, time: 0x1_0000_0002, length: 9, direction: .inbound, reception: .unicast)
        #expect(
            writer.take()
                == Self.bytes(
                    "06000000 34000000 01000000 01000000 02000000 05000000 09000000 0102030405 000000"
                        + "0200 0400 05000000 00000000 34000000"))
        writer.addStatistics(interface: 0, time: 1, received: 2, dropped: 3)
        #expect(
            writer.take()
                == Self.bytes(
                    "05000000 34000000 00000000 00000000 01000000 0400 0800 0200000000000000 0500 0800 0300000000000000"
                        + "00000000 34000000"))
        #expect(writer.take().isEmpty && writer.interfaces == 2)
    }
}
