import CNI
import Glibc
import JSON
import NetCore

/// Reads what lint looks at, and tells what is wrong with each file by itself.
struct LintReader {
    private(set) var networks: [LintNetwork] = []
    /// Paths of all lists of each directory, by name.
    private(set) var directories: [[String]] = []
    private(set) var findings: [LintFinding] = []
    private(set) var files = 0
    private var seen: Set<String> = []

    static let endings = [".conflist", ".conf", ".json"]

    /// A file, or the lists of a directory. Throws E-MISSING and E-FILE.
    mutating func read(_ path: String) throws(InspectError) {
        var found = stat()
        guard stat(path, &found) == 0 else {
            let reason = Errno.current
            throw InspectError(
                reason == .noSuchFile ? .missing : .file, "cannot read \(path)", cause: "\(reason)",
                fix: "name a .conflist file or a directory of them; NETCONFPATH is the directory unless one is named")
        }
        guard found.st_mode & S_IFMT == S_IFDIR else { return try readList(path) }
        let names = try LintReader.reading { () throws(KernelError) in try Files.names(in: path) }
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let files = names.filter { name in LintReader.endings.contains { name.hasSuffix($0) } }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(directory)/\($0)" }
        directories.append(files)
        for file in files { try readList(file) }
    }

    private static func reading<Value>(_ body: () throws(KernelError) -> Value) throws(InspectError) -> Value {
        do throws(KernelError) {
            return try body()
        } catch {
            throw InspectError(.file, "cannot \(error.operation)", cause: "\(error.errno)", fix: "see who may read it")
        }
    }

    /// Nil, with a finding, for what is no JSON object.
    private mutating func file(_ path: String) throws(InspectError) -> LintFile? {
        let bytes = try LintReader.reading { () throws(KernelError) in try Files.read(path) }
        files += 1
        do throws(LintFault) {
            let file = try LintFile(path: path, bytes: bytes)
            findings += file.places.repetitions.map { repetition in
                LintFinding(
                    rule: .repeatedKey, severity: LintRule.repeatedKey.severity, file: path,
                    line: repetition.place.line, column: repetition.place.column,
                    reason: "\"\(repetition.path)\" stands here a second time: only the last one counts",
                    fix: "leave one of them out")
            }
            return file
        } catch {
            findings.append(error.finding)
            return nil
        }
    }

    private mutating func readList(_ path: String) throws(InspectError) {
        guard seen.insert(path).inserted, let file = try file(path) else { return }
        let isLone = file.object["plugins"] == nil && file.object["type"] != nil
        judgeEnding(file, isLone: isLone)
        do throws(CNIError) {
            let list =
                isLone
                ? try NetworkConfigurationList(lonePlugin: file.object) : try NetworkConfigurationList(file.object)
            judgeVersion(file, list)
            var plugins = list.plugins.enumerated().map {
                LintPlugin(object: $0.element, file: file, path: isLone ? "" : "plugins[\($0.offset)]")
            }
            if !list.loadOnlyInlinedPlugins { plugins += try ownPlugins(of: list, beside: path) }
            guard !plugins.isEmpty else {
                findings.append(
                    file.finding(
                        .badList, at: "plugins", "network \"\(list.name)\" has no plugins",
                        fix:
                            #"write "plugins": [{"type": "bridge", …}], or .conf files in the directory \#(list.name) beside it"#
                    ))
                return
            }
            networks.append(LintNetwork(file: file, list: list, plugins: plugins, leased: leased(list, plugins)))
        } catch {
            judge(error, file)
        }
    }

    /// The plugins in the directory that has the network's name (cni.md R-3).
    private mutating func ownPlugins(
        of list: NetworkConfigurationList, beside path: String
    ) throws(CNIError) -> [LintPlugin] {
        let directory = "\(Files.directory(of: path))/\(list.name)"
        do throws(KernelError) {
            let names =
                try ignoring(.noSuchFile, Errno(ENOTDIR)) { () throws(KernelError) in
                    try Files.names(in: directory)
                } ?? []
            var plugins: [LintPlugin] = []
            for name in names.filter({ $0.hasSuffix(".conf") }).sorted() {
                let bytes = try Files.read("\(directory)/\(name)")
                files += 1
                do throws(LintFault) {
                    let file = try LintFile(path: "\(directory)/\(name)", bytes: bytes)
                    let plugin = LintPlugin(object: file.object, file: file, path: "")
                    if plugin.type.isEmpty {
                        findings.append(
                            plugin.finding(
                                .badList, "a plugin of network \"\(list.name)\" has no type",
                                fix: #"write "type": "bridge", or whatever makes it"#))
                    } else {
                        plugins.append(plugin)
                    }
                } catch {
                    findings.append(error.finding)
                }
            }
            return plugins
        } catch {
            throw CNIError(error)
        }
    }

    /// What each plugin with host-local would be given on standard input, as far as that can be read.
    private func leased(
        _ list: NetworkConfigurationList, _ plugins: [LintPlugin]
    ) -> [(plugin: LintPlugin, configuration: NetworkConfiguration)] {
        plugins.compactMap { plugin in
            guard plugin.object["ipam"]?["type"]?.string == "host-local" else { return nil }
            do throws(CNIError) {
                return (plugin, try PluginRules.configuration(plugin, list))
            } catch {
                return nil
            }
        }
    }

    // MARK: - Judging

    private mutating func judgeEnding(_ file: LintFile, isLone: Bool) {
        if isLone, file.path.hasSuffix(".conflist") {
            findings.append(
                file.finding(
                    .wrongEnding, at: "type", "a lone plugin stands in a .conflist file, where engines look for a list",
                    fix: #"write it as {"cniVersion": …, "name": …, "plugins": [{…}]}"#))
        } else if !isLone, file.object["plugins"] != nil, !file.path.hasSuffix(".conflist") {
            findings.append(
                file.finding(
                    .wrongEnding, at: "plugins",
                    "a list stands in a file that does not end in .conflist: engines pass over it",
                    fix: "rename it to \(file.path.withoutEnding).conflist"))
        }
    }

    private mutating func judgeVersion(_ file: LintFile, _ list: NetworkConfigurationList) {
        guard file.object["cniVersion"] == nil, file.object["cniVersions"] == nil else { return }
        findings.append(
            file.finding(
                .badVersion, at: "",
                "\"cniVersion\" is missing: the list counts as 0.1.0, which has no CHECK, GC or STATUS",
                fix: "write \"cniVersion\": \"\(SpecVersion.latest)\", or what your engine speaks", severity: .warning))
    }

    private mutating func judge(_ error: CNIError, _ file: LintFile) {
        let quoted = file.path(named: [error.message]) ?? ""
        let isVersion =
            error.code == CNIErrorCode.incompatibleVersion.rawValue || quoted.hasPrefix("cniVersion")
        let reason = error.message + (error.details.map { ": \($0)" } ?? "")
        let known = SpecVersion.allCases.map(\.rawValue).joined(separator: ", ")
        findings.append(
            isVersion
                ? file.finding(
                    .badVersion, at: quoted.isEmpty ? "cniVersion" : quoted, reason, fix: "write one of \(known)")
                : file.finding(
                    .badList, at: quoted, reason,
                    fix:
                        "a list has a name, a cniVersion, and plugins that each have a type (CNI specification, section 1)"
                ))
    }
}

extension String {
    /// What stands between quotation marks: errors name keys so.
    var quotedParts: [String] {
        split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element) }
    }

    fileprivate var withoutEnding: String {
        let name = lastComponent
        return name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    }
}
