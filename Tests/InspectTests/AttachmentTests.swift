import CNI
import Glibc
import JSON
import NetCore
import PluginKit
import TestSupport
import Testing

@testable import Inspect

/// Records as the plugins write them.
enum Records {
    static let web = make(
        "demo", "web", addresses: ["10.88.0.2/24", "fd00:88::2/64"], bridge: "demo0", end: "veth638c742877d",
        ports: [("0.0.0.0:8080/tcp", "10.88.0.2", 80), ("[::]:8080/tcp", "fd00:88::2", 80)])
    static let client = make(
        "demo", "client", addresses: ["10.88.0.3/24"], bridge: "demo0", end: "vethe6c9141639c", isDone: false)
    static let long = make(
        "aux", String(repeating: "0123456789abcdef", count: 4),
        addresses: ["fd00:1234:5678:9abc:def0:1234:5678:9abc/64"],
        bridge: "aux0", end: "veth00000000001")
    static let lo = make("lo", "web", addresses: [], bridge: nil, end: nil)

    static func make(
        _ network: String, _ container: String, addresses: [String], bridge: String?, end: String?,
        ports: [(String, String, Int64)] = [], isDone: Bool = true
    ) -> AttachmentRecord {
        let attachment = Attachment(network: network, containerID: container, interface: LinkName("eth0")!)
        var record = AttachmentRecord(attachment: attachment, netns: "/run/netns/\(container)")
        var section = AttachmentRecord.Section(since: 0)
        section.isDone = true
        if let bridge, let end {
            section.notes = [
                "bridge": .string(bridge), "addresses": .array(addresses.map { .string($0) }),
                "hostInterface": .string(end),
            ]
            section.configuration = ["ipMasq": .bool(network == "demo")]
            record["bridge"] = section
        } else {
            record["loopback"] = section
        }
        var second = AttachmentRecord.Section(since: 0)
        second.isDone = isDone
        second.notes = [
            "ports": .array(
                ports.map {
                    ["published": .string($0.0), "target": .string($0.1), "port": .integer($0.2), "protocol": "tcp"]
                })
        ]
        record["portmap"] = second
        return record
    }
}

@Suite struct AttachmentTests {
    @Test("attachments are listed by network and container, one a line")
    func table() {
        let list = AttachmentList([Records.web, Records.client, Records.long, Records.lo])
        #expect(
            list.table == """
                NETWORK  CONTAINER     INTERFACE  ADDRESSES                                   PORTS                                   LINK             STATE
                aux      0123456789ab  eth0       fd00:1234:5678:9abc:def0:1234:5678:9abc/64  -                                       veth00000000001  done
                demo     client        eth0       10.88.0.3/24                                -                                       vethe6c9141639c  pending
                demo     web           eth0       10.88.0.2/24,fd00:88::2/64                  0.0.0.0:8080/tcp->80,[::]:8080/tcp->80  veth638c742877d  done
                lo       web           eth0       -                                           -                                       -                done

                """)
        #expect(AttachmentList([]).table == "no attachments\n")
    }

    @Test("as JSON every id is whole, and what is not there is left out")
    func json() throws {
        let list = AttachmentList([Records.client, Records.long, Records.lo])
        try expectGolden(list.json.prettyText + "\n", "attachments.json")
    }

    @Test("behind a plugin that is not ours, the result tells the addresses")
    func foreignResult() throws {
        var record = Records.make(
            "lan", "web", addresses: [], bridge: nil, end: nil, ports: [("0.0.0.0:80/tcp", "192.168.1.5", 80)])
        record.result = try JSON(
            parsing: Array(
                #"""
                {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/web"}, {"name": "eth1", "sandbox": "x"}],
                 "ips": [{"address": "192.168.1.5/24", "interface": 0}, {"address": "10.0.0.1/8", "interface": 1}]}
                """#.utf8))
        #expect(AttachmentList.Entry(record).addresses == ["192.168.1.5/24"])
        record.result = "nonsense"
        #expect(AttachmentList.Entry(record).addresses.isEmpty)
    }

    /// What the runtime remembers of an attachment, after a DEL that failed for this reason.
    private static func cached(_ container: String, _ reason: String?) throws -> CachedAttachment {
        let result = try JSON(
            parsing: Array(
                #"""
                {"cniVersion": "1.0.0", "interfaces": [{"name": "demo0"}, {"name": "eth0", "sandbox": "/run/netns/x"}],
                 "ips": [{"address": "10.88.0.9/24", "interface": 1}]}
                """#.utf8))
        return CachedAttachment(
            network: "demo",
            parameters: try AttachmentParameters(
                containerID: container, netns: "/run/netns/\(container)", interface: LinkName("eth0")!,
                arguments: CNIArguments("")),
            configuration: Array("{}".utf8), result: result, owner: "test", pendingDelete: reason)
    }

    @Test("R-6 what a DEL could not take down is pending-delete with the reason, with a record or without")
    func pendingDelete() throws {
        let list = AttachmentList(
            [Records.web, Records.client],
            cached: [
                try AttachmentTests.cached("web", "table busy"), try AttachmentTests.cached("gone", "no\nroot"),
                try AttachmentTests.cached("client", nil), try AttachmentTests.cached("unknown", nil),
            ])
        #expect(list.entries.map(\.attachment.containerID) == ["client", "gone", "web"])
        #expect(list.entries.map(\.state) == ["pending", "pending-delete", "pending-delete"])
        #expect(list.entries[1].addresses == ["10.88.0.9/24"] && list.entries[1].netns == "/run/netns/gone")
        #expect(list.entries[2].hostInterface == "veth638c742877d")
        let lines = list.table.split(separator: "\n")
        #expect(lines.count == 4 && lines[3].hasSuffix("  pending-delete: table busy"))
        #expect(list.json.array?.map { $0["reason"]?.string } == [nil, "no\nroot", "table busy"])
    }

    @Test("R-6 the cache of the runtime is read, of one network where one is named")
    func cache() throws {
        let gone = try AttachmentTests.cached("gone", "table busy")
        try PrivateHost.run { host in
            let state = StateDirectory("\(host.scratch)/state")
            let cache = ResultCache("\(host.scratch)/cache")
            try cache.write(gone)
            try Files.replace("\(host.scratch)/cache/results/demo-broken-eth0", with: Array("{".utf8))
            let states = try AttachmentList(of: state, cache: cache).entries.map(\.state)
            host.expect(states, is: ["pending-delete"], "of all networks")
            for (network, count) in [("demo", 1), ("other", 0)] {
                let entries = try AttachmentList(of: state, cache: cache, network: network).entries
                host.expect(entries.count, is: count, "of \(network)")
            }
            host.expect(try AttachmentList(of: state).entries.isEmpty, "without the cache")
        }
    }

    @Test("records are read from the state directory, of one network where one is named")
    func records() throws {
        let state = StateDirectory("/tmp/berth-inspect-\(UInt64.random(in: 0 ... .max))")
        defer { _ = rmtree(state.path) }
        let records = AttachmentRecords(state)
        for var record in [Records.web, Records.long] { try records.write(&record) }
        #expect(try AttachmentList(of: state).entries.map(\.attachment.network) == ["aux", "demo"])
        #expect(try AttachmentList(of: state, network: "demo").entries == [AttachmentList.Entry(Records.web)])
        #expect(try AttachmentList(of: StateDirectory("/nonexistent")).entries.isEmpty)
    }

    /// The test's own small tree.
    private func rmtree(_ path: String) -> Bool {
        do {
            for name in try Files.names(in: "\(path)/attachments") { try Files.remove("\(path)/attachments/\(name)") }
        } catch {
            return false
        }
        return rmdir("\(path)/attachments") == 0 && rmdir(path) == 0
    }
}
