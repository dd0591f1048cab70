import CNI
import Glibc
public import JSON
import NetCore

/// Mistakes in network lists, found before an engine runs into them (`berth lint`).
public struct Lint: Sendable {
    /// By file, line and column.
    public let findings: [LintFinding]
    /// How many files were looked at.
    public let files: Int
    /// What could not be looked at.
    public let notes: [String]

    /// Looks at files, and at the networks of directories as engines read them. Throws E-FILE and E-MISSING for what cannot
    /// be read.
    public init(of paths: [String], on host: LintHost = LintHost()) throws(InspectError) {
        var reader = LintReader()
        for path in paths { try reader.read(path) }
        let networks = reader.networks
        var findings = reader.findings
        for network in networks {
            findings += PluginRules(network, host).findings
            findings += ChainRules(network).findings
            findings += HostRules(network, networks, host).findings
        }
        findings += DirectoryRules(networks, reader.directories).findings
        self.findings = Set(findings).sorted {
            ($0.file, $0.line, $0.column, $0.rule.rawValue, $0.reason)
                < ($1.file, $1.line, $1.column, $1.rule.rawValue, $1.reason)
        }
        files = reader.files
        notes = host.notes
    }

    public var errors: Int { findings.count { $0.severity == .error } }
    public var warnings: Int { findings.count { $0.severity == .warning } }

    /// As compilers write it, which editors can follow, and a last line that counts.
    public var text: String {
        findings.map { finding in
            "\(finding.file):\(finding.line):\(finding.column): \(finding.severity.rawValue): \(finding.reason.visible) "
                + "[\(finding.rule.rawValue)]\n  fix: \(finding.fix.visible)\n"
        }.joined() + notes.map { "note: \($0)\n" }.joined() + "\(files.counted("file")): "
            + (findings.isEmpty
                ? "no mistakes found" : "\(errors.counted("error")), \(warnings.counted("warning"))") + "\n"
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        [
            "files": .integer(Int64(files)), "errors": .integer(Int64(errors)),
            "warnings": .integer(Int64(warnings)), "notes": .array(notes.map { .string($0) }),
            "findings": .array(
                findings.map {
                    [
                        "rule": .string($0.rule.rawValue), "severity": .string($0.severity.rawValue),
                        "file": .string($0.file), "line": .integer(Int64($0.line)),
                        "column": .integer(Int64($0.column)), "reason": .string($0.reason), "fix": .string($0.fix),
                    ]
                }),
        ]
    }
}
