import Diagnosis
import JSON
import NetCore
import TestSupport
import Testing

/// The doctor's rules about the host: what is planted is named with its evidence, and nothing where nothing is wrong.
@Suite("The doctor names what is wrong with a host, mends it, and takes that back", .onNftables)
struct DiagnosisTests {
    @Test("on a host where all is well every rule passes, and says what it read")
    func healthy() throws {
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            // Of a kernel with br_netfilter: nobody's chains are in the way.
            let before = try host.state()
            let checkup = try one.look()
            // Those of the machine that the test runs on are not the test's.
            let wrong = checkup.findings.filter {
                $0.id.group != .kernel && $0.id.group != .disk && $0.id.group != .dns
                    && $0.id.name != "synchronized"
            }
            host.expect(wrong.isEmpty, "found: \(checkup.text())")
            let seen = checkup.passed.map(\.id) + checkup.notChecked.map(\.id) + checkup.findings.map(\.id)
            for rule in HealthRule.all { host.expect(seen.contains(rule.id), "\(rule.id) says nothing") }
            host.expect(
                checkup.passed.allSatisfy { !$0.evidence.isEmpty }, "something passed without a word of what was read")
            host.expect(try host.state().difference(from: before), is: "", "a look changes nothing")
        }
    }

    @Test(
        "what is planted is named by its rule with what was read, mended or told, and taken back",
        arguments: Planted.all)
    func planted(_ planted: Planted) throws {
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            let quiet = try one.look(planted.id)
            host.expect(quiet.findings.isEmpty && quiet.passed.count == 1, "before: \(quiet.text(all: true))")
            try planted.plant(one)
            let found = try one.look(planted.id)
            let told = planted.told(found)
            for word in planted.words {
                host.expect(told.contains(word), "\(word) is not named: \(found.text(all: true))")
            }
            host.expect(found.exitCode == 1 || found.exitCode == 2, "exit code \(found.exitCode)")
            for finding in found.findings {
                host.expect(!finding.evidence.isEmpty, "no evidence: \(finding)")
                host.expect(
                    !finding.remedy.commands.isEmpty || finding.remedy.toldOnly != nil, "no way to mend it: \(finding)")
            }
            switch planted.cure {
            case .byItsOwner: host.expect(!Mending.fixable(found).isEmpty, "nothing to do: \(found.text())")
            case .told:
                host.expect(Mending.plan(found) == [], "it would run \(Mending.plan(found))")
                let after = try one.fix(planted.id)
                host.expect(after.exitCode, is: found.exitCode, after.text())
                host.expect(after.undoFile == nil, "an undo file of nothing")
            case .mended, .mendedForGood:
                let fixed = try one.fix(planted.id)
                host.expect(fixed.exitCode, is: 3, "after --fix: \(fixed.text())")
                let again = try one.look(planted.id)
                host.expect(again.findings.isEmpty, "found again: \(again.text())")
                guard planted.cure == .mended else { return }
                guard let file = fixed.undoFile else { throw HostRefused("no undo file: \(fixed.text())") }
                let failures = try Mending.undo(file) { _ in }
                host.expect(failures == [] && !Files.exists(file), "not taken back: \(failures)")
                let back = try one.look(planted.id)
                host.expect(planted.told(back), is: told, "not as before")
            }
        }
    }

    @Test("every rule that a private host can break is broken by a test")
    func everyRule() {
        let planted = Set(Planted.all.map(\.id))
        // DoctorTests breaks berth's own objects; no kernel here lacks tracefs (what only root may read is in Tests/engines/doctor).
        let elsewhere: Set = [
            "kernel.tracefs", "firewall.unmended", "leaks.half-attached", "leaks.pending-delete", "leaks.orphan-rules",
            "leaks.unrecorded",
            "leaks.attachment-without-lease", "leaks.address-held-twice", "leaks.unreadable-lease",
            // The machine's own clock: held against adjtimex below.
            "time.synchronized",
        ]
        let missing = HealthRule.all.map { "\($0.id)" }.filter { !planted.contains($0) && !elsewhere.contains($0) }
        #expect(missing == [])
    }

    @Test("after a repair what could not be evaluated is said, with the reason, and not counted as nothing")
    func restored() throws {
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            try host.must("nft delete table inet berth")
            let fixed = try one.fix("firewall.owned-rules").notes.joined(separator: "\n")
            host.expect(fixed.contains(" rules restored, 2 of 2 published ports evaluated and open, "), fixed)
            host.expect(fixed.contains("berth watch does not run"), fixed)
            // Rules that another table stops are told by the gate that does.
            try one.rules(
                "table inet mine { chain fw { type filter hook forward priority -10; oifname \"cni0\" drop; }; }")
            try host.must("nft delete table inet berth")
            let closed = try one.fix("firewall.owned-rules").notes.joined(separator: "\n")
            host.expect(closed.contains("0 of 2 published ports evaluated and open"), closed)
            host.expect(closed.contains("stopped by inet mine fw #"), closed)
            try host.must("nft delete table inet mine")
            // No stranger's packet comes to a host without a way out.
            try host.must("ip link set wan0 down")
            try host.must("nft delete table inet berth")
            let none = try one.fix("firewall.owned-rules").notes.joined(separator: "\n")
            host.expect(
                none.contains("none of 2 published ports evaluated (this host has no way out")
                    && !none.contains("0 of 0 p"),
                none)
        }
    }

    @Test("a clock that nobody keeps is told, and one that is kept passes, as the kernel says")
    func clock() throws {
        #expect(KernelClock(status: 0x2001, maxError: 500).isSynchronized)
        #expect(!KernelClock(status: 0x2041, maxError: 16_000_000).isSynchronized)
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            let clock = try KernelClock()
            let looked = try one.look("time.synchronized")
            host.expect(looked.exitCode, is: clock.isSynchronized ? 0 : 1, looked.text(all: true))
            host.expect(looked.text(all: true).contains("adjtimex: status 0x"), looked.text(all: true))
            host.expect(looked.findings.allSatisfy { $0.remedy.toldOnly != nil }, "only told: \(looked.text())")
            // As another program reads it: 5 is TIME_ERROR.
            let script =
                "import ctypes;b=ctypes.create_string_buffer(512);print(ctypes.CDLL(None).adjtimex(b))".replacing(
                    " ", with: "\t")
            let code = try host.must("python3 -c \(script)").split(separator: "\n").first.map(String.init)
            host.expect(code == "5", is: !clock.isSynchronized, "adjtimex gives \(code ?? "")")
        }
    }

    @Test("what was changed after a --fix by somebody else is left alone by --undo, and said")
    func changedSince() throws {
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            try host.must("sysctl -w net.ipv4.conf.wan0.proxy_arp=1")
            let fixed = try one.fix("forwarding.proxy-arp")
            try host.must("sysctl -w net.ipv4.conf.wan0.proxy_arp=7")
            var said: [String] = []
            _ = try Mending.undo(fixed.undoFile ?? "none") { said.append($0) }
            host.expect(said.contains { $0.contains("left alone") && $0.contains("is 7 by now") }, "\(said)")
            host.expect(try Sysctl.read("net/ipv4/conf/wan0/proxy_arp"), is: "7", "the value")
        }
    }

    @Test("a fix whose command fails is told with its own words, and the finding stays")
    func failing() throws {
        try PrivateHost.run { host in
            let one = try DoctorHost(host)
            for line in ["-N DOCKER-USER", "-N DOCKER", "-P FORWARD DROP"] { try host.must("iptables-nft \(line)") }
            // A jump is missing: what stands in DOCKER-USER is never asked.
            let fixed = try one.fix("firewall.docker-forward")
            host.expect(fixed.exitCode == 2 && fixed.text().contains("it is still so after the remedy"), fixed.text())
        }
    }

    @Test(
        "--share replaces MACs and public addresses, the same by the same, and leaves what anybody may read",
        arguments: [
            ("wan0 02:42:ac:11:00:02 and 02:42:AC:11:00:02, de:ad:be:ef:00:01", "wan0 mac-1 and mac-1, mac-2"),
            ("from 8.8.8.8:53 to 10.88.0.2:80, 8.8.8.8/32", "from public-1:53 to 10.88.0.2:80, public-1/32"),
            ("[2620:fe::fe]:443 and 2620:fe::fe.", "[public6-1]:443 and public6-1."),
            ("203.0.113.7 198.51.100.1 192.0.2.1 127.0.0.53 2001:db8::1 fd00::1 fe80::1", nil),
            ("table inet berth: expected 5 of 23, nf_conntrack_max=262144 12:30:45 c0ffee.example", nil),
        ] as [(String, String?)])
    func redaction(_ text: String, _ expected: String?) {
        var redaction = Redaction()
        #expect(redaction.text(text) == expected ?? text)
    }
}
