import JSON
import Testing

@testable import Trace

@Suite struct JourneyTests {
    /// The example of docs/lab/trace.md, by hand.
    static let golden =
        #"{"v":1,"probe":{"from":"client","to":"198.51.100.2:8080/tcp"},"complete":true,"lost_events":0,"legs":[{"dir":"forward","steps":[{"n":1,"ns":"client","at":"dev:eth0","kind":"tx","l3":{"src":"203.0.113.10","dst":"198.51.100.2","ttl":64,"len":60},"l4":{"proto":"tcp","sport":57236,"dport":8080,"flags":"S"},"t":0},{"n":2,"ns":"host","at":"hook:prerouting","kind":"rule","prio":-100,"table":"ip lab","chain":"pre","handle":4,"text":"dnat to 10.88.0.2:80","verdict":"accept","ct":{"id":"bab6ae05","state":"new","dir":"original","status":288}},{"n":3,"ns":"host","at":"route","kind":"fib","result":"10.88.0.2 dev br0"},{"n":4,"ns":"host","at":"dev:vweb","kind":"tx","changed":{"dst":["198.51.100.2:8080","10.88.0.2:80"],"ttl":[63,62]}}],"end":{"kind":"delivered","ns":"web","socket":"tcp *:80 pid 211 nc"}}],"conntrack":[{"ns":"host","id":"bab6ae05","orig":"203.0.113.10:57236>198.51.100.2:8080","reply":"10.88.0.2:80>203.0.113.10:57236","status":424,"meaning":"replies from 10.88.0.2:80 will leave as 198.51.100.2:8080"}],"evidence":["nft trace"],"counters":[{"ns":"host","name":"Ip:InAddrErrors","change":1}],"notes":["a note"]}"#

    @Test func whatIsReadIsWrittenAgain() throws {
        let journey = try Journey(try JSON(parsing: Array(Self.golden.utf8)))
        #expect(journey.json.text == Self.golden)
        #expect(journey.forward?.steps[1].hook == "prerouting")
        #expect(journey.forward?.steps[3].changed?.ttl == .init(63, 62))
        #expect(journey.forward?.end.kind == .delivered)
    }

    @Test func aTableHasALineForEachStep() throws {
        let lines = TableView(try Journey(try JSON(parsing: Array(Self.golden.utf8)))).text.split(separator: "\n")
        #expect(
            lines.map(String.init) == [
                "LEG      #  NODE    AT               WHAT  PACKET",
                "forward  1  client  dev:eth0         out  203.0.113.10:57236 > 198.51.100.2:8080 S ttl 64",
                "forward  2  host    hook:prerouting  ip lab pre #4 dnat to 10.88.0.2:80 => accept",
                "forward  3  host    route            10.88.0.2 dev br0",
                "forward  4  host    dev:vweb         out",
                "forward     web                      delivered: tcp *:80 pid 211 nc",
            ])
    }

    @Test(arguments: [
        (#""v":1"#, #""v":2"#, "v: this berth reads version 1, the journey is of 2"),
        (#""kind":"fib""#, #""kind":"fob""#, #"legs[0].steps[2].kind: "fob" is not known"#),
        (#""ttl":[63,62]"#, #""ttl":[63]"#, "legs[0].steps[3].changed.ttl: two elements are expected"),
        (#""lost_events":0,"#, "", "lost_events: missing"),
        (#""prio":-100"#, #""prio":9999999999"#, "legs[0].steps[1].prio: out of range"),
        (#""handle":4"#, #""handle":"4""#, "legs[0].steps[1].handle: a whole number is expected, a string is there"),
    ]) func whatIsWrongIsNamed(_ old: String, _ new: String, _ words: String) throws {
        let start = try #require(Self.golden.range(of: old))
        var text = Self.golden
        text.replaceSubrange(start, with: new)
        let json = try JSON(parsing: Array(text.utf8))
        #expect(throws: TraceError.badJourney(words)) { try Journey(json) }
    }
}

extension String {
    fileprivate func range(of part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}
