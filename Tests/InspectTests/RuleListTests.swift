import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import Inspect

/// NAT in iptables' words, against iptables itself (cni.md C-4).
@Suite("rules in the words of iptables")
struct RuleListTests {
    private static func owner(_ plugin: String, _ container: String) -> Owner {
        Owner(
            plugin: plugin,
            attachment: Attachment(network: "net1", containerID: container, interface: LinkName("eth0")!))
    }

    private static func forward(
        _ ports: ClosedRange<UInt16>, _ target: String, _ port: UInt16, _ proto: TransportProtocol = .tcp,
        at address: String? = nil
    ) -> Resource {
        .portForward(
            PortForward(
                hostAddress: address.map { IPAddress($0)! }, proto: proto, hostPorts: ports,
                target: IPAddress(target)!, targetPort: port))
    }

    /// Both families, two containers, ports of every kind.
    private static let rules: [StandingRule] = {
        let first: [(String, [Resource])] = [
            (
                "bridge",
                [
                    .masquerade(Masquerade(source: IPPrefix("10.22.0.2/24")!)),
                    .masquerade(Masquerade(source: IPPrefix("fd22::2/64")!, fullyRandom: true)),
                ]
            ),
            (
                "portmap",
                [
                    .hairpin(Hairpin(target: IPPrefix("10.22.0.2/24")!)), forward(8080...8080, "10.22.0.2", 80),
                    forward(5353...5353, "10.22.0.2", 53, .udp, at: "192.0.2.1"),
                    forward(8000...8010, "10.22.0.2", 8000), forward(9000...9002, "10.22.0.2", 9100, .sctp),
                    .hairpin(Hairpin(target: IPPrefix("fd22::2/64")!)), forward(8080...8080, "fd22::2", 80),
                ]
            ),
        ]
        let second: [(String, [Resource])] = [
            (
                "bridge",
                [
                    .masquerade(
                        Masquerade(
                            source: IPPrefix("10.22.0.3/24")!, translation: IPAddress("192.0.2.9")!,
                            exceptions: [IPPrefix("10.0.0.0/8")!]))
                ]
            ),
            (
                "portmap",
                [.hairpin(Hairpin(target: IPPrefix("10.22.0.3/24")!, everySource: true))]
                    + (0..<20).map { forward(10_000 + 2 * $0...10_000 + 2 * $0, "10.22.0.3", 80) }
            ),
        ]
        return [("c1", first), ("c2", second)].flatMap { container, parts in
            parts.flatMap { plugin, resources in
                resources.map {
                    StandingRule(owner: owner(plugin, container), resource: $0, isStanding: true)
                }
            }
        }
    }()

    /// Columns apart by one space; protocols by name, which iptables 1.8.9 alone prints as numbers.
    private static func normal(_ text: String) -> [String] {
        let names = ["0": "all", "6": "tcp", "17": "udp", "132": "sctp"]
        return text.split(separator: "\n").map { line in
            var words = line.split(separator: " ").map(String.init)
            if words.count > 2, words[2] == "--", let name = names[words[1]] { words[1] = name }
            return words.joined(separator: " ")
        }
    }

    @Test(
        "C-4 iptables reads what is printed for it, and then lists what berth rules --as iptables prints",
        arguments: AddressFamily.allCases, ["nft", "legacy"])
    func oracle(_ family: AddressFamily, _ variant: String) throws {
        let list = RuleList(RuleListTests.rules)
        let program = (family == .v4 ? "iptables" : "ip6tables") + "-" + variant
        let (printed, chains) = try PrivateHost.run { host in
            try host.must("\(program)-restore", input: list.iptablesCommands(family))
            let text = try host.must("\(program) -t nat -n -L")
            return (text, text.split(separator: "\n").filter { $0.hasPrefix("Chain") }.count)
        }
        #expect(chains > 7)
        // Chains stand in iptables' own order, a chain's rules in ours.
        let blocks = { (text: String) in
            Set(
                text.replacing("\n\n", with: "\u{0}").split(separator: "\u{0}").map {
                    RuleListTests.normal(String($0)).joined(separator: "\n")
                })
        }
        let (left, right) = (blocks(printed), blocks(list.iptables(family)))
        #expect(left.subtracting(right).sorted() == [])
        #expect(right.subtracting(left).sorted() == [])
    }

    @Test("a rule that the kernel lost is said to be missing, and is no part of what iptables would print")
    func missing() {
        var rules = RuleListTests.rules
        rules = rules.map { StandingRule(owner: $0.owner, resource: $0.resource, isStanding: false) }
        let list = RuleList(rules)
        #expect(list.table.contains("(missing: berth repair)"))
        #expect(!list.iptables(.v4).contains("CNI-"))
        #expect(list.json.array?.allSatisfy { $0["standing"] == false } == true)
        #expect(RuleList([]).table == "no rules\n")
    }
}
