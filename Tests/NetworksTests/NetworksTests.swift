import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Networks

@Suite("Networks as Docker's API has them, made of CNI lists")
struct NetworksTests {
    @Test(
        "bridge, host and none are there; the default takes the first /24 that no route of the host overlaps, and keeps it"
    )
    func predefined() throws {
        try PrivateHost.withNetworks { host, store in
            try host.must("ip link add up0 type veth peer name up1")
            try host.must("ip address add 172.16.1.7/22 dev up0")
            try host.must("ip link set up0 up")
            let names = try store.networks().compactMap { $0["Name"]?.string }
            host.expect(names, is: ["bridge", "host", "none"], "the networks")
            let bridge = try store.network("bridge")
            host.expect(
                bridge["IPAM"]?["Config"]?.array?.first, is: ["Subnet": "172.16.4.0/24", "Gateway": "172.16.4.1"],
                "the default network's subnet")
            host.expect(bridge["Id"]?.string?.utf8.count, is: 64, "the length of the id")
            try host.must("ip address add 172.16.4.9/24 dev up0")
            host.expect(try store.network("bridge"), is: bridge, "the default network, later")
            host.expect(
                try store.network(String(bridge["Id"]!.string!.prefix(10)))["Name"], is: "bridge", "found by a prefix")
            let created = try store.create(["Name": "second"])
            host.expect(
                try store.network(created.id)["IPAM"]?["Config"]?.array?.first?["Subnet"], is: "172.16.5.0/24",
                "the next network's subnet")
            for name in ["bridge", "host", "none"] {
                host.expect(try store.refusal { try store.remove(name) }.status, is: 403, "removal of \(name)")
            }
            host.expect(try store.refusal { _ = try store.network("nobody") }.status, is: 404, "an unknown one")
        }
    }

    @Test("a subnet that host or network has is refused, and the sentence names whose it is")
    func overlap() throws {
        try PrivateHost.withNetworks { host, store in
            try host.must("ip link add up0 type veth peer name up1")
            try host.must("ip link set up0 up")
            try host.must("ip address add 10.7.0.2/16 dev up0")
            _ = try store.create(["Name": "first", "IPAM": ["Config": [["Subnet": "10.9.0.0/16"]]]])
            for (subnet, holder) in [
                ("10.7.3.0/24", "up0"), ("10.8.0.0/14", "\"first\""), ("10.9.1.0/24", "\"first\""),
            ] {
                let (status, words) = try store.refusal {
                    _ = try store.create(["Name": "next", "IPAM": ["Config": [["Subnet": .string(subnet)]]]])
                }
                host.expect(status, is: 403, "the status for \(subnet)")
                host.expect(words.contains(holder), "\(words) names \(holder)")
            }
            host.expect(try store.refusal { _ = try store.create(["Name": "first"]) }.status, is: 409, "a name twice")
            host.expect(
                try store.refusal { _ = try store.create(["Name": "host"]) }.status, is: 403, "a predefined name")
        }
    }

    @Test(
        "what cannot be made is refused with a reason, and nothing is left",
        arguments: [
            (#"{"Name":"../x"}"#, "letter or digit"), (#"{"Name":""}"#, "empty"),
            (#"{"Name":"x","Driver":"overlay"}"#, "overlay"), (#"{"Name":"x","Scope":"swarm"}"#, "swarm"),
            (#"{"Name":"x","Ingress":true}"#, "Ingress"), (#"{"Name":"x","ConfigFrom":{"Network":"y"}}"#, "ConfigFrom"),
            (#"{"Name":"x","IPAM":{"Driver":"dhcp"}}"#, "dhcp"),
            (#"{"Name":"x","IPAM":{"Config":[{"Subnet":"10.1.1.1/24"}]}}"#, "10.1.1.0/24"),
            (#"{"Name":"x","IPAM":{"Config":[{"Subnet":"10.1.1.0/24","Gateway":"10.1.2.1"}]}}"#, "10.1.2.1"),
            (#"{"Name":"x","IPAM":{"Config":[{"Subnet":"10.1.1.0/24","IPRange":"10.1.0.0/16"}]}}"#, "10.1.0.0/16"),
            (#"{"Name":"x","IPAM":{"Config":[{"Gateway":"10.1.2.1"}]}}"#, "Subnet"),
            (#"{"Name":"x","EnableIPv6":false,"IPAM":{"Config":[{"Subnet":"fd00:1::/64"}]}}"#, "--ipv6"),
            (#"{"Name":"x","Options":{"com.docker.network.bridge.name":"a/b"}}"#, "a/b"),
            (#"{"Name":"x","Options":{"com.docker.network.driver.mtu":"12"}}"#, "12"),
            (#"{"Name":"x","Options":{"com.docker.network.bridge.inhibit_ipv4":"true"}}"#, "inhibit_ipv4"),
            (#"{"Name":"x","Driver":"macvlan"}"#, "parent"), (#"{"Name":"x","Internal":"yes"}"#, "boolean"),
        ])
    func refused(_ body: String, _ reason: String) throws {
        try PrivateHost.withNetworks { host, store in
            let object = try JSON(parsing: Array(body.utf8)).object!
            let (status, words) = try store.refusal { _ = try store.create(object) }
            host.expect(status, is: 400, "the status of \(body)")
            host.expect(words.contains(reason), "\(words) says \(reason)")
            host.expect(try store.networks().count, is: 3, "the networks")
        }
    }

    @Test("range, reserved addresses, both families, labels and options: the list has them, and inspect tells them")
    func whole() throws {
        try PrivateHost.withNetworks { host, store in
            let made = try store.create([
                "Name": "whole", "EnableIPv6": true, "Labels": ["a": "b"],
                "Options": ["com.docker.network.bridge.name": "wbr0", "com.docker.network.driver.mtu": "1400"],
                "IPAM": [
                    "Config": [
                        [
                            "Subnet": "10.5.0.0/24", "IPRange": "10.5.0.8/29", "Gateway": "10.5.0.1",
                            "AuxiliaryAddresses": ["router": "10.5.0.9"],
                        ]
                    ]
                ],
            ])
            let object = try store.network("whole")
            host.expect(object["Labels"], is: ["a": "b"], "labels")
            host.expect(object["EnableIPv6"], is: true, "EnableIPv6")
            host.expect(object["Id"]?.string, is: made.id, "the id")
            let config = object["IPAM"]?["Config"]?.array ?? []
            host.expect(config[0]["AuxiliaryAddresses"], is: ["router": "10.5.0.9"], "the reserved address")
            host.expect(config.count == 2 && config[1]["Subnet"]?.string?.hasPrefix("fd") == true, "\(config)")
            let first = try store.join(host, "one", "whole")
            let second = try store.join(host, "two", "whole")
            host.expect([first.v4, second.v4].map { "\($0)" }, is: ["10.5.0.8", "10.5.0.10"], "addresses")
            host.expect(first.addresses.count, is: 2, "addresses of one container")
            try host.inside("one") {
                let link = try host.must("ip -o link show eth0")
                host.expect(link.contains("mtu 1400"), link)
                host.expect(try host.must("ip route").contains("default via 10.5.0.1"), "the default route")
                try host.must("ping -c 1 -W 2 \(second.v4)")
                try host.must("ping -c 1 -W 2 \(second.addresses[1])")
            }
            let held = try store.network("whole")["Containers"]?[first.id]
            host.expect(held?["Name"], is: "one", "the container in inspect")
            host.expect(held?["IPv4Address"]?.string, is: first.attached.addresses[0], "its address in inspect")
            host.expect(held?["MacAddress"]?.string, is: first.attached.macAddress, "its MAC address in inspect")
        }
    }

    @Test("a network with containers stays, and names them; without, its bridge and all its files go")
    func removal() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.networks()
            let before = try Files.names(in: store.files.directory).sorted()
            _ = try store.create(["Name": "web", "Options": ["com.docker.network.bridge.name": "wbr0"]])
            let container = try store.join(host, "one", "web")
            let (status, words) = try store.refusal { try store.remove("web") }
            host.expect(status, is: 403, "the status with a container")
            host.expect(words.contains("(one)"), words)
            host.expect(try store.prune(), is: [], "pruned with a container")
            try store.leave(container)
            try store.leave(container)
            host.expect(try host.run(["ip", "link", "show", "wbr0"]).exitCode, is: 0, "the bridge is there")
            host.expect(try store.prune(), is: ["web"], "pruned without one")
            host.expect(try host.run(["ip", "link", "show", "wbr0"]).exitCode, is: 1, "the bridge has gone")
            let rules = try host.must("nft list table inet berth")
            host.expect(!rules.contains("wbr0"), "rules without the bridge: \(rules)")
            let left = try Files.names(in: store.files.directory).sorted()
            host.expect(left.filter { !$0.hasPrefix(".") }, is: before.filter { !$0.hasPrefix(".") }, "files")
            host.expect(try Files.names(in: store.files.leases), is: [".berth"], "leases")
        }
    }

    @Test("an internal network reaches its neighbours and nothing else")
    func inside() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "closed", "Internal": true])
            let one = try store.join(host, "one", "closed")
            let two = try store.join(host, "two", "closed")
            host.expect(one.attached.gateways, is: [], "gateways")
            try host.inside("one") {
                try host.must("ping -c 1 -W 2 \(two.v4)")
                host.expect(try host.must("ip route").contains("default"), is: false, "a default route")
            }
            // A route of the container's own making leads nowhere.
            try PublishingTests.withClient(host)
            try host.inside("client") { try host.must("ip route add default via 192.0.2.1") }
            let gateway = try store.network("closed")["IPAM"]!["Config"]!.array![0]["Gateway"]!.string!
            try host.inside("one") {
                try host.must("ip route add default via \(gateway)")
                host.expect(try host.run(["ping", "-c", "1", "-W", "1", "192.0.2.2"]).exitCode, is: 1, "the way out")
                try host.must("ping -c 1 -W 2 192.0.2.1")
            }
            let refused = try store.refusal {
                _ = try store.join(host, "three", "closed") { $0.ports = [PublishingTests.port(8080)] }
            }
            host.expect(refused.status == 400 && refused.words.contains("internal"), refused.words)
            let rules = try host.must("nft list table inet berth")
            host.expect(!rules.contains("masquerade") || !rules.contains("masq_"), rules)
        }
    }

    @Test("a list of an administrator's is used by its name, with any plugin")
    func foreign() throws {
        try PrivateHost.withNetworks { host, store in
            try Files.makeDirectories("/run/scratch/net.d")
            let list = """
                {"cniVersion":"1.0.0","name":"theirs","plugins":[{"type":"ptp","ipam":{"type":"host-local",
                "dataDir":"/run/scratch/leases","ranges":[[{"subnet":"10.44.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
                {"type":"sbr"}]}
                """
            try Files.replace("/run/scratch/net.d/10-theirs.conflist", with: Array(list.utf8))
            let object = try store.network("theirs")
            host.expect(object["Driver"], is: "ptp", "the driver")
            host.expect(object["Id"], is: try store.network("theirs")["Id"], "the id, told twice")
            let container = try store.join(host, "one", "theirs")
            host.expect("\(container.v4)", is: "10.44.0.2", "the address")
            // sbr is the reference's: berth has no plugin of that name.
            let rules = try host.inside("one") { try host.must("ip rule") }
            host.expect(rules.contains("from 10.44.0.2 lookup"), rules)
            host.expect(
                try store.refusal { _ = try store.create(["Name": "theirs"]) }.status, is: 409, "the name taken")
            // What the administrator removes meanwhile is remembered.
            try Files.remove("/run/scratch/net.d/10-theirs.conflist")
            try store.leave(container)
            host.expect(
                try Files.names(in: "/run/scratch/leases/theirs").filter { $0.hasPrefix("10.") }, is: [], "leases")
        }
    }

    @Test("sixteen at once on a network that nobody has used: each its own address and name, and one responder")
    func together() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]]])
            let joined = try host.onThreads(16) { worker, index in try store.join(worker, "c\(index)", "web") }
            host.expect(Set(joined.map(\.v4)).count, is: 16, "addresses")
            host.expect(try store.network("web")["Containers"]?.object?.count, is: 16, "containers in inspect")
            host.expect(try NamesTests.responders(store).count, is: 1, "responders")
            for container in joined {
                let found = try Lookup.ask(host, from: "c0", "10.6.0.1", container.name)?.addresses
                host.expect(found, is: ["\(container.v4)"], container.name)
            }
            _ = try host.onThreads(16) { _, index in try store.leave(joined[index]) }
            host.expect(try NamesTests.responders(store), is: [], "responders afterwards")
            try store.remove("web")
        }
    }
}
