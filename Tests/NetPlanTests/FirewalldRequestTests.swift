import NetCore
import NetPlan
import Testing

@Suite("What is said to berth-firewalld")
struct FirewalldRequestTests {
    static let bindings = [
        FirewalldBinding(zone: "trusted", source: "10.88.0.2/32"),
        FirewalldBinding(zone: "a_b-c/d", source: "fd88::2/128"),
    ]

    @Test("a request is read as it was written")
    func request() {
        for request in [FirewalldRequest(.look), FirewalldRequest(.add, FirewalldRequestTests.bindings)] {
            #expect(FirewalldRequest(reading: request.text) == request)
        }
        #expect(FirewalldRequest(.remove, [FirewalldRequestTests.bindings[0]]).text == "remove\ntrusted 10.88.0.2/32\n")
    }

    @Test("what is no request is refused", arguments: ["", "\n", "take\n", "add\ntrusted\n", "add\na b c\n"])
    func noRequest(_ text: String) { #expect(FirewalldRequest(reading: text) == nil) }

    @Test("an answer is read as it was written, and a line of another kind is passed over")
    func state() {
        let state = FirewalldState(zones: ["trusted", "block"], bindings: FirewalldRequestTests.bindings)
        #expect(FirewalldState(lines: state.lines + ["", "zone", "noise here"]) == state)
    }

    @Test("firewalld compares sources by their text, berth by their addresses")
    func spellings() throws {
        let source = ZoneSource(address: try #require(IPAddress("fd88::2")), zone: "trusted")
        for text in ["fd88::2", "fd88::2/128", "fd88:0:0::2", "FD88::0002/128"] {
            let state = FirewalldState(bindings: [FirewalldBinding(zone: "trusted", source: text)])
            #expect(state.has(source), "\(text)")
        }
        for text in ["fd88::/64", "fd88::3", "ipset:x", "00:11:22:33:44:55", "10.88.0.2", "fd88::2/64"] {
            let state = FirewalldState(bindings: [FirewalldBinding(zone: "trusted", source: text)])
            #expect(!state.has(source) && state.bindings(of: source).isEmpty, "\(text)")
        }
        #expect(!FirewalldState(bindings: [FirewalldBinding(zone: "drop", source: "fd88::2")]).has(source))
        #expect(source.binding.source == "fd88::2/128")
    }
}
