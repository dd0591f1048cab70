import Glibc
import JSON
import NetCore

/// state, list, ps, features, spec.
extension OCICommand {
    func state(_ arguments: [String]) throws(OCIError) {
        let record = try load(try Options(arguments, valued: [], plain: [], verb: "state"), "state")
        Said.out(JSON.object(record.describe(record.status)).prettyText)
    }

    func list(_ arguments: [String]) throws(OCIError) {
        let options = try Options(arguments, valued: ["format,f"], plain: ["quiet,q"], verb: "list")
        let names = try kernel { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: root) } ?? []
        }
        var records: [ContainerRecord] = []
        for name in names.sorted() where Files.exists("\(root)/\(name)/state.json") {
            records.append(try ContainerRecord.load(name, in: root))
        }
        if options.has("quiet") {
            for record in records { Said.out(record.id) }
            return
        }
        switch options.value("format") ?? "table" {
        case "json": Said.out(JSON.array(records.map { .object($0.describe($0.status)) }).text)
        case "table":
            var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            for record in records {
                let status = record.status
                rows.append([
                    record.id, status == .stopped ? "0" : "\(record.pid)", status.rawValue, record.bundle,
                    record.created, "root",
                ])
            }
            OCICommand.table(rows)
        case let other: throw OCIError("--format \(other): take table or json")
        }
    }

    private static func table(_ rows: [[String]]) {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            Said.out(line)
        }
    }

    func ps(_ arguments: [String]) throws(OCIError) {
        let options = try Options(arguments, valued: ["format,f"], plain: [], verb: "ps")
        guard let id = options.words.first else { throw OCIError("ps takes the container's id") }
        let record = try ContainerRecord.load(id, in: root)
        let pids = try kernel { () throws(KernelError) in try record.cgroup?.pids() ?? [] }
        switch options.value("format") ?? "table" {
        case "json": Said.out(JSON.array(pids.map { .integer(Int64($0)) }).text)
        case "table":
            let words = options.words.count > 1 ? Array(options.words.dropFirst()) : ["-ef"]
            try OCICommand.show(pids, words)
        case let other: throw OCIError("--format \(other): take table or json")
        }
    }

    /// The lines of ps(1) that are about these processes.
    private static func show(_ pids: [pid_t], _ words: [String]) throws(OCIError) {
        let outcome = try kernel { () throws(KernelError) in
            try ChildProcess(
                path: "/usr/bin/ps", arguments: words, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C"], input: [],
                seconds: 20
            ).run()
        }
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
        guard outcome.exitStatus == 0, let title = lines.first,
            let column = title.split(separator: " ").firstIndex(of: "PID")
        else { throw OCIError("ps \(words.joined(by: " ")) shows no column PID: leave the options out") }
        Said.out(String(title))
        for line in lines.dropFirst() {
            let cells = line.split(separator: " ")
            if cells.count > column, let pid = pid_t(cells[column]), pids.contains(pid) { Said.out(String(line)) }
        }
    }

    func spec(_ arguments: [String]) throws(OCIError) {
        let options = try Options(arguments, valued: ["bundle,b"], plain: ["rootless"], verb: "spec")
        if options.has("rootless") {
            throw OCIError("spec --rootless is not supported: add a user namespace to the file by hand")
        }
        let path = "\(options.value("bundle") ?? ".")/config.json"
        let text = Array((DefaultSpec.document.prettyText + "\n").utf8)
        let isNew = try kernel { () throws(KernelError) in try Files.create(path, with: text, mode: 0o666) }
        guard isNew else { throw OCIError("File \(path) exists: remove it first") }
    }

    func features() {
        let namespaces = NamespaceSpec.Kind.allCases.map { JSON.string($0.rawValue) }
        let hooks = HooksSpec.Moment.allCases.map { JSON.string($0.rawValue) }
        let linux: JSONObject = [
            "namespaces": .array(namespaces), "capabilities": .array(Capability.names.map { .string($0) }),
            "cgroup": ["v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false],
            "seccomp": [
                "enabled": true,
                "actions": [
                    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
                    "SCMP_ACT_KILL_THREAD",
                    "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
                ],
                "operators": [
                    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
                    "SCMP_CMP_NE",
                ],
            ],
            "apparmor": ["enabled": false], "selinux": ["enabled": false], "intelRdt": ["enabled": false],
            "mountExtensions": ["idmap": ["enabled": false]],
        ]
        let document: JSONObject = [
            "ociVersionMin": "1.0.0", "ociVersionMax": .string(BundleSpec.newest), "hooks": .array(hooks),
            "linux": .object(linux),
        ]
        Said.out(JSON.object(document).prettyText)
    }
}
