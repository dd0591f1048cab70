import NetCore
import TestSupport
import Testing

@testable import Trace

/// Which namespaces are listened to when nobody names them.
@Suite(.serialized) struct NodeSetTests {
    private static func around(_ name: String, containers: Int) throws -> [String] {
        try TraceWorld.run { host in
            for number in 0..<containers {
                try host.makeNamespace("c\(number)")
                try host.inside("host") {
                    try host.cable("v\(number)", [], to: "c\(number)", "eth0", ["10.88.0.\(number + 10)/24"])
                }
                try host.must("ip -n host link set v\(number) master br0")
            }
            let address = try #require(IPAddress("198.51.100.2"))
            let source = try HostNodes.named(name)
            return try HostNodes.around(source, to: address, port: 8080).map(\.name)
        }
    }

    @Test func cablesAreFollowed() throws {
        #expect(try Self.around("client", containers: 2) == ["client", "inet", "host", "c0", "c1", "web"])
        #expect(try Self.around("netns:/run/netns/web", containers: 0) == ["web", "host", "inet", "client"])
    }

    @Test func ofManyThoseOnTheWay() throws {
        #expect(try Self.around("client", containers: 14) == ["client", "inet", "host", "web"])
        #expect(try Self.around("c3", containers: 14) == ["c3", "host", "web"])
    }

    @Test func whoIsNobody() throws {
        let error = #expect(throws: TraceError.self) { try TraceWorld.run { _ in _ = try HostNodes.named("moon") } }
        #expect(error?.description.hasPrefix("no node is called moon: known are here, client, host") == true)
        #expect(error?.description.hasSuffix("web, netns:PATH, pid:NUMBER") == true, "\(error!)")
    }
}
