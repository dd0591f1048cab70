import CNI
import NetCore

@testable import Inspect

/// A network list and what is asked of it.
struct Sample: Sendable, CustomStringConvertible {
    let name: String
    let list: String
    var ports: [String] = []
    var addresses: [String] = []

    var description: String { name }

    func plan(container: String = "web", netns: String = "/run/netns/web") throws -> ListPlan {
        try ListPlan(
            of: try NetworkConfigurationList(decoding: Array(list.utf8)),
            for: try AttachmentParameters(
                containerID: container, netns: netns, interface: LinkName("eth0")!, arguments: CNIArguments("")),
            addresses: addresses, publishing: try ports.map { try PublishedPort($0) }, environment: Environment([:]))
    }

    /// Every resource kind stands in one of them.
    static let all: [Sample] = [
        Sample(
            name: "podman",
            list: """
                { "cniVersion": "0.4.0", "name": "podman", "plugins": [
                    { "type": "bridge", "bridge": "cni-podman0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                      "ipam": { "type": "host-local", "routes": [{ "dst": "0.0.0.0/0" }],
                                "ranges": [[{ "subnet": "10.88.0.0/16", "gateway": "10.88.0.1" }]] } },
                    { "type": "portmap", "capabilities": { "portMappings": true } },
                    { "type": "firewall" }, { "type": "tuning" } ] }
                """, ports: ["8080:80", "127.0.0.1:5353:53/udp"]),
        Sample(
            name: "dual-stack",
            list: """
                { "cniVersion": "1.0.0", "name": "pods", "plugins": [
                    { "type": "bridge", "bridge": "cbr0", "mtu": 1460, "isDefaultGateway": true, "ipMasq": true,
                      "forceAddress": true, "noMasqTo": ["10.244.0.0/16", "fd00:10:244::/56"],
                      "ipam": { "type": "host-local",
                                "ranges": [[{ "subnet": "10.244.1.0/24", "rangeStart": "10.244.1.20" }],
                                           [{ "subnet": "fd00:10:244:1::/64" }]] } },
                    { "type": "portmap", "capabilities": { "portMappings": true } } ] }
                """, ports: ["2000-2003:3000-3003", "10000-10999:10000-10999/udp", "[2001:db8::1]:443:8443"],
            addresses: ["10.244.1.77/24"]),
        Sample(
            name: "isolated",
            list: """
                { "cniVersion": "1.1.0", "name": "closed", "plugins": [
                    { "type": "bridge", "bridge": "br'0", "isGateway": true, "promiscMode": true,
                      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.99.0.0/24" }]],
                                "routes": [{ "dst": "10.7.0.0/16", "priority": 7, "mtu": 1300 }] } },
                    { "type": "tuning", "mac": "c2:11:22:33:44:55", "mtu": 1400, "txQLen": 500, "promisc": true, "allmulti": true,
                      "sysctl": { "net.ipv4.conf.IFNAME.log_martians": "1", "net.ipv4.ping_group_range": "0 7" } } ] }
                """),
        Sample(
            name: "policies",
            list: """
                { "cniVersion": "1.0.0", "name": "walls", "plugins": [
                    { "type": "bridge", "bridge": "wall0", "isGateway": true,
                      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.98.0.0/24" }]] } },
                    { "type": "firewall", "ingressPolicy": "isolated" } ] }
                """),
        Sample(
            name: "strict",
            list: """
                { "cniVersion": "1.0.0", "name": "strict", "plugins": [
                    { "type": "loopback" },
                    { "type": "bridge", "bridge": "wall1", "ipMasq": true, "isGateway": true, "snatTo": ["192.0.2.9"],
                      "fullyRandom": true,
                      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.97.0.0/24" }]] } },
                    { "type": "portmap", "masqAll": true, "capabilities": { "portMappings": true } },
                    { "type": "firewall", "ingressPolicy": "strict", "iptablesAdminChainName": "MINE" } ] }
                """, ports: ["9000:9000/tcp"]),
        Sample(
            name: "checked",
            list: """
                { "cniVersion": "1.0.0", "name": "guests", "plugins": [
                    { "type": "bridge", "bridge": "guests0", "macspoofchk": true, "portIsolation": true,
                      "disableContainerInterface": true } ] }
                """),
        Sample(
            name: "routed",
            list: """
                { "cniVersion": "1.1.0", "name": "routed", "plugins": [
                    { "type": "ptp", "ipMasq": true, "mtu": 1400,
                      "ipam": { "type": "host-local", "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }],
                                "ranges": [[{ "subnet": "10.78.0.0/24" }], [{ "subnet": "fd00:78::/64" }]] } },
                    { "type": "portmap", "capabilities": { "portMappings": true } },
                    { "type": "firewall" }, { "type": "tuning", "sysctl": { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
                    { "type": "bandwidth", "ingressRate": 100000000, "ingressBurst": 1000000,
                      "egressRate": 10000000, "egressBurst": 500000 } ] }
                """, ports: ["8080:80"]),
        Sample(
            name: "outward",
            list: """
                { "cniVersion": "1.1.0", "name": "outward", "plugins": [
                    { "type": "macvlan", "master": "wan0", "mode": "private", "mtu": 1400, "mac": "c2:11:22:33:44:55",
                      "bcqueuelen": 500,
                      "ipam": { "type": "host-local", "routes": [{ "dst": "0.0.0.0/0" }],
                                "ranges": [[{ "subnet": "192.0.2.0/24", "rangeStart": "192.0.2.100" }]] } } ] }
                """),
    ]

    /// The lists of examples/, with a published port where they publish.
    static func examples() throws -> [Sample] {
        let folder = Files.directory(of: Files.directory(of: Files.directory(of: #filePath))) + "/examples"
        return try Files.names(in: folder).filter { $0.hasSuffix(".conflist") }.sorted().map { name in
            let list = String(decoding: try Files.read("\(folder)/\(name)"), as: UTF8.self)
            return Sample(name: name, list: list, ports: list.contains("portMappings") ? ["8080:80"] : [])
        }
    }

    /// With plugins that are not ours; it cannot be applied.
    static let foreign = Sample(
        name: "foreign",
        list: """
            { "cniVersion": "1.0.0", "name": "mixed", "plugins": [
                { "type": "ipvlan", "master": "eth0", "ipam": { "type": "dhcp" } },
                { "type": "portmap", "capabilities": { "portMappings": true } },
                { "type": "sbr" } ] }
            """, ports: ["8080:80"], addresses: ["192.168.1.5/24"])
}
