import Glibc
import JSON
import NetCore
import PluginKit
import TestSupport
import Testing

/// cni.md C-1: the record of an attachment.
@Suite("Attachment records")
struct RecordTests {
    static let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)

    static let record: AttachmentRecord = {
        var record = AttachmentRecord(attachment: attachment, netns: "/run/netns/\u{1F433} \"x\"")
        var bridge = AttachmentRecord.Section(since: 1_700_000_000_000_000_000)
        bridge.isDone = true
        bridge.keys = [
            NftElementKey(set: "masq4", key: [10, 88, 0, 2], keyEnd: nil),
            NftElementKey(family: .bridge, set: "senders", key: [1, 2, 3, 4], keyEnd: nil),
        ]
        bridge.notes = ["addresses": ["10.88.0.2/16"], "isGateway": true]
        bridge.configuration = ["name": "net1", "unknown": [1, 2.5, nil]]
        var portmap = AttachmentRecord.Section(since: 1)
        portmap.keys = [
            NftElementKey(
                set: "range_any4", key: [6, 0, 0, 0, 0x1f, 0x40, 0, 0], keyEnd: [6, 0, 0, 0, 0x1f, 0x4a, 0, 0])
        ]
        record.origin.namespace = NetworkNamespace.Identity(device: 4, inode: 4_026_532_101)
        record.origin.boot = "b00t"
        record.origin.runtime = "conmon"
        record.result = ["cniVersion": "1.1.0"]
        record["bridge"] = bridge
        record["portmap"] = portmap
        return record
    }()

    @Test("a record is read back as it was written, byte for byte")
    func roundTrip() throws {
        let bytes = RecordTests.record.bytes
        #expect(AttachmentRecord(bytes: bytes) == RecordTests.record)
        #expect(AttachmentRecord(bytes: bytes)?.bytes == bytes)
        let quick = AttachmentRecord(bytes: bytes, of: RecordTests.attachment)
        #expect(quick?.bytes == bytes && quick?.origin == RecordTests.record.origin)
        let other = Attachment(network: "net1", containerID: "c", interface: LinkName("eth0")!)
        #expect(AttachmentRecord(bytes: bytes, of: other) == nil)
        #expect(AttachmentRecord(bytes: bytes)?["bridge"] == RecordTests.record["bridge"])
        #expect(bytes.split(separator: 0x0a).count == 4, "a line for whose it is, the result, and each plugin")
    }

    @Test("I-8 boot, namespace and runtime stand in the record")
    func origin() throws {
        let record = try #require(AttachmentRecord(bytes: RecordTests.record.bytes))
        #expect(record.origin.namespace == NetworkNamespace.Identity(device: 4, inode: 4_026_532_101))
        #expect(record.origin.boot == "b00t" && record.origin.runtime == "conmon")
        #expect(record.result == ["cniVersion": "1.1.0"] && record.hasResult)
    }

    @Test("sections are replaced, removed and kept in order")
    func sections() {
        var record = RecordTests.record
        record["bridge"]?.isDone = false
        #expect(record.sections.map(\.plugin) == ["bridge", "portmap"])
        #expect(record["bridge"]?.isDone == false)
        record["bridge"] = nil
        #expect(record["bridge"] == nil && record.sections.count == 1)
        record["none"] = nil
        #expect(record.sections.count == 1)
    }

    private static let head = #"{"network":"net1","containerID":"c1","ifname":"eth0"}"#

    @Test(
        "what is no record reads as none",
        arguments: [
            "", "{", "[]", "null", "{}", #"{"network":"n","containerID":"c"}"#,
            #"{"network":"n","containerID":"c","ifname":"a/b"}"#,
            #"{"network":5,"containerID":"c","ifname":"eth0"}"#,
            #"{"network":"net2","containerID":"c1","ifname":"eth0"}"#,
            head + "\n{\n", head + "\n[]\n", head + "\n{\"plugin\":5}\n", head + "\n{\"plugin\":\"\"}\n",
            head + #"{"plugin":5}"#, head + #"{"plugin":5}"# + "\n",
        ])
    func broken(_ text: String) throws {
        let found = try PrivateHost.run { host in
            let records = AttachmentRecords(StateDirectory("\(host.scratch)/state"))
            try Files.makeDirectories(records.state.attachments)
            try Files.replace("\(records.state.attachments)/\(RecordTests.attachment.tag).json", with: Array(text.utf8))
            return try records.read(RecordTests.attachment)
        }
        #expect(found == nil, "also another attachment's, copied here")
    }

    @Test(
        "a section that cannot be read is none, and known to be there",
        arguments: [
            #""x":1}"#, #""since":1}"#, #""since":1,"keys":[["masq4"]]}"#, #""since":1,"keys":[["masq4","0"]]}"#,
            #""since":1,"keys":[["masq4","0g"]]}"#, #""since":1,"keys":[["masq4","+f"]]}"#,
            #""since":1,"keys":[["masq4",7,"0f"]]}"#, #""since":1,"keys":[["masq4","0f","x"]]}"#,
            #""since":"1","keys":[]}"#, #""since":1,"keys":["#,
        ])
    func brokenSection(_ rest: String) throws {
        let text = RecordTests.head + "\n" + #"{"plugin":"bridge","# + rest + "\n"
        let record = try #require(AttachmentRecord(bytes: Array(text.utf8)))
        #expect(record["bridge"] == nil && record.has("bridge") && record.sections.isEmpty)
    }

    @Test("a record is made with its folder, replaced, listed by network, and gone with its last section")
    func files() throws {
        let record = RecordTests.record
        let outcome = try PrivateHost.run { host -> [String] in
            var record = record
            let records = AttachmentRecords(StateDirectory("\(host.scratch)/state"))
            guard try records.read(record.attachment) == nil, try records.all().isEmpty else { return ["not empty"] }
            try records.remove(record.attachment)
            try records.write(&record)
            var other = AttachmentRecord(
                attachment: Attachment(network: "net2", containerID: "c1", interface: LinkName("eth0")!), netns: nil)
            other["bridge"] = AttachmentRecord.Section(since: 1)
            try records.write(&other)
            // A writer that was killed leaves its file; a listing passes over it and what is garbled.
            try Files.replace("\(records.state.attachments)/\(record.attachment.tag).json.new", with: [0x7b])
            try Files.replace("\(records.state.attachments)/garbled.json", with: [0xff, 0x00])
            var found = stat()
            stat("\(records.state.attachments)/\(record.attachment.tag).json", &found)
            var outcome = [
                "\(try records.read(record.attachment) == record)", "\(try records.all().count)",
                "\(try records.all(network: "net2") == [other])",
                "\(try records.all(network: "net3").count)", String(found.st_mode & 0o777, radix: 8),
                "\(try records.read(tag: record.attachment.tag) == record)",
            ]
            var emptied = record
            emptied["bridge"] = nil
            emptied["portmap"] = nil
            try records.write(&emptied)
            outcome.append("\(try records.read(record.attachment) == nil)")
            outcome.append(
                try Files.names(in: records.state.attachments).filter { $0.hasPrefix(record.attachment.tag) }.joined())
            return outcome
        }
        #expect(outcome == ["true", "2", "true", "0", "600", "true", "true", ""])
    }

    @Test("what comes to a record is appended, the later of two lines holds, and a line that was cut off is none")
    func appending() throws {
        let outcome = try PrivateHost.run { host -> [String] in
            let records = AttachmentRecords(StateDirectory("\(host.scratch)/state"))
            let file = "\(records.state.attachments)/\(RecordTests.attachment.tag).json"
            func inode() -> UInt64 {
                var found = stat()
                return stat(file, &found) == 0 ? UInt64(found.st_ino) : 0
            }
            var record = RecordTests.record
            record["portmap"] = nil
            try records.write(&record)
            let first = inode()
            // As two plugins at the same time: neither takes the other's line away.
            var one = try records.read(RecordTests.attachment)
            var two = one
            one?["bridge"]?.isDone = false
            one?["portmap"] = RecordTests.record["portmap"]
            two?["tuning"] = AttachmentRecord.Section(since: 7)
            try records.write(&one!)
            try records.write(&two!)
            let both = try records.read(RecordTests.attachment)
            let whole = try Files.read(file)
            try Files.replace(file, with: whole + Array("{\"plugin\":\"firewall\",\"since\":1".utf8))
            var torn = try records.read(RecordTests.attachment)
            let isSame = torn == both
            torn?["firewall"] = AttachmentRecord.Section(since: 1)
            try records.write(&torn!)
            let mended = try records.read(RecordTests.attachment)?["firewall"] == torn?["firewall"]
            try Files.remove(file)
            two?["firewall"] = AttachmentRecord.Section(since: 8)
            try records.write(&two!)
            return [
                "\(first != 0 && both?.plugins == ["bridge", "portmap", "tuning"] && both?["bridge"]?.isDone == false)",
                "\(whole.split(separator: 0x0a).count)", "\(isSame && mended)",
                "\(try records.read(RecordTests.attachment)?.plugins ?? [])",
            ]
        }
        #expect(outcome == ["true", "6", "true", #"["bridge", "tuning", "firewall"]"#])
    }

    @Test("a container's records are found by their names, and by their first lines")
    func found() throws {
        let (named, mentioned, beyond, none) = try PrivateHost.run { host in
            let records = AttachmentRecords(StateDirectory("\(host.scratch)/state"))
            // Longer than what is read of a file at first.
            let long = String(repeating: "x", count: 600)
            for (network, container, interface) in [
                ("a", "c1", "eth0"), ("b", "c1", "eth0"), ("a", "c1", "eth1"), ("a", "c12", "eth0"),
                ("a", long, "eth0"),
            ] {
                var record = AttachmentRecord(
                    attachment: Attachment(network: network, containerID: container, interface: LinkName(interface)!),
                    netns: "/run/netns/x")
                // What a later line says is none of it.
                record["bridge"] = AttachmentRecord.Section(since: 1)
                record.result = ["containerID": "c9"]
                try records.write(&record)
            }
            // Another's record under that name.
            let tag = Attachment(network: "c", containerID: "c1", interface: LinkName("eth0")!).tag
            let other = Attachment(network: "a", containerID: "c12", interface: LinkName("eth0")!).tag
            try Files.replace(
                "\(records.state.attachments)/\(tag).json",
                with: try Files.read("\(records.state.attachments)/\(other).json"))
            let words = { (found: [AttachmentRecord]) in found.map { "\($0.attachment)" }.sorted() }
            return (
                words(try records.of(container: "c1", LinkName("eth0")!)),
                words(try records.all(mentioning: "\"containerID\":\"c12")),
                words(try records.all(mentioning: "\"containerID\":\"\(long)\"")).count,
                words(try records.of(container: "c", LinkName("eth0")!))
            )
        }
        #expect(named == ["a/c1/eth0", "b/c1/eth0"])
        #expect(mentioned == ["a/c12/eth0", "a/c12/eth0"])
        #expect(beyond == 1)
        #expect(none == [])
    }

    @Test("R-13 what several DELs at once take out of a record stays out, and nothing comes back")
    func simultaneous() throws {
        let left = try PrivateHost.run { host -> [String] in
            let records = AttachmentRecords(StateDirectory("\(host.scratch)/state"))
            try records.drop("p0", of: RecordTests.attachment)
            for _ in 0..<50 {
                var record = RecordTests.record
                for index in 0..<6 { record["p\(index)"] = AttachmentRecord.Section(since: 1) }
                record["bridge"] = nil
                record["portmap"] = nil
                try records.write(&record)
                _ = try host.onThreads(6) { _, index in
                    try records.drop("p\(index)", of: RecordTests.attachment)
                    try records.drop("p\(index)", of: RecordTests.attachment)
                }
                if let left = try records.read(RecordTests.attachment) { return left.plugins }
            }
            return try Files.names(in: records.state.attachments)
        }
        #expect(left == [])
    }
}
