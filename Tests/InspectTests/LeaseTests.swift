import CNI
import Glibc
import JSON
import NetCore
import PluginKit
import TestSupport
import Testing

@testable import Inspect

@Suite struct LeaseListTests {
    @Test("I-1 every lease is listed with its holder, also of older releases and of networks without a configuration")
    func list() throws {
        let (text, json, one) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/29", "fd00:20::/64")
            try bench.lease("web", "10.20.0.10", "c2\r\neth0")
            try bench.lease("web", "10.20.0.2", String(repeating: "0123456789abcdef", count: 4) + "\r\neth0")
            try bench.lease("web", "fd00:20::2", "c2\r\neth0")
            try bench.lease("old", "10.9.0.5", "c9")
            try bench.lease("old", "10.9.0.6", "")
            try bench.lease("old", "last_reserved_ip.0", "10.9.0.6")
            try bench.lease(".hidden", "10.9.0.7", "c1\r\neth0")
            let list = try LeaseList(in: try bench.directories())
            return (list.table, list.json, try LeaseList(in: try bench.directories(), network: "old").table)
        }
        #expect(
            text == """
                NETWORK  ADDRESS     CONTAINER     INTERFACE  SINCE
                old      10.9.0.5    c9            -          2023-11-14T22:13:20Z
                old      10.9.0.6    (unreadable)  -          2023-11-14T22:13:20Z
                web      10.20.0.2   0123456789ab  eth0       2023-11-14T22:13:20Z
                web      10.20.0.10  c2            eth0       2023-11-14T22:13:20Z
                web      fd00:20::2  c2            eth0       2023-11-14T22:13:20Z

                NETWORK  RANGE                                    USED  FREE                  TOTAL
                web      10.20.0.1-10.20.0.6                      1     4                     5
                web      fd00:20::1-fd00:20::ffff:ffff:ffff:ffff  1     18446744073709551613  18446744073709551614

                """)
        #expect(json["leases"]?.array?.count == 5)
        let first = try #require(json["leases"]?.array?.first?.object)
        #expect(first["network"] == "old" && first["containerID"] == "c9" && first["ifname"] == nil)
        #expect(first["since"] == "2023-11-14T22:13:20Z" && first["readable"] == true)
        #expect(first["file"]?.string?.hasSuffix("/networks/old/10.9.0.5") == true)
        let ranges = try #require(json["ranges"]?.array)
        #expect(ranges.map { $0["free"] } == [4, "18446744073709551613"])
        #expect(ranges.map { $0["set"] } == [0, 1] && ranges[0]["total"] == 5)
        #expect(one.hasPrefix("NETWORK") && !one.contains("web") && !one.contains("RANGE"))
    }

    @Test("without leases it says so, and a network that is nowhere is refused with the names that there are")
    func nothing() throws {
        let (text, error) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/29")
            let refusal = try refused { _ = try LeaseList(in: try bench.directories(), network: "wbe") }
            return (try LeaseList(in: try bench.directories(), network: "web").table, refusal)
        }
        #expect(text.hasPrefix("no leases\n\nNETWORK  RANGE") && text.contains("0     5     5"))
        #expect(error?.code == .missing && error?.cause?.contains("there is web") == true)
    }
}

@Suite struct LeaseCheckTests {
    @Test("leases with their attachments, by record or by the runtime's cache, are nothing to find")
    func agree() throws {
        let text = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/29", "fd00:20::/64")
            try bench.lease("web", "10.20.0.2", "c1\r\neth0")
            try bench.lease("web", "fd00:20::2", "c1\r\neth0")
            try bench.attach("web", "c1", "10.20.0.2/29", "fd00:20::2/64")
            // Written by an older release: any interface of the container.
            try bench.lease("web", "10.20.0.3", "c2")
            try bench.attach("web", "c2", "10.20.0.3/29")
            try bench.lease("lan", "192.168.1.9", "c3\r\neth0")
            try bench.remember("lan", "c3", "192.168.1.9/24")
            return try LeaseCheck(in: try bench.directories(), state: bench.state, cache: bench.cache).text
        }
        #expect(text == "4 leases, 3 attachments: they agree\n")
    }

    @Test(
        "every disagreement is told with its kind, reason and remedy, of one network or of all, and nothing is changed")
    func findings() throws {
        let (findings, web, json) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/24", "fd00:20::/64")
            try bench.lease("web", "10.20.0.2", "gone\r\neth0")
            try bench.attach("web", "c3", "10.20.0.3/24")
            try bench.lease("web", "10.20.0.4", "c5\r\neth0")
            try bench.attach("web", "c4", "10.20.0.4/24")
            try bench.attach("web", "c5", "10.20.0.4/24")
            try bench.lease("web", "10.20.0.6", "")
            try bench.lease("web", "fd00:20::7", "c7\r\neth0")
            try bench.lease("web", "fd00:20:0::7", "c7\r\neth0")
            try bench.attach("web", "c7", "fd00:20::7/64")
            try bench.lease("old", "10.9.0.5", "gone\r\neth0")
            let before = try bench.contents()
            let check = try LeaseCheck(in: try bench.directories(), state: bench.state, cache: bench.cache)
            host.expect(try bench.contents(), is: before, "the leases")
            host.expect(check.text.hasSuffix("6 leases, 4 attachments: 7 findings\n"), check.text)
            return (check.findings, try bench.findings("web").count, check.json)
        }
        let told = findings.map { "\($0.network) \($0.address) \($0.kind.rawValue)" }
        #expect(
            told == [
                "old 10.9.0.5 lease-without-attachment", "web 10.20.0.2 lease-without-attachment",
                "web 10.20.0.3 attachment-without-lease", "web 10.20.0.4 address-held-twice",
                "web 10.20.0.4 attachment-without-lease", "web 10.20.0.6 unreadable-lease",
                "web fd00:20::7 address-held-twice",
            ])
        #expect(web == 6)
        #expect(findings[1].reason.contains("gone/eth0") && findings[1].fix == "berth ipam release web 10.20.0.2")
        #expect(findings[2].reason.contains("web/c3/eth0"))
        #expect(findings[3].reason.contains("web/c4/eth0") && findings[3].reason.contains("web/c5/eth0"))
        #expect(findings[4].reason.contains("c5/eth0 has it"))
        #expect(findings[6].reason.contains("fd00:20:0::7"))
        #expect(json["findings"]?.array?.first?["kind"] == "lease-without-attachment" && json["leases"] == 6)
    }

    @Test("an attachment of another address management is not expected to have a lease")
    func foreign() throws {
        let findings = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            var record = Records.make("dhcp", "c1", addresses: ["10.7.0.9/24"], bridge: "br0", end: "veth1")
            try AttachmentRecords(bench.state).write(&record)
            return try bench.findings()
        }
        #expect(findings.isEmpty)
    }

    @Test("where the interface plugin is not ours a new lease has a minute to become an attachment")
    func grace() throws {
        let (young, grown, ours) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("lan", "10.7.0.0/24", type: "ipvlan")
            try bench.configure("web", "10.20.0.0/24")
            try bench.lease("lan", "10.7.0.2", "c1\r\neth0", since: time(nil))
            let young = try bench.findings("lan").count
            try bench.lease("lan", "10.7.0.2", "c1\r\neth0", since: time(nil) - 120)
            try bench.lease("web", "10.20.0.2", "c1\r\neth0", since: time(nil))
            return (young, try bench.findings("lan").count, try bench.findings("web").count)
        }
        #expect(young == 0 && grown == 1 && ours == 1)
    }

    @Test("P-59 it waits for an ADD that has its lease and not yet its record")
    func running() throws {
        let findings = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/24")
            try bench.lease("web", "10.20.0.2", "c1\r\neth0", since: time(nil))
            try bench.attach("web", "c1", "10.20.0.2/24")
            let record = "\(bench.state.attachments)/\(try Files.names(in: bench.state.attachments)[0])"
            let lock = "\(bench.state.locks)/plugins-\(Attachment.networkTag("web"))"
            try Files.makeDirectories(bench.state.locks)
            try host.must("mv \(record) \(host.scratch)/record")
            let adding = try host.start([
                "/bin/sh", "-c",
                "exec 9>>\(lock); flock -s 9; echo held; sleep 0.5; mv \(host.scratch)/record \(record)",
            ])
            while !adding.printedSoFar().contains("held") { usleep(1000) }
            return try bench.findings()
        }
        #expect(findings.isEmpty)
    }

    @Test("of two networks that this host routes no two attachments may have one address; others may")
    func acrossNetworks() throws {
        let (routed, apart) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            for (network, isGateway) in [("a", true), ("b", true), ("c", false)] {
                try bench.lease(network, "10.20.0.2", "c1\r\neth0")
                try bench.attach(network, "c1", "10.20.0.2/24", isGateway: isGateway)
            }
            let all = try bench.findings()
            return (all.map(\.network), try bench.findings("c").count)
        }
        #expect(routed == ["b"] && apart == 0)
    }
}
