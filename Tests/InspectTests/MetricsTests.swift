import CNI
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Inspect

@Suite struct MetricFamilyTests {
    private typealias Label = MetricFamily.Label

    @Test("values of labels may be any text: backslash, quotation mark and line feed are escaped, CRLF too")
    func escaping() {
        var family = MetricFamily("a", "back\\slash\nand feed")
        family.add(1, Label("name", #"C:\n "x""#), Label("next", "one\r\ntwo é"))
        #expect(
            family.text == "# TYPE a gauge\n# HELP a back\\\\slash\\nand feed\n"
                + #"a{name="C:\\n \"x\"",next="one"# + "\r" + #"\ntwo é"} 1"# + "\n")
    }

    @Test("a unit ends the name, numbers are whole beyond 64 bits, seconds have their zeros")
    func numbers() {
        var family = MetricFamily("took", "Time.", unit: "seconds")
        family.add(microseconds: 2_000_345)
        #expect(
            family.text
                == "# TYPE took_seconds gauge\n# UNIT took_seconds seconds\n# HELP took_seconds Time.\ntook_seconds 2.000345\n"
        )
        var large = MetricFamily("large", "Large.")
        large.add(UInt128(UInt64.max) + 1)
        large.add(true, Label("is", "it"))
        #expect(large.text.hasSuffix("\nlarge 18446744073709551616\nlarge{is=\"it\"} 1\n"))
    }

    @Test("no two samples have the same labels, a family without samples is left out, and the end is told")
    func form() {
        var family = MetricFamily("a", "A.")
        family.add(1, Label("of", "x"))
        family.add(2, Label("of", "x"))
        #expect(family.samples.map(\.value) == ["1"])
        #expect(
            MetricFamily.exposition([MetricFamily("none", "None."), family])
                == "# TYPE a gauge\n# HELP a A.\na{of=\"x\"} 1\n# EOF\n")
    }
}

@Suite struct HostMetricsTests {
    @Test("metrics count attachments, ports, addresses and elements, tell the table's state, and change nothing")
    func counts() throws {
        let (before, after, flushed) = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            let list = try bench.configure("web")
            let before = try bench.metrics().text
            try bench.attach(list, "c1", ports: [("tcp", 8080), ("tcp", 8081), ("udp", 53)])
            let state = try host.state().lines
            let after = try bench.metrics(doctor: true).text
            host.expect(try host.state().lines, is: state, "the host after metrics")
            try host.must("nft flush ruleset")
            return (before, after, try bench.metrics(doctor: true).text)
        }
        for line in [
            #"berth_attachments{network="web",state="done"} 0"#, #"berth_nftables_elements{plugin="portmap"} 0"#,
            #"berth_range_addresses_free{network="web",set="0",range="10.20.0.1-10.20.0.6"} 5"#,
            #"berth_nftables_table{family="inet",state="absent"} 1"#, #"berth_network_ready{network="web"} 1"#,
        ] { #expect(before.lines.contains(line), "\(line) is not in\n\(before)") }
        #expect(!before.contains("berth_doctor_findings"))
        for line in [
            #"berth_attachments{network="web",state="done"} 1"#, #"berth_attachments{network="web",state="pending"} 0"#,
            #"berth_published_ports{network="web",family="ipv4",protocol="tcp"} 2"#,
            #"berth_published_ports{network="web",family="ipv4",protocol="udp"} 1"#,
            #"berth_published_ports{network="web",family="ipv6",protocol="tcp"} 0"#,
            #"berth_range_addresses{network="web",set="0",range="10.20.0.1-10.20.0.6"} 5"#,
            #"berth_range_addresses_used{network="web",set="0",range="10.20.0.1-10.20.0.6"} 1"#,
            #"berth_nftables_table{family="inet",state="whole"} 1"#,
            #"berth_nftables_table{family="inet",state="absent"} 0"#,
            #"berth_forwarding{family="ipv4"} 1"#, #"berth_doctor_findings{rule="drift"} 0"#,
        ] { #expect(after.lines.contains(line), "\(line) is not in\n\(after)") }
        #expect(!after.lines.contains(#"berth_nftables_elements{plugin="portmap"} 0"#))
        #expect(after.hasSuffix("\n# EOF\n"))
        #expect(flushed.lines.contains(#"berth_network_ready{network="web"} 0"#))
        #expect(!flushed.lines.contains(#"berth_doctor_findings{rule="drift"} 0"#), "\(flushed)")
    }

    @Test("a published range counts as its ports, by family; a network without a configuration is counted too")
    func ranges() {
        let record = Records.make(
            "gone", "c1", addresses: ["10.0.0.2/24"], bridge: "br0", end: "veth0",
            ports: [("192.0.2.1:8000-8010/tcp", "10.0.0.2", 80), ("[::]:53/udp", "fd00::2", 53)], isDone: false)
        let families = HostMetrics.attachments(AttachmentList([record]), configured: ["web"])
        let text = MetricFamily.exposition(families)
        #expect(families.map(\.samples.count) == [6, 12])
        #expect(text.lines.contains(#"berth_attachments{network="gone",state="pending"} 1"#))
        #expect(text.lines.contains(#"berth_published_ports{network="gone",family="ipv4",protocol="tcp"} 11"#))
        #expect(text.lines.contains(#"berth_published_ports{network="gone",family="ipv6",protocol="udp"} 1"#))
        #expect(text.lines.contains(#"berth_published_ports{network="web",family="ipv4",protocol="tcp"} 0"#))
    }

    @Test("--output replaces the file whole and leaves no other; what is no regular file is refused and stays")
    func output() throws {
        let (text, mode, names, refusals) = try PrivateHost.run { host in
            let bench = try StatusBench(host)
            let metrics = try bench.metrics()
            let folder = "\(host.scratch)/out"
            try Files.makeDirectories(folder)
            try Files.replace("\(folder)/berth.prom", with: Array("old".utf8))
            try metrics.write(to: "\(folder)/berth.prom")
            let text = String(decoding: try Files.read("\(folder)/berth.prom"), as: UTF8.self)
            host.expect(text, is: metrics.text, "the file")
            var found = stat()
            try check("stat") { stat("\(folder)/berth.prom", &found) }
            let names = try host.must("ls \(folder)")
            try check("link") { symlink("/dev/null", "\(folder)/link") }
            let refusals = try ["\(folder)/link", folder, "\(host.scratch)/none/berth.prom"].map { path in
                try refused { try metrics.write(to: path) }?.code
            }
            return (text, found.st_mode & 0o777, names, refusals)
        }
        #expect(text.hasSuffix("# EOF\n") && mode == 0o644)
        #expect(names.trimmed == "berth.prom")
        #expect(refusals == [.file, .file, .file])
    }
}

extension String {
    fileprivate var lines: [String] { split(separator: "\n").map(String.init) }
    fileprivate var trimmed: String { String(prefix { $0 != "\n" }) }
}
