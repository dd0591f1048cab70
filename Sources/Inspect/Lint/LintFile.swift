import CNI
import JSON
import NetCore

/// A configuration file as it was read, and where everything stands in it.
struct LintFile: Sendable {
    let path: String
    let json: JSON
    let places: JSONPlaces

    /// Throws the finding for what is no JSON object.
    init(path: String, bytes: [UInt8]) throws(LintFault) {
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw LintFault(
                LintFinding(
                    rule: .notJSON, severity: .error, file: path, line: error.line, column: error.column,
                    reason: "this is not JSON: \(error.message)",
                    fix: "mend it here; comments, trailing commas and 'single quotes' are none of JSON's (RFC 8259)"))
        }
        self.path = path
        places = JSONPlaces(of: bytes)
        guard json.object != nil else {
            throw LintFault(
                finding(
                    .notJSON, at: "", "the file holds \(json.kind), not an object",
                    fix: #"write {"cniVersion": …, "name": …, "plugins": […]}"#))
        }
    }

    var object: JSONObject { json.object ?? [:] }

    /// The first key path between quotation marks in `texts` that the file has below `path`, or has the beginning of: errors
    /// name keys so. Nil when there is none.
    func path(named texts: [String], below path: String = "") -> String? {
        for quoted in texts.flatMap(\.quotedParts) {
            var key = path.isEmpty ? quoted : "\(path).\(quoted)"
            while places[key] == nil, let cut = key.lastIndex(where: { $0 == "." || $0 == "[" }) {
                key = String(key[..<cut])
            }
            if places[key] != nil, key != path { return key }
        }
        return nil
    }

    /// A finding at a key path, or at the nearest thing around it that is there.
    func finding(
        _ rule: LintRule, at path: String, _ reason: String, fix: String, severity: LintRule.Severity? = nil
    ) -> LintFinding {
        var path = path
        while places[path] == nil, let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) {
            path = String(path[..<cut])
        }
        let place = places[path] ?? places[""]
        return LintFinding(
            rule: rule, severity: severity ?? rule.severity, file: self.path, line: place?.line ?? 1,
            column: place?.column ?? 1, reason: reason, fix: fix)
    }
}

/// What keeps a file from being looked at any further.
struct LintFault: Error {
    let finding: LintFinding
    init(_ finding: LintFinding) { self.finding = finding }
}

/// A plugin of a list, where it was written: in the list's file, or in one of the network's directory (cni.md R-3).
struct LintPlugin: Sendable {
    let object: JSONObject
    let file: LintFile
    /// What its keys' paths begin with in the file: "plugins[1]", or "" for a file of its own.
    let path: String

    var type: String { object["type"]?.string ?? "" }

    func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func finding(
        _ rule: LintRule, at key: String = "type", _ reason: String, fix: String, severity: LintRule.Severity? = nil
    ) -> LintFinding {
        file.finding(rule, at: place(key), reason, fix: fix, severity: severity)
    }
}

/// A list that can be used, with its plugins.
struct LintNetwork: Sendable {
    let file: LintFile
    let list: NetworkConfigurationList
    let plugins: [LintPlugin]
    /// What host-local gives its containers from, with the plugin that asks for it.
    let leased: [(plugin: LintPlugin, configuration: NetworkConfiguration)]

    var name: String { list.name }
    var directory: String { Files.directory(of: file.path) }
}

extension String {
    /// The file's own name.
    var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
