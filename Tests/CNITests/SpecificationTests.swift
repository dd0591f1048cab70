import CNI
import JSON
import NetCore
import Testing

/// The objects that the specification's appendix shows for its network "dbnet" (SPEC, "Examples").
@Suite struct SpecificationTests {
    static let bridge = #"""
        {
          "cniVersion": "1.1.0",
          "name": "dbnet",
          "type": "bridge",
          "bridge": "cni0",
          "keyA": ["some more", "plugin specific", "configuration"],
          "ipam": { "type": "host-local", "subnet": "10.1.0.0/16", "gateway": "10.1.0.1" },
          "dns": { "nameservers": [ "10.1.0.1" ] }
        }
        """#
    static let address = #"""
        {
          "ips": [ { "address": "10.1.0.5/16", "gateway": "10.1.0.1" } ],
          "routes": [ { "dst": "0.0.0.0/0" } ],
          "dns": { "nameservers": [ "10.1.0.1" ] }
        }
        """#
    static let tuning = #"""
        {
          "cniVersion": "1.1.0",
          "name": "dbnet",
          "type": "tuning",
          "sysctl": { "net.core.somaxconn": "500" },
          "runtimeConfig": { "mac": "00:11:22:33:44:66" },
          "prevResult": {
            "ips": [ { "address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2 } ],
            "routes": [ { "dst": "0.0.0.0/0" } ],
            "interfaces": [
              { "name": "cni0", "mac": "00:11:22:33:44:55" },
              { "name": "veth3243", "mac": "55:44:33:22:11:11" },
              { "name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue" }
            ],
            "dns": { "nameservers": [ "10.1.0.1" ] }
          }
        }
        """#

    @Test("the bridge's configuration")
    func bridgeConfiguration() throws {
        let configuration = try decode(Self.bridge)
        #expect(configuration.version == .v1_1_0 && configuration.name == "dbnet" && configuration.type == "bridge")
        let ipam = try configuration.root.object("ipam")
        #expect(try ipam?.string("type") == "host-local")
        #expect(try ipam?.prefix("subnet") == IPPrefix("10.1.0.0/16"))
        #expect(try ipam?.address("gateway") == IPAddress("10.1.0.1"))
        #expect(try configuration.root.strings("keyA")?.count == 3)
        let dns = try configuration.root.object("dns").map { try CNIResult.DNS($0) }
        #expect(dns == CNIResult.DNS(nameservers: ["10.1.0.1"]))
    }

    @Test("the address management's answer")
    func addressAnswer() throws {
        let result = try CNIResult(decoding: parsed(Self.address)!, version: .v1_1_0)
        #expect(
            try result.json(version: .v1_1_0).text
                == #"{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.5/16","gateway":"10.1.0.1"}],"#
                + #""routes":[{"dst":"0.0.0.0/0"}],"dns":{"nameservers":["10.1.0.1"]}}"#)
    }

    @Test("the tuning plugin's configuration, with capability and previous result")
    func tuningConfiguration() throws {
        let configuration = try decode(Self.tuning)
        #expect(configuration.runtimeConfig["mac"] == "00:11:22:33:44:66")
        #expect(try configuration.root.object("sysctl")?.string("net.core.somaxconn") == "500")
        let previous = try #require(configuration.previousResult)
        #expect(previous.interfaces.map(\.name) == ["cni0", "veth3243", "eth0"])
        #expect(previous.ips.map(\.interface) == [2])
        #expect(previous.interfaces[2].sandbox == "/var/run/netns/blue")
        #expect(previous.routes.map(\.destination) == [IPPrefix("0.0.0.0/0")!])
        #expect(previous.dns.nameservers == ["10.1.0.1"])
    }
}
