import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import TestSupport
import Testing

@testable import Inspect

@Suite struct StatusTests {
    /// Of the machine that the tests run on.
    private static let iptables: String = {
        let choice = IptablesVariant.ofHost()
        return "iptables is \(choice.variant): \(choice.reason)"
    }()

    @Test("P-56 a network is ready before its first container and with it, and status counts what it has")
    func ready() throws {
        let (before, after, json) = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            let list = try bench.configure("web")
            let first = try bench.status()
            let state = try host.state().lines
            host.expect(try bench.status().isReady, "ready once more")
            host.expect(try host.state().lines, is: state, "the host after status")
            try bench.attach(list, "c1")
            let second = try bench.status("web")
            host.expect(first.isReady && second.isReady, "ready: \(first.text)\(second.text)")
            return (first.text, second.text, second.json)
        }
        #expect(
            before == """
                NETWORK  READY  PLUGINS                  BACKEND   ATTACHMENTS  FREE
                web      yes    bridge,portmap,firewall  nftables  0            5/5

                \(StatusTests.iptables)
                nftables table inet berth: not there; the first ADD that needs it makes it
                forwarding: IPv4 off, IPv6 off
                foreign drops: none

                """)
        #expect(
            after == """
                NETWORK  READY  PLUGINS                  BACKEND   ATTACHMENTS  FREE
                web      yes    bridge,portmap,firewall  nftables  1            4/5

                \(StatusTests.iptables)
                nftables table inet berth: whole
                forwarding: IPv4 on, IPv6 off
                foreign drops: none

                """)
        let network = try #require(json["networks"]?.array?.first)
        #expect(json["ready"] == true && network["ready"] == true && network["backend"] == "nftables")
        #expect(network["attachments"] == 1 && network["ranges"]?.array?.first?["free"] == 4)
        #expect(network["plugins"]?.array?.first == ["type": "bridge", "own": true, "status": "ready"])
        #expect(json["table"] == ["state": "whole"] && json["forwarding"] == ["ipv4": true, "ipv6": false])
    }

    @Test("I-6 a full range is not ready, also of a list of before 1.1.0, whose own plugins are asked all the same")
    func full() throws {
        let status = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            try bench.attach(try bench.configure("web", version: "0.4.0", subnet: "10.20.0.0/30"), "c1")
            return try bench.status()
        }
        #expect(!status.isReady && status.networks[0].pools[0].free == 0)
        #expect(status.text.contains("web      no ") && status.text.contains("0/1"))
        #expect(
            status.text.contains(
                "web: bridge is not ready: no IP addresses available in range set: 10.20.0.1-10.20.0.2"))
        #expect(status.text.contains("(code 50)") && !status.text.contains("fix:"))
    }

    @Test(
        "a table that somebody changed or took away, and forwarding that is off, harm the attachments",
        arguments: [
            ("nft flush chain inet berth postrouting", "changed by somebody else: ", "(code 51)"),
            ("nft delete table inet berth", "not there", "is gone, and with it the rules of 1 attachment"),
            ("sysctl -q net.ipv4.ip_forward=0", "whole", "ip_forward is off"),
        ])
    func harmed(_ sabotage: (command: String, table: String, reason: String)) throws {
        let status = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            try bench.attach(try bench.configure("web"), "c1")
            try host.must(sabotage.command)
            return try bench.status()
        }
        #expect(!status.isReady)
        #expect(status.text.contains("nftables table inet berth: \(sabotage.table)"), "\(status.text)")
        #expect(status.text.contains(sabotage.reason), "\(status.text)")
        #expect(status.json["ready"] == false && status.text.contains("\n  fix: berth repair --network web\n"))
    }

    @Test("the table for frames is told where a list needs it, and harms its network when it is gone")
    func frames() throws {
        let (whole, gone) = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            let list = try bench.configure(
                "web", plugins: #"{"type": "bridge", "bridge": "br0", "macspoofchk": true, "ipam": IPAM}"#)
            try bench.attach(list, "c1")
            let whole = try bench.status()
            try host.must("nft delete table bridge berth")
            return (whole, try bench.status())
        }
        #expect(whole.isReady && whole.networks[0].backends == [.nftables])
        #expect(whole.text.contains("table inet berth: not there") && whole.text.contains("bridge berth: whole\n"))
        #expect(!gone.isReady && gone.text.contains("the nftables table bridge berth is gone"), "\(gone.text)")
        #expect(gone.json["bridgeTable"] == ["state": "absent"])
    }

    @Test("N-6 a foreign chain that drops is told, and is no reason not to be ready")
    func foreignDrops() throws {
        let status = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            try bench.configure("web")
            try host.must(
                "nft -f -",
                input: "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }")
            return try bench.status()
        }
        #expect(status.isReady && status.drops.count == 1)
        #expect(status.text.contains("foreign drops: chain ip filter FORWARD has policy drop"), "\(status.text)")
        #expect(status.json["foreignDrops"]?.array?.count == 1)
    }

    @Test("plugins of others are asked as an engine would, where their list knows STATUS")
    func foreign() throws {
        let status = try PrivateHost.run { host in
            var bench = try StatusBench(host)
            bench.environment["CNI_PATH"] = "\(host.scratch)/bin"
            try bench.install("busy", #"echo '{"cniVersion": "1.1.0", "code": 50, "msg": "no uplink"}'; exit 1"#)
            try bench.install("idle", #"test "$CNI_COMMAND" = STATUS"#)
            try bench.configure("busy", plugins: #"{"type": "busy"}"#)
            try bench.configure("idle", plugins: #"{"type": "idle"}"#)
            try bench.configure("none", plugins: #"{"type": "none"}"#)
            try bench.configure("old", version: "0.4.0", plugins: #"{"type": "busy"}"#)
            try bench.configure("older", version: "0.4.0", plugins: #"{"type": "none"}"#)
            return try bench.status()
        }
        #expect(status.networks.map(\.isReady) == [false, true, false, true, false])
        #expect(status.networks.map(\.backends) == Array(repeating: [.unknown], count: 5))
        #expect(status.networks[0].plugins[0].answer == .notReady(code: 50, reason: "no uplink"))
        #expect(status.networks[3].plugins[0].answer == .notAsked)
        #expect(
            status.text.contains("old: busy was not asked: STATUS is of CNI 1.1.0, and /run/scratch/bin/busy is not"))
        #expect(status.text.contains("none: none is not ready: failed to find plugin \"none\""), "\(status.text)")
    }

    @Test(
        "a link to berth-core in CNI_PATH is berth's own and is asked in this process; another file of that name is not"
    )
    func own() throws {
        let status = try PrivateHost.run { host in
            var bench = try StatusBench(host)
            bench.environment["CNI_PATH"] = "\(host.scratch)/bin"
            try bench.install("berth-core", "exit 7")
            for type in ["bridge", "portmap"] {
                try check("link \(type)") { symlink("berth-core", "\(host.scratch)/bin/\(type)") }
            }
            try bench.install("firewall", #"echo '{"cniVersion": "1.1.0", "code": 50, "msg": "not mine"}'; exit 1"#)
            try bench.configure("web")
            return try bench.status()
        }
        #expect(status.networks[0].plugins.map(\.isOwn) == [true, true, false])
        #expect(
            status.networks[0].plugins.map(\.file)
                == ["bridge", "portmap", "firewall"].map { "/run/scratch/bin/\($0)" })
        #expect(status.networks[0].plugins.map(\.answer) == [.ready, .ready, .notReady(code: 50, reason: "not mine")])
    }

    @Test(
        "R-2 a file that no engine can use is told and not ready, without hiding the others; an unknown name is refused"
    )
    func unusable() throws {
        let (all, one, error) = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            try bench.configure("web")
            try Files.replace("\(host.scratch)/net.d/bad.conflist", with: Array("{".utf8))
            let error = try refused { _ = try bench.status("wbe") }
            return (try bench.status(), try bench.status("web").isReady, error)
        }
        #expect(!all.isReady && all.networks.map(\.isReady) == [true] && one)
        #expect(all.text.contains("passed over /run/scratch/net.d/bad.conflist, line 1, column 2"), "\(all.text)")
        #expect(error?.code == .missing && error?.cause?.contains("web") == true)
    }

    @Test("without networks it says so, and is ready")
    func empty() throws {
        let status = try PrivateHost.run { host in try StatusBench(host).status() }
        #expect(status.isReady && status.text.hasPrefix("no networks\n\niptables is "))
    }
}
