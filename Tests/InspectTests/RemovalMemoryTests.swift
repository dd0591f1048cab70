import Glibc
import NetCore
import TestSupport
import Testing

@testable import Inspect

/// What `berth watch` writes down of who took rules away, and what the doctor reads of it.
@Suite("Who took rules away is remembered")
struct RemovalMemoryTests {
    private static let firewalld = ProcessName(
        pid: 28133, name: "iptables-restor", parent: .init(pid: 812, name: "firewalld"))

    private static func removal(
        _ time: Int, _ process: ProcessName? = ProcessName(pid: 7, name: "nft"), _ objects: RuleRemoval.Object...
    ) -> RuleRemoval { RuleRemoval(time: time, process: process, objects: Set(objects)) }

    private static func entries(_ removals: [RuleRemoval], missing: String..., known: [RemovalMemory.Entry] = [])
        -> [RemovalMemory.Entry]
    {
        var memory = RemovalMemory()
        memory.add(known)
        return memory.entries(of: removals, missing: missing, now: 99)
    }

    @Test(
        "an object that was taken is held against what a finding misses",
        arguments: [
            (.init(.table, "inet", "berth"), "nftables table inet berth: expected exists, found no such table", true),
            (.init(.table, "bridge", "berth"), "nftables table inet berth", false),
            (.init(.table, "inet", "berth"), "nftables element of fwd_any4", true),
            (.init(.element, "inet", "berth", "fwd_any4"), "nftables element of fwd_any4: expected add …", true),
            (.init(.element, "inet", "berth", "fwd_any6"), "nftables element of fwd_any4", false),
            (.init(.element, "inet", "other", "fwd_any4"), "nftables element of fwd_any4", false),
            (.init(.rule, "inet", "berth", "forward"), "nftables chain forward: expected 6 rules, found 5 rules", true),
            (.init(.rule, "inet", "berth", "forward"), "nftables chain output", false),
            (.init(.rule, "inet", "berth", "input"), "nftables chain input of table bridge berth", false),
            (.init(.chain, "bridge", "berth", "input"), "nftables chain input of table bridge berth", true),
            (.init(.rule, "ip", "nat", "OUTPUT"), "chain OUTPUT of table nat (iptables-nft): expected rule", true),
            (.init(.rule, "ip6", "nat", "OUTPUT"), "chain OUTPUT of table nat (iptables-nft): expected rule", false),
            (.init(.chain, "ip6", "nat", "OUTPUT"), "chain OUTPUT of table nat (iptables-nft, IPv6)", true),
            (.init(.rule, "ip", "nat"), "chain OUTPUT of table nat (iptables-nft): expected", true),
            (.init(.rule, "ip", "filter", "OUTPUT"), "chain OUTPUT of table nat (iptables-nft)", false),
            (.init(.rule, "ip", "nat", "OUTPUT"), "chain OUTPUT of table nat (iptables-legacy)", false),
            (.init(.rule, "iptables-legacy", "nat"), "table nat (iptables-legacy): expected exists", true),
            (.init(.table, "inet", "berth"), "link cni0: expected up, found down", false),
        ] as [(RuleRemoval.Object, String, Bool)])
    func holds(_ object: RuleRemoval.Object, _ words: String, _ isHeld: Bool) {
        #expect(object.holds(words) == isHeld)
    }

    @Test("the first who took it is named once, however many transactions it took; who took something else is not")
    func named() {
        let found = Self.entries(
            [
                Self.removal(10, ProcessName(pid: 5, name: "dockerd"), .init(.rule, "ip", "nat", "DOCKER")),
                Self.removal(11, Self.firewalld, .init(.rule, "ip", "nat", "POSTROUTING")),
                Self.removal(12, Self.firewalld, .init(.rule, "ip", "filter", "FORWARD")),
                Self.removal(13, ProcessName(pid: 6, name: "nft"), .init(.rule, "ip", "nat", "POSTROUTING")),
            ], missing: "chain POSTROUTING of table nat (iptables-nft)", "chain FORWARD of table filter (iptables-nft)")
        #expect(found.count == 1)
        #expect(
            found.first?.since
                == "since 1970-01-01T00:00:11Z, changed by pid 28133 iptables-restor, started by pid 812 firewalld")
        #expect(
            found.first?.words
                == "1970-01-01T00:00:11Z: rules of chain FORWARD of ip filter, rules of chain POSTROUTING of ip nat: "
                + "deleted by pid 28133 iptables-restor, started by pid 812 firewalld")
        // A DEL beside it took its own container's element.
        let both = Self.entries(
            [
                Self.removal(1, ProcessName(pid: 3, name: "portmap"), .init(.element, "inet", "berth", "fwd_any4")),
                Self.removal(2, nil, .init(.table, "inet", "berth"), .init(.element, "inet", "berth", "fwd_any4")),
            ], missing: "nftables element of fwd_any4", "nftables table inet berth")
        #expect(both.map(\.objects) == [[.init(.table, "inet", "berth")]])
        #expect(both.first?.since.contains("by whom is not known") == true)
    }

    @Test("what is known to be missing is not put on whoever comes later; once it is back, it is")
    func open() {
        let first = Self.entries(
            [Self.removal(1, Self.firewalld, .init(.table, "inet", "berth"))], missing: "nftables table inet berth")
        let later = Self.removal(2, ProcessName(pid: 6, name: "nft"), .init(.table, "inet", "berth"))
        #expect(Self.entries([later], missing: "nftables table inet berth", known: first).isEmpty)
        var closed = first
        closed[0].restored = 2
        #expect(Self.entries([later], missing: "nftables table inet berth", known: closed).map(\.time) == [2])
    }

    @Test("iptables-legacy tells nobody: when it was noticed is all, and of many chains that they were many")
    func silent() {
        let found = Self.entries(
            [Self.removal(1, Self.firewalld, .init(.rule, "ip", "nat", "OUTPUT"))],
            missing: "chain OUTPUT of table nat (iptables-legacy)", "chain A of table nat (iptables-legacy)",
            "chain B of table nat (iptables-legacy)", "chain C of table nat (iptables-legacy)",
            "chain D of table nat (iptables-legacy)", "chain FORWARD of table filter (iptables-legacy, IPv6)")
        #expect(found.map(\.time) == [99] && found.first?.process == nil)
        #expect(
            found.first?.words
                == "1970-01-01T00:01:39Z: rules of chain FORWARD of ip6tables-legacy filter, rules of iptables-legacy nat: "
                + "missing; iptables-legacy tells nobody who changes its tables")
    }

    @Test("the file keeps the last 32, is read as it was written, and one that cannot be read is begun anew")
    func file() throws {
        try PrivateHost.run { host in
            let state = StateDirectory("/run/scratch/state")
            host.expect(try RemovalMemory(reading: state).entries, is: [], "before anybody wrote")
            var all: [RemovalMemory.Entry] = []
            for time in 0..<40 {
                let found = Self.entries(
                    [Self.removal(time, time % 2 == 0 ? Self.firewalld : nil, .init(.table, "inet", "berth"))],
                    missing: "nftables table inet berth")
                try RemovalMemory.change(state) { $0.add(found) }
                all += found
            }
            host.expect(try RemovalMemory(reading: state).entries, is: Array(all.suffix(32)), "the last ones")
            try RemovalMemory.closeAll(state)
            let closed = try RemovalMemory(reading: state).entries
            host.expect(closed.allSatisfy { $0.restored != nil }, "closed: \(closed)")
            host.expect(closed.allSatisfy { $0.restored! > 1_700_000_000 }, "by the clock: \(closed)")
            let path = "/run/scratch/state/removals.json"
            for text in [
                "{\"version\": 1, \"removals\": [{\"time\": 1", "{}", "{\"version\": 2, \"removals\": []}",
                "{\"version\": 1, \"removals\": [{\"time\": \"x\"}]}",
                "{\"version\": 1, \"removals\": [{\"time\": 1, \"objects\": [{\"kind\": \"kettle\"}]}]}", "",
            ] {
                try Files.replace(path, with: Array(text.utf8))
                var refusal: KernelError?
                do throws(KernelError) { _ = try RemovalMemory(reading: state) } catch { refusal = error }
                host.expect(refusal?.operation, is: "read \(path)", "of \(text)")
                try RemovalMemory.closeAll(state)
                try RemovalMemory.change(state) { $0.add(Array(all.prefix(1))) }
                host.expect(try RemovalMemory(reading: state).entries.count, is: 1, "begun anew after \(text)")
            }
        }
    }
}
