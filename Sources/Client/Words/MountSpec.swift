public import JSON
import NetCore

/// What `-v`, `--mount` and `--tmpfs` say.
public enum MountSpec {
    /// What one `-v` means: a line of `Binds`, or a path of the container with a volume without a name.
    public enum Volume: Hashable, Sendable {
        case bind(String)
        case anonymous(String)
    }

    private static let modes: Set<String> = [
        "ro", "rw", "z", "Z", "nocopy", "shared", "rshared", "slave", "rslave", "private", "rprivate", "consistent",
        "cached", "delegated", "bind", "rbind",
    ]

    /// `[source:]path[:options]`; a source that begins with `.` or `~/` is relative to `directory`. Throws what cannot be read.
    public static func volume(_ text: String, in directory: String) throws(ClientError) -> Volume {
        func bad(_ why: String) -> ClientError {
            ClientError(
                "-v \(text) cannot be read", by: why,
                fix: "write source:/path[:ro], as -v /srv/www:/www:ro or -v data:/data")
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty }) else {
            throw bad("it has one to three parts between colons")
        }
        if parts.count == 1 {
            guard parts[0].hasPrefix("/") else { throw bad("\(parts[0]) is no whole path of the container") }
            return .anonymous(parts[0])
        }
        if parts.count == 3, let odd = parts[2].split(separator: ",").first(where: { !modes.contains(String($0)) }) {
            throw bad("\(odd) is no option of a mount")
        }
        guard parts[1].hasPrefix("/") else { throw bad("\(parts[1]) is no whole path of the container") }
        var source = parts[0]
        if source == "." || source == ".." || source.hasPrefix("./") || source.hasPrefix("../") {
            source = cleaned("\(directory)/\(source)")
        } else if source.hasPrefix("/") {
            source = cleaned(source)
        } else if source.contains("/") {
            throw bad("\(source) is neither a path from / or . nor the name of a volume")
        }
        return .bind(([source] + parts.dropFirst()).joined(by: ":"))
    }

    /// A path without `.`, `..` and doubled slashes; nothing is looked up.
    public static func cleaned(_ path: String) -> String {
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return "/" + parts.joined(by: "/")
    }

    /// `--tmpfs /path[:options]`.
    public static func tmpfs(_ text: String) throws(ClientError) -> (path: String, options: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let path = parts.first, path.hasPrefix("/") else {
            throw ClientError("--tmpfs \(text) names no whole path", fix: "write --tmpfs /run:size=64m,mode=755")
        }
        return (String(path), parts.count == 2 ? String(parts[1]) : "")
    }

    /// `--mount type=bind,source=/a,target=/b,readonly`: the API's Mount. Throws what cannot be read.
    public static func mount(_ text: String, in directory: String) throws(ClientError) -> JSON {
        func bad(_ why: String) -> ClientError {
            ClientError(
                "--mount \(text) cannot be read", by: why,
                fix: "write type=bind|volume|tmpfs,source=…,target=/path[,readonly]")
        }
        var mount: JSONObject = ["Type": "volume"]
        var bind = JSONObject()
        var volume = JSONObject()
        var tmpfs = JSONObject()
        for field in text.split(separator: ",") {
            let pair = field.split(separator: "=", maxSplits: 1).map(String.init)
            let key = pair[0].lowercased()
            if pair.count == 1 {
                switch key {
                case "readonly", "ro": mount["ReadOnly"] = true
                case "volume-nocopy": volume["NoCopy"] = true
                case "bind-nonrecursive": bind["NonRecursive"] = true
                default: throw bad("\(field) has no value")
                }
                continue
            }
            let value = pair[1]
            switch key {
            case "type":
                guard ["bind", "volume", "tmpfs"].contains(value) else { throw bad("there is no type \(value)") }
                mount["Type"] = .string(value)
            case "source", "src":
                mount["Source"] = .string(value.hasPrefix(".") ? cleaned("\(directory)/\(value)") : value)
            case "target", "dst", "destination": mount["Target"] = .string(value)
            case "readonly", "ro", "volume-nocopy", "bind-nonrecursive":
                guard let flag = ["true": true, "1": true, "false": false, "0": false][value] else {
                    throw bad("\(value) is neither true nor false")
                }
                if key == "volume-nocopy" {
                    volume["NoCopy"] = .bool(flag)
                } else if key == "bind-nonrecursive" {
                    bind["NonRecursive"] = .bool(flag)
                } else {
                    mount["ReadOnly"] = .bool(flag)
                }
            case "bind-propagation": bind["Propagation"] = .string(value)
            case "volume-driver": volume["DriverConfig"] = ["Name": .string(value)]
            case "volume-label":
                var labels = volume["Labels"]?.object ?? [:]
                let label = value.split(separator: "=", maxSplits: 1)
                labels[String(label[0])] = .string(label.count == 2 ? String(label[1]) : "")
                volume["Labels"] = .object(labels)
            case "tmpfs-size": tmpfs["SizeBytes"] = .integer(try Quantity.bytes(value, of: "tmpfs-size"))
            case "tmpfs-mode":
                guard let mode = Int64(value, radix: 8) else { throw bad("\(value) is no mode") }
                tmpfs["Mode"] = .integer(mode)
            default: throw bad("there is no key \(key)")
            }
        }
        guard mount["Target"]?.string?.hasPrefix("/") == true else {
            throw bad("target is no whole path of the container")
        }
        let type = mount["Type"]?.string
        if type == "bind", mount["Source"]?.string?.hasPrefix("/") != true {
            throw bad("a bind mount takes a whole path as source")
        }
        if type == "tmpfs", mount["Source"] != nil { throw bad("a tmpfs has no source") }
        for (of, key, options) in [
            ("bind", "BindOptions", bind), ("volume", "VolumeOptions", volume), ("tmpfs", "TmpfsOptions", tmpfs),
        ]
        where !options.isEmpty {
            guard of == type else { throw bad("\(options.keys[0]) is of \(of), the mount is of \(type ?? "")") }
            mount[key] = .object(options)
        }
        return .object(mount)
    }
}
