import CNI
import NetCore
import TestSupport
import Testing

@testable import Inspect

@Suite struct LintTests {
    /// The findings of a directory with these files, and what the marks in them ask for: file, line, column.
    private static func lint(_ files: [String: String], _ host: LintHost) throws -> ([LintFinding], [String]) {
        try PrivateHost.run { machine in
            let folder = "\(machine.scratch)/net.d"
            try Files.makeDirectories(folder)
            var marks: [String] = []
            for (name, text) in files {
                let parts = text.split(separator: "▶", omittingEmptySubsequences: false)
                if parts.count > 1 {
                    let lines = parts[0].split(separator: "\n", omittingEmptySubsequences: false)
                    marks.append("\(folder)/\(name):\(lines.count):\(lines.last!.unicodeScalars.count + 1)")
                }
                try Files.replace("\(folder)/\(name)", with: Array(parts.joined().utf8))
            }
            return (try Lint(of: [folder], on: host).findings, marks)
        }
    }

    @Test("each of the twenty mistakes is found where it stands, with reason and remedy", arguments: LintCase.all)
    func bad(_ example: LintCase) throws {
        let (findings, marks) = try LintTests.lint(example.bad, example.host)
        #expect(findings.map(\.rule) == [example.rule], "\(findings)")
        let finding = try #require(findings.first)
        #expect("\(finding.file):\(finding.line):\(finding.column)" == marks.first, "\(finding)")
        #expect(marks.count == 1 && !finding.fix.isEmpty)
        #expect(finding.severity == (example.isLight ? .warning : example.rule.severity))
        #expect("\(finding.reason) \(finding.fix)".contains(example.word), "\(finding)")
    }

    @Test("the same without the mistake is found to be sound", arguments: LintCase.all)
    func good(_ example: LintCase) throws {
        // What is wrong on one host is right on another.
        let host = example.good == example.bad.mapValues({ $0.replacing("▶", "") }) ? LintHost() : example.host
        let (findings, marks) = try LintTests.lint(example.good, host)
        #expect(findings.isEmpty && marks.isEmpty)
    }

    @Test("every example of this repository is sound by itself")
    func examples() throws {
        let folder = LintTests.repository + "/examples"
        for name in try Files.names(in: folder) where name.hasSuffix(".conflist") {
            #expect(try Lint(of: ["\(folder)/\(name)"]).findings.isEmpty, "\(name)")
        }
    }

    private static let repository = Files.directory(
        of: Files.directory(of: Files.directory(of: #filePath)))

    @Test("the keys that lint knows stand on the plugins' pages, and so do the plugins that it knows")
    func pages() throws {
        let pages = try Files.names(in: LintTests.repository + "/docs/plugins").sorted()
        #expect(pages == OwnPlugins.types.map { "\($0).md" })
        let keys = KnownKeys.plugins.merging(KnownKeys.addressing) { $1 }
        #expect(keys.keys.sorted() == OwnPlugins.types)
        for (type, known) in keys {
            let page = String(
                decoding: try Files.read(LintTests.repository + "/docs/plugins/\(type).md"), as: UTF8.self)
            for key in known where key != "type" { #expect(page.contains("`\(key)"), "\(key) of \(type)") }
        }
        let told = String(decoding: try Files.read(LintTests.repository + "/docs/cli.md"), as: UTF8.self)
        let rows = told.split(separator: "\n")
        for rule in LintRule.allCases {
            let row = rows.first { $0.hasPrefix("| `\(rule.rawValue)` |") }
            #expect(row?.hasSuffix(" | \(rule.severity.rawValue) |") == true, "\(rule.rawValue)")
        }
    }

    @Test("lists of two directories are not compared: they may be two machines'")
    func twoDirectories() throws {
        let (apart, together) = try PrivateHost.run { machine in
            let folders = ["a", "b"].map { "\(machine.scratch)/\($0)" }
            for folder in folders {
                try Files.makeDirectories(folder)
                try Files.replace("\(folder)/10-web.conflist", with: Array(LintCase.list().utf8))
            }
            let apart = try Lint(of: folders).findings.count
            try Files.replace("\(folders[0])/20-web.conflist", with: Array(LintCase.list().utf8))
            return (apart, try Lint(of: folders.map { "\($0)/" }).findings.map(\.rule))
        }
        #expect(apart == 0 && together == [.sameName])
    }

    @Test("the route of a list's own bridge is not in its way; that of a neighbour's list is told once, as the list")
    func ownRoute() throws {
        let host = LintCase.host(
            LintHost.Route(destination: IPPrefix("10.20.0.0/24")!, link: "web0", isDirect: true))
        let (own, _) = try LintTests.lint(["10-web.conflist": LintCase.list()], host)
        let neighbour = LintCase.list(name: #""lan""#, bridge: #""lan0""#)
        let (both, _) = try LintTests.lint(
            ["10-web.conflist": LintCase.list(), "20-lan.conflist": neighbour], host)
        #expect(own.isEmpty && both.map(\.rule) == [.overlappingNetworks])
    }

    @Test("R-3 a plugin in the network's directory is told where it stands")
    func parts() throws {
        let findings = try PrivateHost.run { machine in
            let folder = "\(machine.scratch)/net.d"
            try Files.makeDirectories("\(folder)/web")
            try Files.replace("\(folder)/10-web.conflist", with: Array(LintCase.list(rest: "").utf8))
            try Files.replace(
                "\(folder)/web/20-firewall.conf",
                with: Array("{ \"type\": \"firewall\",\n  \"backend\": \"smoke\" }".utf8))
            try Files.replace("\(folder)/web/30-none.conf", with: Array("{ }".utf8))
            return try Lint(of: [folder]).findings
        }
        #expect(findings.map(\.rule) == [.badValue, .badList])
        #expect(findings[0].file == "/run/scratch/net.d/web/20-firewall.conf")
        #expect(findings[0].line == 2 && findings[0].column == 3 && findings[0].reason.contains("smoke"))
    }

    @Test("text is as compilers write it, JSON has every part; what is not there is refused")
    func report() throws {
        let (lint, error) = try PrivateHost.run { machine in
            let file = "\(machine.scratch)/web.conflist"
            let text = LintCase.list(version: "", more: ",\n    \"mtu\": \"many\"")
            try Files.replace(file, with: Array(text.utf8))
            let error = try refused { _ = try Lint(of: [file, "\(machine.scratch)/none"]) }
            return (try Lint(of: [file]), error)
        }
        #expect(
            lint.text == """
                /run/scratch/web.conflist:1:1: warning: "cniVersion" is missing: the list counts as 0.1.0, which has no CHECK, GC or STATUS [bad-version]
                  fix: write "cniVersion": "1.1.0", or what your engine speaks
                /run/scratch/web.conflist:3:5: error: plugin bridge refuses this: "mtu": "many" is not an integer from 0 to 65535 [bad-value]
                  fix: correct it; docs/plugins/bridge.md has every key
                1 file: 1 error, 1 warning

                """)
        #expect(lint.errors == 1 && lint.warnings == 1)
        let told = lint.json["findings"]?.array?.last
        #expect(told?["rule"] == "bad-value" && told?["severity"] == "error" && told?["line"] == 3)
        #expect(told?["column"] == 5 && told?["file"] == "/run/scratch/web.conflist" && lint.json["errors"] == 1)
        #expect(error?.code == .missing)
    }

    @Test("the host's own routes, MTU and forward chains are read, and plugins are looked for in CNI_PATH")
    func running() throws {
        let (rules, host) = try PrivateHost.run { machine in
            for command in [
                "ip link add wan0 type bridge", "ip addr add 10.20.0.9/24 dev wan0", "ip link set wan0 mtu 1400 up",
                "ip route add default via 10.20.0.1",
            ] { try machine.must(command) }
            try machine.must(
                "nft -f -",
                input: "table ip mine { chain f { type filter hook forward priority 0; policy drop; }; }")
            let file = "\(machine.scratch)/web.conflist"
            let text = LintCase.list(
                more: ", \"mtu\": 1500",
                rest: ",\n{\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}}, {\"type\": \"sbr\"}")
            try Files.replace(file, with: Array(text.utf8))
            let environment = Environment(["CNI_PATH": "\(machine.scratch)/none:\(machine.scratch)/bin"])
            let host = try LintHost(running: environment)
            let first = try Lint(of: [file], on: host).findings.map(\.rule)
            try Files.makeDirectories("\(machine.scratch)/bin")
            try Files.replace("\(machine.scratch)/bin/sbr", with: [])
            let second = try Lint(of: [file], on: host).findings.map(\.rule)
            machine.expect(
                Set(second), is: Set(first).subtracting([.missingPlugin]), "with the plugin in CNI_PATH")
            return (first, host)
        }
        #expect(Set(rules) == [.overlappingRoute, .mtuAboveUplink, .forwardDrop, .missingPlugin])
        #expect(host.uplink == LintHost.Uplink(name: "wan0", mtu: 1400) && host.notes.isEmpty)
        #expect(host.routes.contains { $0.link == "wan0" && $0.isDirect && $0.destination == IPPrefix("10.20.0.0/24") })
    }

    @Test("there are twenty rules, and each has its examples")
    func complete() {
        #expect(LintRule.allCases.count == 20)
        #expect(Set(LintCase.all.map(\.rule)) == Set(LintRule.allCases))
    }
}
