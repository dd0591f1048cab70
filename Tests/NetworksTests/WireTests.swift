import NetCore
import Testing

@testable import Networks

@Suite("DNS messages, which anybody may send")
struct WireTests {
    static func question(_ name: String, _ type: UInt16 = DNSWire.a) -> DNSQuery {
        guard case .query(let query) = DNSQuery.read(Lookup.query(name, type)) else {
            fatalError("\(name) is no query")
        }
        return query
    }

    static let table: NameTable = {
        var table = NameTable()
        table.network = "Web"
        table.subnets = [IPPrefix("172.18.0.0/16")!, IPPrefix("fd00:18::/64")!]
        table.entries = [
            .init(id: "1", names: ["one", "0123456789ab", "both"], addresses: [IPAddress("172.18.0.2")!]),
            .init(
                id: "2", names: ["two.tier", "both"],
                addresses: [IPAddress("172.18.0.3")!, IPAddress("fd00:18::3")!]),
        ]
        return table
    }()

    @Test(
        "what a name is found as",
        arguments: [
            ("one", DNSWire.a, ["172.18.0.2"]), ("ONE", DNSWire.a, ["172.18.0.2"]),
            ("one.web", DNSWire.a, ["172.18.0.2"]), ("0123456789AB", DNSWire.a, ["172.18.0.2"]),
            ("two.tier.WEB", DNSWire.aaaa, ["fd00:18::3"]), ("both", DNSWire.a, ["172.18.0.2", "172.18.0.3"]),
            ("both", DNSWire.any, ["172.18.0.2", "172.18.0.3", "fd00:18::3"]), ("one", DNSWire.aaaa, []),
            ("one", 15, []),
        ])
    func found(_ name: String, _ type: UInt16, _ addresses: [String]) {
        guard case .records(let records) = WireTests.table.find(WireTests.question(name, type)) else {
            Issue.record("\(name) is not found")
            return
        }
        #expect(records.map { "\(IPAddress(bytes: $0.data)!)" } == addresses)
    }

    @Test("others are elsewhere, and an address of the network without a holder is nobody's")
    func elsewhere() {
        for name in ["three", "one.other", "example.org", "oneweb"] {
            #expect(WireTests.table.find(WireTests.question(name)) == .elsewhere)
        }
        let reverse = { (name: String) in WireTests.table.find(WireTests.question(name, DNSWire.pointer)) }
        #expect(reverse("9.0.18.172.in-addr.arpa") == .noSuchName)
        #expect(reverse("9.0.19.172.in-addr.arpa") == .elsewhere)
        #expect(
            reverse("2.0.18.172.IN-ADDR.arpa") == .records([DNSRecord(type: 12, data: DNSWire.encoded("one.Web")!)]))
        let nibbles = "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.1.0.0.0.0.d.f.ip6.arpa"
        #expect(reverse(nibbles) == .records([DNSRecord(type: 12, data: DNSWire.encoded("two.tier.Web")!)]))
    }

    @Test("who comes first changes from answer to answer")
    func rotation() {
        let firsts = (0..<4).map { turn -> String in
            guard case .records(let records) = WireTests.table.find(WireTests.question("both"), turn: turn) else {
                return ""
            }
            return "\(IPAddress(bytes: records[0].data)!)"
        }
        #expect(firsts == ["172.18.0.2", "172.18.0.3", "172.18.0.2", "172.18.0.3"])
    }

    @Test("an answer that is too long for UDP is cut at a record and says so; TCP and EDNS take more")
    func truncation() throws {
        let records = (0..<100).map { DNSRecord(type: 1, data: [10, 0, 0, $0]) }
        let query = WireTests.question("many")
        let short = DNSAnswer.message(query, records, byUDP: true)
        #expect(short.count <= 512 && Lookup(short)?.isTruncated == true)
        let whole = DNSAnswer.message(query, records, byUDP: false)
        #expect(Lookup(whole)?.addresses.count == 100 && Lookup(whole)?.isTruncated == false)
        guard case .query(let wide) = DNSQuery.read(Lookup.query("many", 1, bufferSize: 4096)) else {
            Issue.record("EDNS is not read")
            return
        }
        let long = DNSAnswer.message(wide, records, byUDP: true)
        #expect(long.count > 512 && long.count <= 1232 && Lookup(long)?.isTruncated == true)
        #expect(Array(long.suffix(11)) == [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
    }

    @Test("what is no query is refused or dropped, and a pointer never turns in a circle")
    func hostile() {
        let header: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let tail: [UInt8] = [0, 1, 0, 1]
        #expect(DNSQuery.read([]) == .nothing)
        #expect(DNSQuery.read([0, 7, 0x81, 0] + header[4...]) == .nothing)
        #expect(DNSQuery.read([0, 7, 0x28, 0] + header[4...]) == .refused(4, id: 7))
        for name: [UInt8] in [
            [0xc0, 12], [0xc0, 0], [1, 97, 0xc0, 12], [0xff, 0xff], [64] + [UInt8](repeating: 97, count: 64) + [0],
            [5, 97], [], [0x80, 0],
        ] { #expect(DNSQuery.read(header + name + tail) == .refused(1, id: 7), "\(name)") }
        let long = [UInt8]((0..<5).flatMap { _ in [63] + [UInt8](repeating: 97, count: 63) }) + [0]
        #expect(DNSQuery.read(header + long + tail) == .refused(1, id: 7))
        // A dot within a label is no separator: a.b as one label is nobody's name.
        guard case .query(let dotted) = DNSQuery.read(header + [3, 97, 46, 98, 0] + tail) else {
            Issue.record("a strange label is no error")
            return
        }
        #expect(dotted.name == nil)
    }

    @Test("bytes by chance and messages with changed bytes are read to an end, and answers stay within their limit")
    func chance() {
        var generator = SystemRandomNumberGenerator()
        let seeds = [Lookup.query("one.web", 1, bufferSize: 1232), Lookup.query("2.0.18.172.in-addr.arpa", 12)]
        for round in 0..<20_000 {
            var bytes = seeds[round % 2]
            if round % 3 == 0 {
                bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                    .random(in: 0...255, using: &generator)
                }
            } else {
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    bytes[.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
                }
                bytes = Array(bytes.prefix(.random(in: 0...bytes.count, using: &generator)))
            }
            _ = DNSQuery.isAnswer(bytes, id: 7, to: [1, 97, 0, 0, 1, 0, 1])
            guard case .query(let query) = DNSQuery.read(bytes) else { continue }
            if case .records(let records) = WireTests.table.find(query) {
                let answer = DNSAnswer.message(query, records, byUDP: true)
                #expect(answer.count <= 1232)
            }
        }
    }

    @Test("resolv.conf is read as the C library reads it")
    func resolvers() {
        let text =
            "# x\nsearch a\nnameserver 1.1.1.1\nnameserver\tfe80::1%eth0\n nameserver 9.9.9.9 # y\nnameserver ::1\n"
        #expect(HostResolvers.read(Array(text.utf8)).map { "\($0)" } == ["1.1.1.1", "9.9.9.9", "::1"])
    }
}
