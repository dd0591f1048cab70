import Glibc
public import JSON
import NetCore

/// Environment variables, labels, filters and what else is written `key=value`.
public enum Pairs {
    /// `-e` and `--env-file`: a name alone takes its value from `own`, and is left out when that has none.
    public static func environment(files: [String], words: [String], own: (String) -> String?) throws(ClientError)
        -> [String]
    {
        var all: [String] = []
        for path in files {
            let bytes = try asking("name a file that you may read") { () throws(KernelError) in try Files.read(path) }
            all += try environment(file: bytes, named: path, own: own)
        }
        for word in words {
            guard let equals = word.firstIndex(of: "=") else {
                guard !word.isEmpty else { throw ClientError("-e has no name", fix: "write -e NAME=value") }
                if let value = own(word) { all.append("\(word)=\(value)") }
                continue
            }
            guard equals != word.startIndex else {
                throw ClientError("-e \(word) has no name", fix: "write -e NAME=value")
            }
            all.append(word)
        }
        return all
    }

    /// Lines `NAME=value`, `NAME`, `# comment`; values are taken as they stand.
    static func environment(file bytes: [UInt8], named path: String, own: (String) -> String?) throws(ClientError)
        -> [String]
    {
        var found: [String] = []
        for (number, raw) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            guard let text = String(validating: raw, as: UTF8.self) else {
                throw ClientError("\(path), line \(number + 1): not UTF-8", fix: "write the file in UTF-8")
            }
            var line = text.drop { $0 == " " || $0 == "\t" }
            if line.hasSuffix("\r") || line.hasSuffix("\r\n") { line = line.dropLast() }
            if line.isEmpty || line.hasPrefix("#") { continue }
            let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = pair[0]
            guard !name.isEmpty, !name.contains(where: { $0 == " " || $0 == "\t" }) else {
                throw ClientError(
                    "\(path), line \(number + 1): \(name.isEmpty ? "no name before =" : "the name \(name) has a space")",
                    fix: "write NAME=value, one a line")
            }
            if pair.count == 2 {
                found.append(String(line))
            } else if let value = own(String(name)) {
                found.append("\(name)=\(value)")
            }
        }
        return found
    }

    /// `a=b`, `a` (with an empty value).
    public static func object(_ words: [String], of option: String) throws(ClientError) -> JSONObject {
        var object = JSONObject()
        for word in words {
            let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = pair.first, !key.isEmpty else {
                throw ClientError("\(option) \(word) has no name", fix: "write \(option) name=value")
            }
            object[String(key)] = .string(pair.count == 2 ? String(pair[1]) : "")
        }
        return object
    }

    /// `--filter key=value` …: the API's filters, `{"status":["running"]}`; nil without any.
    public static func filters(_ words: [String]) throws(ClientError) -> String? {
        var object = JSONObject()
        for word in words {
            let pair = word.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else {
                throw ClientError(
                    "--filter \(word) cannot be read", fix: "write --filter key=value, as --filter status=running")
            }
            let key = pair[0].lowercased()
            object[key] = .array((object[key]?.array ?? []) + [.string(String(pair[1]))])
        }
        return object.isEmpty ? nil : JSON.object(object).text
    }

    /// `--restart no|always|unless-stopped|on-failure[:times]`.
    public static func restartPolicy(_ text: String) throws(ClientError) -> JSON {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts[0].isEmpty ? "no" : parts[0]
        let count = parts.count == 2 ? Int64(parts[1]) : 0
        guard ["no", "always", "unless-stopped", "on-failure"].contains(name), let count, count >= 0,
            parts.count == 1 || name == "on-failure"
        else {
            throw ClientError(
                "--restart \(text) is no policy", fix: "write no, always, unless-stopped or on-failure[:times]")
        }
        return ["Name": .string(name), "MaximumRetryCount": .integer(count)]
    }

    /// `--device host[:container[:rwm]]`.
    public static func device(_ text: String) throws(ClientError) -> JSON {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func isMode(_ word: String) -> Bool { !word.isEmpty && word.allSatisfy { "rwm".contains($0) } }
        var inner = parts[0]
        var mode = "rwm"
        switch parts.count {
        case 1: break
        case 2: if isMode(parts[1]) { mode = parts[1] } else { inner = parts[1] }
        case 3 where isMode(parts[2]):
            inner = parts[1]
            mode = parts[2]
        default: inner = ""
        }
        guard parts[0].hasPrefix("/"), inner.hasPrefix("/") else {
            throw ClientError("--device \(text) cannot be read", fix: "write /dev/NAME[:/dev/NAME[:rwm]]")
        }
        return ["PathOnHost": .string(parts[0]), "PathInContainer": .string(inner), "CgroupPermissions": .string(mode)]
    }

    /// `--security-opt`: the content of a seccomp profile stands in its place, as the API wants it.
    public static func securityOption(_ text: String) throws(ClientError) -> String {
        for prefix in ["seccomp=", "seccomp:"] where text.hasPrefix(prefix) {
            let path = String(text.dropFirst(prefix.count))
            if path == "unconfined" || path == "builtin" { return "seccomp=\(path)" }
            let bytes = try asking("name a seccomp profile in JSON, or unconfined") { () throws(KernelError) in
                try Files.read(path)
            }
            do throws(JSONError) {
                return "seccomp=\(try JSON(parsing: bytes).text)"
            } catch {
                throw ClientError(
                    "\(path) is no seccomp profile", by: error.description,
                    fix: "correct the file, or use seccomp=unconfined")
            }
        }
        return text
    }
}
