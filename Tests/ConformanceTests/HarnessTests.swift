import NetCore
import TestSupport
import Testing

@Suite("The private host that every network test stands on")
struct HarnessTests {
    @Test("the host is another namespace than the machine's, and what is made in it ends with it")
    func hostIsPrivate() throws {
        let names = try PrivateHost.run { host in
            try host.must("ip link add only-here type bridge")
            return try host.must("ip -o link")
        }
        #expect(names.contains("only-here"))
        #expect(!(try Files.names(in: "/sys/class/net").contains("only-here")))
    }

    @Test("what is stated on the host's thread and does not hold fails the test")
    func unmetExpectationsAreThrown() {
        #expect(throws: UnmetExpectations.self) {
            try PrivateHost.run { host in
                host.expect(1 + 1 == 3, "a sum")
            }
        }
    }

    @Test("a child that does not end is killed when its time is over")
    func childIsKilled() throws {
        let outcome = try PrivateHost.run { host in try host.run(["sleep", "60"], seconds: 0.2) }
        #expect(outcome.timedOut)
    }

    @Test("large standard input arrives whole", arguments: [0, 10, 65536, 300_000])
    func largeInput(_ count: Int) throws {
        let input = [UInt8](repeating: 97, count: count)
        let outcome = try PrivateHost.run { host in try host.run(["cat"], input: input) }
        #expect(outcome.output == input)
    }

    @Test(
        "words go both ways between two namespaces over a cable", arguments: Transport.allCases, AddressFamily.allCases)
    func conversation(_ transport: Transport, _ family: AddressFamily) throws {
        let address = family == .v4 ? "10.9.0.2" : "fd00::2"
        let (answered, refused) = try PrivateHost.run { host in
            try host.makeNamespace("a")
            try host.cable("host0", ["10.9.0.1/24", "fd00::1/64"], to: "a", "eth0", ["10.9.0.2/24", "fd00::2/64"])
            let listener = Endpoint(address, 7000)
            return (
                try host.converse(transport, from: nil, to: listener, at: "a", listening: listener),
                try host.converse(
                    transport, from: nil, to: Endpoint(address, 7001), at: "a", listening: listener, milliseconds: 50)
            )
        }
        #expect(answered?.address == IPAddress(family == .v4 ? "10.9.0.1" : "fd00::1"))
        #expect(refused == nil)
    }

    @Test("two states of a host differ exactly in what was made between them")
    func differences() throws {
        let (before, after, again) = try PrivateHost.run { host in
            let before = try host.state()
            try host.must("ip link add br9 type bridge")
            try host.must("nft add table inet lone")
            let after = try host.state()
            try host.must("ip link delete br9")
            try host.must("nft delete table inet lone")
            return (before, after, try host.state())
        }
        let difference = after.difference(from: before)
        #expect(difference.contains("+ link br9: down mtu 1500"))
        #expect(difference.contains("+ nft table inet lone"))
        #expect(!difference.contains("- "))
        #expect(again.difference(from: before) == "")
    }
}
