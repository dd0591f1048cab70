public import JSON
import NetCore

/// What `-p` says: `[ip:][host[-host]:]container[-container][/proto]`, a range unrolled.
public struct PortSpec: Hashable, Sendable {
    /// Empty: every address.
    public var hostIP: String
    /// Empty: a free one; may be a range of which one is taken (`8000-8010`).
    public var hostPort: String
    public var containerPort: UInt16
    public var proto: String

    /// Every mapping that the text asks for. Throws what cannot be read.
    public static func parse(_ text: String) throws(ClientError) -> [PortSpec] {
        func bad(_ why: String) -> ClientError {
            ClientError(
                "-p \(text) cannot be read", by: why,
                fix: "write [ip:][host:]container[/proto], as -p 8080:80 or -p 127.0.0.1:5353:53/udp")
        }
        var rest = Substring(text)
        var proto = "tcp"
        if let slash = rest.lastIndex(of: "/") {
            proto = rest[rest.index(after: slash)...].lowercased()
            rest = rest[..<slash]
        }
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw bad("\(proto) is no protocol of tcp, udp and sctp") }

        var ip = ""
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]"), rest[rest.index(after: end)...].hasPrefix(":") else {
                throw bad("an address in brackets is followed by a colon")
            }
            ip = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[end...].dropFirst(2)
            if !rest.contains(":") { rest = ":" + rest }
        }
        var parts = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if ip.isEmpty, parts.count > 2 {
            let last = Array(parts.suffix(2))
            ip = parts.dropLast(2).map { $0 }.joined(by: ":")
            parts = last
        }
        guard parts.count <= 2 else { throw bad("there are too many colons") }
        if !ip.isEmpty, IPAddress(ip) == nil { throw bad("\(ip) is no address") }

        let inner = try range(parts[parts.count - 1], bad)
        guard inner.lowerBound > 0 else { throw bad("a container has no port 0") }
        let hostText = parts.count == 2 ? parts[0] : ""
        guard !hostText.isEmpty, hostText != "0" else {
            return inner.map { PortSpec(hostIP: ip, hostPort: hostText, containerPort: $0, proto: proto) }
        }
        let outer = try range(hostText, bad)
        if inner.count == 1 && outer.count > 1 {
            return [PortSpec(hostIP: ip, hostPort: hostText, containerPort: inner.lowerBound, proto: proto)]
        }
        guard inner.count == outer.count else {
            throw bad("\(outer.count) ports of the host are not \(inner.count) of the container")
        }
        return zip(outer, inner).map {
            PortSpec(hostIP: ip, hostPort: String($0.0), containerPort: $0.1, proto: proto)
        }
    }

    private static func range(_ text: String, _ bad: (String) -> ClientError) throws(ClientError) -> ClosedRange<UInt16>
    {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count <= 2, let first = ends.first.flatMap({ UInt16($0) }), let last = UInt16(ends[ends.count - 1])
        else { throw bad("\(text.isEmpty ? "nothing" : text) is no port between 1 and 65535") }
        guard first <= last else { throw bad("the range \(text) ends before it begins") }
        return first...last
    }

    /// Ports of `--expose`: `80`, `53/udp`, `8000-8003`.
    public static func exposed(_ text: String) throws(ClientError) -> [String] {
        guard !text.contains(":") else {
            throw ClientError("--expose \(text) names a host's port", fix: "publish it with -p \(text)")
        }
        return try parse(text).map(\.key)
    }

    /// Docker's name of the container's side: `80/tcp`.
    public var key: String { "\(containerPort)/\(proto)" }
}

extension [PortSpec] {
    /// The API's `PortBindings`.
    public var bindings: JSONObject {
        var object = JSONObject()
        for spec in self {
            let binding: JSON = ["HostIp": .string(spec.hostIP), "HostPort": .string(spec.hostPort)]
            object[spec.key] = .array((object[spec.key]?.array ?? []) + [binding])
        }
        return object
    }
}
