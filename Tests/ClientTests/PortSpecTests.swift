import JSON
import Testing

@testable import Client

@Suite struct PortSpecTests {
    @Test(arguments: [
        ("80", [":>80/tcp"]), ("8080:80", [":8080>80/tcp"]), ("8080:80/udp", [":8080>80/udp"]),
        ("127.0.0.1:8080:80", ["127.0.0.1:8080>80/tcp"]), ("127.0.0.1::80", ["127.0.0.1:>80/tcp"]),
        ("[::1]:8080:80", ["::1:8080>80/tcp"]), ("::1:8080:80", ["::1:8080>80/tcp"]), ("[::1]:80", ["::1:>80/tcp"]),
        ("9000-9001:80-81/UDP", [":9000>80/udp", ":9001>81/udp"]), ("8000-8010:80", [":8000-8010>80/tcp"]),
        ("0:80", [":0>80/tcp"]), ("80-81", [":>80/tcp", ":>81/tcp"]),
    ])
    func isRead(_ text: String, _ expected: [String]) throws {
        #expect(
            try PortSpec.parse(text).map { "\($0.hostIP):\($0.hostPort)>\($0.containerPort)/\($0.proto)" } == expected)
    }

    @Test(arguments: [
        "", ":", "a", "8080:", "70000:80", "80:70000", "80/icmp", "1.2.3:80:80", "80-79", "1-3:1-2", "[::1:80",
        "[::1]80:80", "x:1:2",
        "80:0", "-1:80",
    ])
    func isRefused(_ text: String) {
        #expect(throws: ClientError.self) { try PortSpec.parse(text) }
    }

    @Test func twoAddressesOfOnePortStandTogether() throws {
        let specs = try PortSpec.parse("127.0.0.1:1:80") + PortSpec.parse("2:80")
        let expected = #"{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"1"},{"HostIp":"","HostPort":"2"}]}"#
        #expect(specs.bindings.description == expected)
    }
}
