import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

/// `berth repair` against every sabotage that CHECK is held against (cni.md section 4, rank 6).
@Suite("What was taken away from an attachment is brought back")
struct RepairTests {
    private static let state = StateDirectory()
    /// What is no matter of links, rules and parameters: a lease.
    static let mendable = Sabotage.all.filter {
        !$0.testDescription.hasPrefix("lease") && $0.testDescription != "container link replaced by another kind"
    }

    @Test(
        "rank 6 after a sabotage one repair makes CHECK content again, and the next has nothing to do",
        arguments: mendable)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: sabotage.plugin == 3), "c1", ports: Ports.tcp8080)
            let other = try host.attach(CheckTests.network(tuned: false), "c2", ports: Ports.one(.tcp, 8081, 80))
            try sabotage.commit(host, attached)
            let before = try host.state()
            let looked = try Repair(of: RepairTests.state, changes: false)
            host.expect(!looked.isClean && looked.attachments == 2, "a look finds it: \(looked.text)")
            host.expect(try host.state().difference(from: before), is: "", "a look changes nothing")
            let repair = try Repair(of: RepairTests.state, changes: true)
            host.expect(repair.isClean && !repair.entries.isEmpty, repair.text)
            for one in [attached, other] {
                let failure = try host.check(one)
                host.expect(failure == nil, "CHECK after the repair: \(failure.map { "\($0)" } ?? "")")
            }
            let again = try Repair(of: RepairTests.state, changes: true)
            host.expect(again.entries.isEmpty, again.text)
            host.expect(again.text, is: "2 attachments looked at, nothing to mend\n", "the second repair")
            try host.detach(attached)
            try host.detach(other)
        }
    }

    @Test(
        "rank 6 a repair leaves exactly what the ADDs had made",
        arguments: ["the rules", "ip link set cni0 down"])
    func same(_ command: String) throws {
        try PrivateHost.run { host in
            for (index, id) in ["c1", "c2", "c3"].enumerated() {
                _ = try host.attach(
                    CheckTests.network(tuned: false), id, ports: Ports.one(.tcp, 8080 + index, 80))
            }
            // The order of attachments' rules in a shared chain of iptables is the order of their making.
            func state() throws -> HostState {
                try host.settledState().matching {
                    !TestBackend.current.isIptables
                        || !($0.hasPrefix("nft table ip") || $0.hasPrefix("legacy") && $0.contains(" :"))
                }
            }
            let before = try state()
            if command == "the rules" { try host.takeAwayRules() } else { try host.must(command) }
            let repair = try Repair(of: RepairTests.state, changes: true)
            host.expect(repair.isClean, repair.text)
            host.expect(try state().difference(from: before), is: "", "the state")
        }
    }

    @Test("rank 12 a connection that was silent while the rules were gone goes on")
    func silentConnection() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("outside")
            try host.cable("wan0", ["192.0.2.1/24"], to: "outside", "eth0", ["192.0.2.2/24"])
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            let connection = try SilentConnection(host, from: "outside", to: "192.0.2.1", 8080, server: "c1", 80)
            try host.must("nft flush ruleset")
            let repair = try Repair(of: RepairTests.state, changes: true)
            host.expect(repair.isClean, repair.text)
            host.expect(try connection.goesOn(), is: "b'one'\nb'two'\n", "after the repair")
            try host.detach(attached)
        }
    }

    @Test("an attachment whose namespace has gone, or whose ADD has not ended, is left alone and said so")
    func skipped() throws {
        try PrivateHost.run { host in
            let gone = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            let half = try host.attach(CheckTests.network(tuned: false), "c2")
            try host.removeNamespace("c1")
            let path =
                "/run/berth/attachments/\(Attachment(network: "net1", containerID: "c2", interface: LinkName("eth0")!).tag).json"
            try host.must("sed -i s/\\\"done\\\"/\\\"pending\\\"/ \(path)")
            try host.must("nft flush ruleset")
            let repair = try Repair(of: RepairTests.state, changes: true)
            host.expect(repair.isClean, "neither is a failure: \(repair.text)")
            host.expect(
                repair.text.contains("c1/eth0: left alone: its namespace /run/netns/c1 is gone: DEL it"), repair.text)
            host.expect(repair.text.contains("c2/eth0: left alone: its ADD has not ended"), repair.text)
            host.expect(try host.must("nft list ruleset"), is: "", "what was made for them")
            try host.makeNamespace("c1")
            let other = try Repair(of: RepairTests.state, changes: true)
            host.expect(other.text.contains("another namespace has its path"), other.text)
            for one in [gone, half] { try host.detach(one, losing: .namespace) }
        }
    }

    @Test("what somebody else has by now stays his, is told, and the rest is mended", .onNftables)
    func taken() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            try host.must("nft flush ruleset")
            try host.inside("c1") {
                try host.must("ip link delete eth0")
                try host.must("ip link add eth0 type bridge")
            }
            let repair = try Repair(of: RepairTests.state, changes: true)
            host.expect(!repair.isClean, repair.text)
            host.expect(repair.text.contains("not mended"), repair.text)
            host.expect(
                try host.must("nft list map inet berth fwd_any4").contains("8080"), "the port is published again")
            try host.detach(attached)
        }
    }

    @Test("an ADD that does not end keeps a repair from its network alone, which is said")
    func slowNeighbour() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            let held = try RepairTests.state.networkLock("net1", .shared)
            defer { withExtendedLifetime(held.descriptor) {} }
            let repair = try Repair(of: RepairTests.state, changes: true, patience: 1)
            host.expect(!repair.isClean, repair.text)
            host.expect(repair.text.contains("another process has held it for 1 seconds"), repair.text)
            try host.detach(attached)
        }
    }

    @Test("a network without attachments is an error that names it")
    func missing() throws {
        try PrivateHost.run { host in
            do throws(InspectError) {
                _ = try Repair(of: RepairTests.state, network: "nowhere", changes: true)
                host.expect(false, "no error")
            } catch {
                host.expect(error.code == .missing && error.message.contains("nowhere"), "\(error)")
            }
            let text = try Repair(of: RepairTests.state, changes: true).text
            host.expect(text, is: "0 attachments looked at, nothing to mend\n", "all networks")
        }
    }
}
