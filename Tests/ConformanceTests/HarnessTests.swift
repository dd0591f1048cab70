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

    @Test("words go both ways between two namespaces over a cable", arguments: Transport.allCases, ["10.9.0.2", "fd00::2"])
    func conversation(_ transport: Transport, _ address: String) throws {
        let seen = try PrivateHost.run { host in
            try host.makeNamespace("a")
            try host.inside("a") {
                try host.must("ip link set lo up")
                try host.must("ip link add eth0 type veth peer name host0")
                try host.must("ip link set host0 netns 1")
            }
            return try host.converse(
                transport, from: "a", to: Endpoint(address, 7000), at: nil, listening: Endpoint(address, 7000))
        }
        _ = seen
    }
}
