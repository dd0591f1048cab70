import JSON
import NetCore

/// A port as people publish it, `[ip:]host:container[/proto]`, ranges as `8000-8010:8000-8010`; IPv6 addresses stand in
/// brackets.
public struct PublishedPort: Hashable, Sendable {
    public let hostAddress: IPAddress?
    public let hostPorts: ClosedRange<UInt16>
    public let containerPort: UInt16
    public let proto: TransportProtocol

    /// Throws what is wrong with the text.
    public init(_ text: String) throws(InspectError) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard halves.count <= 2,
            let proto = halves.count == 1 ? .tcp : TransportProtocol(rawValue: halves[1].lowercased())
        else {
            throw PublishedPort.error(text, "after the slash stands tcp, udp or sctp")
        }
        self.proto = proto
        var rest = halves[0][...]
        if let bracket = rest.lastIndex(of: "]") {
            let inner = String(rest[..<bracket].dropFirst())
            guard rest.first == "[", let address = IPAddress(inner), address.family == .v6 else {
                throw PublishedPort.error(text, "between brackets stands an IPv6 address")
            }
            hostAddress = address
            rest = rest[rest.index(after: bracket)...]
            guard rest.first == ":" else { throw PublishedPort.error(text, "after the address stands a colon") }
            rest = rest.dropFirst()
        } else if rest.count(where: { $0 == ":" }) == 2, let colon = rest.firstIndex(of: ":") {
            guard let address = IPAddress(String(rest[..<colon])) else {
                throw PublishedPort.error(text, "\"\(rest[..<colon])\" is no IP address")
            }
            hostAddress = address
            rest = rest[rest.index(after: colon)...]
        } else {
            hostAddress = nil
        }
        let ports = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard ports.count == 2 else {
            throw PublishedPort.error(text, "host port and container port stand with one colon between them")
        }
        let host = try PublishedPort.range(ports[0], in: text)
        let container = try PublishedPort.range(ports[1], in: text)
        guard container.count == 1 || container.count == host.count else {
            throw PublishedPort.error(text, "the two ranges are not equally long")
        }
        guard Int(container.lowerBound) + host.count - 1 <= 65535 else {
            throw PublishedPort.error(text, "the container's ports lead beyond 65535")
        }
        hostPorts = host
        containerPort = container.lowerBound
    }

    private static func range(_ text: String, in whole: String) throws(InspectError) -> ClosedRange<UInt16> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(ends.count), let first = ends[0], first > 0, let last = ends[ends.count - 1],
            first <= last
        else {
            throw error(whole, "\"\(text)\" is no port between 1 and 65535, nor a range of them")
        }
        return first...last
    }

    private static func error(_ text: String, _ cause: String) -> InspectError {
        InspectError(
            .publish, "--publish \"\(text)\" cannot be read", cause: cause,
            fix: "write [ip:]host:container[/proto], such as 8080:80, 127.0.0.1:5353:53/udp or [::1]:8080:80")
    }

    /// As a runtime hands it to the capability portMappings.
    var json: JSON {
        var mapping: JSONObject = [
            "hostPort": .integer(Int64(hostPorts.lowerBound)), "containerPort": .integer(Int64(containerPort)),
            "protocol": .string(proto.rawValue),
        ]
        if hostPorts.count > 1 { mapping["range"] = .integer(Int64(hostPorts.count)) }
        if let hostAddress { mapping["hostIP"] = .string("\(hostAddress)") }
        return .object(mapping)
    }
}
