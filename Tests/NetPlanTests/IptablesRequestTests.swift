import NetCore
import NetPlan
import Testing

@Suite("what berth-iptables is asked, as text")
struct IptablesRequestTests {
    /// Comments hold what quotes, escapes and words of a request are made of, and letters of several bytes.
    static let comments = [
        "portmap 0123456789abcdef-fedcba9876543210 net/c1/eth0", "with \"quotes\" and \\ back \\\\slashes\\",
        "é 界 e\u{301}\"",
        "\"\u{301}\\\u{301}", " spaces  at both ends ", "",
    ]

    static func request() throws -> IptablesRequest {
        var request = IptablesRequest(.make)
        request.lock = "/run/berth/locks/netfilter"
        request.isNew = true
        request.accepted = ["portmap 0123456789abcdef-fedcba9876543210 "]
        request.removal.prefixes = ["bridge 0123456789abcdef-", "all of it\n"]
        request.removal.kept = ["é$"]
        request.removal.chains = [IptablesChain(.nat, "CNI-0123")]
        var changes = IptablesChanges(.v4)
        changes.ownerPrefix = "portmap 0123456789abcdef-fedcba9876543210 "
        changes.ownChains = [IptablesChain(.nat, "CNI-DN-0123")]
        changes.claims = [
            .init(.v4, .tcp, 8080...8090, at: IPAddress("192.0.2.1")), .init(.v4, .udp, 53...53, at: nil),
        ]
        for comment in comments {
            var rule = IptablesRule(.jump("CNI-DN-0123"), .comment(comment))
            rule.incoming = .init("a\"b\\c'", not: true)
            changes.owned.append(.init(IptablesChain(.nat, "POSTROUTING"), rule, isFirst: comment.isEmpty))
        }
        changes.shared = [.init(IptablesChain(.raw, "PREROUTING"), IptablesRule(.drop))]
        request.changes = [changes, IptablesChanges(.v6)]
        return request
    }

    @Test("it is read as it was written, whatever stands in comments and names")
    func roundTrip() throws {
        let request = try IptablesRequestTests.request()
        let read = try IptablesRequest(reading: request.text)
        #expect(read.changes == request.changes)
        #expect(read.removal == request.removal)
        #expect(read.accepted == request.accepted && read.lock == request.lock && read.isNew)
        #expect(read.text == request.text)
    }

    @Test(
        "a line that is none is named, and a word that is no rule",
        arguments: [
            ("", "a request begins with one of"), ("brew\n", "a request begins with one of"),
            ("make\nchain nat\n", "no line of a request: chain nat"),
            ("make\nfamily 5\n", "no line of a request: family 5"),
            ("make\nown last nat X -j ACCEPT\n", "no line of a request: own last nat X -j ACCEPT"),
            ("make\nfamily 4\nclaim tcp 9 8 *\n", "no line of a request: claim tcp 9 8 *"),
            ("make\nfamily 4\nown last nat X -m comment --comment \"x -j ACCEPT\n", "a quotation does not end"),
            ("make\n \n", "no line of a request:  "),
        ])
    func mistakes(_ text: String, _ words: String) {
        let error = #expect(throws: IptablesRule.Mistake.self) { try IptablesRequest(reading: text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "") does not say: \(words)")
    }
}
