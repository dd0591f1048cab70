import JSON
import NetCore
import TestSupport
import Testing

/// Lists as the engines ship or write them, unmodified.
struct EngineList: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    var arguments: String?
    let address: String

    static let all = [
        EngineList(
            testDescription: "podman's 87-podman-bridge.conflist",
            text: """
                {"cniVersion": "0.4.0", "name": "podman", "plugins": [
                  {"type": "bridge", "bridge": "cni-podman0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                   "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}],
                            "ranges": [[{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}]]}},
                  {"type": "portmap", "capabilities": {"portMappings": true}}, {"type": "firewall"}, {"type": "tuning"}]}
                """, address: "10.88.0.2"),
        EngineList(
            testDescription: "containerd's 10-containerd-net.conflist",
            text: """
                {"cniVersion": "1.0.0", "name": "containerd-net", "plugins": [
                  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "promiscMode": true,
                   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}], [{"subnet": "2001:4860:4860::/64"}]],
                            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
                  {"type": "portmap", "capabilities": {"portMappings": true}}]}
                """, arguments: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web", address: "10.88.0.2"),
        EngineList(
            testDescription: "nerdctl's nerdctl-bridge.conflist",
            text: """
                {"cniVersion": "1.0.0", "name": "bridge", "nerdctlID": "17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121",
                 "nerdctlLabels": {"nerdctl/default-network": "true"}, "plugins": [
                  {"type": "bridge", "bridge": "nerdctl0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                   "ipam": {"ranges": [[{"gateway": "10.4.0.1", "subnet": "10.4.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}],
                            "type": "host-local"}},
                  {"type": "portmap", "capabilities": {"portMappings": true}},
                  {"type": "firewall", "ingressPolicy": "same-bridge"}, {"type": "tuning"}]}
                """, address: "10.4.0.2"),
        EngineList(
            testDescription: "kubernetes' dual stack on a bridge",
            text: """
                {"cniVersion": "0.3.1", "name": "kubenet", "plugins": [
                  {"type": "bridge", "bridge": "cbr0", "mtu": 1460, "addIf": "eth0", "isGateway": true, "ipMasq": false,
                   "hairpinMode": true, "ipam": {"type": "host-local",
                     "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]],
                     "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
                  {"type": "portmap", "capabilities": {"portMappings": true}, "externalSetMarkChain": ""}]}
                """,
            arguments: "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1",
            address: "10.244.1.2"),
    ]

    func network() throws -> TestNetwork {
        let list = try JSON(parsing: Array(text.utf8))
        return TestNetwork(
            (list["plugins"]?.array ?? []).compactMap(\.object), name: list["name"]?.string ?? "",
            version: list["cniVersion"]?.string ?? "")
    }
}

@Suite("Lists written for the reference plugins run unmodified")
struct DropInTests {
    @Test("an engine's own list lives a whole life: reached, published, checked, removed", arguments: EngineList.all)
    func engine(_ list: EngineList) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = try list.network()
            let before = try host.baseline(network, ports: Ports.tcp8080)
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080, arguments: list.arguments)
            // The second address of the pool: the baseline's container had the first.
            let address = IPAddress(list.address)!.advanced(by: 1)!
            host.expect(attached.address(.v4), is: address, "the address")
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8080), at: "c1",
                    listening: Endpoint(address, 80))?.address,
                is: Uplink.outside(.v4), "the client of the published port")
            if network.version >= "0.4.0" {
                let failure = try host.check(attached)
                host.expect(failure == nil, "CHECK: \(failure!)")
            }
            try host.detach(attached, losing: network.version >= "0.4.0" ? [] : .previousResult)
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "N-1 two networks with the same subnet both work and hide their containers, or the second is refused with a sentence",
        arguments: [false, true], AddressFamily.allCases)
    func overlapping(_ sameAddress: Bool, _ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(.bridged(), "c1")
            // Where both begin with the same address, that alone is a conflict already.
            let ranges: JSON = [
                [["subnet": "10.22.0.0/24", "rangeStart": "10.22.0.100"]],
                [["subnet": "fd22::/64", "rangeStart": "fd22::100"]],
            ]
            let ipam: JSON = [
                "type": "host-local", "ranges": ranges, "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
            ]
            let other = TestNetwork.bridged(name: "net2", bridge: "cni1", keys: sameAddress ? [:] : ["ipam": ipam])
            let before = try host.settledState()
            var second: Attached?
            var refused: Answer?
            do { second = try host.attach(other, "c2") } catch let error as PluginFailed { refused = error.answer }
            func works(_ attached: Attached) throws {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(attached.id): \(failure!)")
                let target = Endpoint(Uplink.outside(family), 7000)
                host.expect(
                    try host.converse(
                        .udp, from: attached.namespace, to: target, at: "outside", listening: target, milliseconds: 500
                    )?.address,
                    is: Uplink.host(family), "\(attached.id) as the outside sees it, with an answer")
            }
            if let refused {
                for word in ["10.22.0", "net1"] where !refused.sentence.contains(word) {
                    host.expect(false, "\(word) is not named: \(refused)")
                }
                host.expect(refused.isError(101), "\(refused)")
                host.expect(
                    try host.settledState().without(["link cni1", "address cni1", "route", "sysctl"]).difference(
                        from: before.without(["link cni1", "address cni1", "route", "sysctl"])), is: "",
                    "the host after the refusal")
            }
            try works(first)
            if let second { try works(second) }
        }
    }
}
