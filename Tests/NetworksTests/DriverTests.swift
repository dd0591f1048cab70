import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Networks

@Suite("Drivers and their options")
struct DriverTests {
    @Test("macvlan stands in the network of the host's link, whose subnet it may share")
    func macvlan() throws {
        try PrivateHost.withNetworks { host, store in
            try host.makeNamespace("lan")
            try host.cable("up0", ["192.0.2.1/24"], to: "lan", "far0", ["192.0.2.254/24"])
            let made = try store.create([
                "Name": "lan", "Driver": "macvlan", "Options": ["parent": "up0"],
                "IPAM": ["Config": [["Subnet": "192.0.2.0/24", "Gateway": "192.0.2.254", "IPRange": "192.0.2.32/29"]]],
            ])
            host.expect(try store.network(made.id)["Driver"], is: "macvlan", "the driver")
            let one = try store.join(host, "one", "lan")
            host.expect("\(one.v4)", is: "192.0.2.32", "the address")
            try host.inside("one") { try host.must("ping -c 1 -W 3 192.0.2.254") }
            let (status, words) = try store.refusal {
                _ = try store.join(host, "two", "lan") { $0.ports = [PublishingTests.port(8080)] }
            }
            host.expect(status == 400 && words.contains("publishes no ports"), words)
            try store.leave(one)
            try store.remove("lan")
        }
    }

    @Test("networks do not reach each other; with enable_icc=false neighbours do not either, but for what is published")
    func apart() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "a", "Options": ["com.docker.network.bridge.enable_icc": "false"]])
            _ = try store.create(["Name": "b"])
            let one = try store.join(host, "one", "a")
            let two = try store.join(host, "two", "a") { $0.ports = [PublishingTests.port(8080)] }
            let three = try store.join(host, "three", "b")
            let reaches = { (from: String, to: IPAddress) in
                try host.inside(from) { try host.run(["ping", "-c", "1", "-W", "1", "\(to)"]).exitCode == 0 }
            }
            host.expect(try reaches("one", two.v4), is: false, "one reaches two")
            host.expect(try reaches("three", two.v4), is: false, "three reaches two across networks")
            host.expect(try reaches("one", IPAddress(one.attached.gateways[0])!), is: true, "one reaches the host")
            let published = try host.converse(
                .tcp, from: "three", to: Endpoint(IPAddress(three.attached.gateways[0])!, 8080), at: "two",
                listening: Endpoint("0.0.0.0", 80))
            host.expect(published != nil, "three reaches what two publishes")
        }
    }

    @Test("ports without an address are published at the network's own, where it has one")
    func hostBinding() throws {
        try PrivateHost.withNetworks { host, store in
            try PublishingTests.withClient(host)
            try host.must("ip address add 192.0.2.77/24 dev out0")
            _ = try store.create([
                "Name": "a", "Options": ["com.docker.network.bridge.host_binding_ipv4": "192.0.2.77"],
            ])
            let one = try store.join(host, "one", "a") { $0.ports = [PublishingTests.port(8080)] }
            host.expect(try PublishingTests.leads(host, 8080, to: one), is: false, "at the host's other address")
            let answer = try host.converse(
                .tcp, from: "client", to: Endpoint("192.0.2.77", 8080), at: "one", listening: Endpoint("0.0.0.0", 80))
            host.expect(answer != nil, "at the network's address")
        }
    }

    @Test("host and none make nothing, and inspect tells who is on them")
    func nothing() throws {
        try PrivateHost.withNetworks { host, store in
            for network in ["host", "none"] {
                let one = try store.join(host, "on-\(network)", network)
                host.expect(one.attached.network, is: network, "the network")
                host.expect(one.attached.addresses, is: [], "addresses")
                host.expect(
                    try store.network(network)["Containers"]?[one.id]?["Name"]?.string, is: "on-\(network)",
                    "in inspect")
                let links = try host.inside(one.namespace) { try host.must("ip -o link") }
                host.expect(links.split(separator: "\n").count, is: 1, "links")
                try store.leave(one)
                host.expect(try store.network(network)["Containers"], is: [:], "afterwards")
            }
        }
    }

    @Test("an attachment that was killed on its way is cleared away by the next, and by detach")
    func killed() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/29"]]]])
            let one = try store.join(host, "one", "web")
            // As if the daemon had died after ADD and before it wrote that down.
            try store.files.locked { () throws(NetworkError) in
                var held = try store.files.held(one.id, "web")!
                held.isAttaching = true
                try store.files.write(held, "web")
            }
            host.expect(try store.refusal { try store.remove("web") }.status, is: 403, "removal")
            var wish = AttachmentWish()
            wish.containerID = one.id
            wish.containerName = "one"
            wish.namespace = one.namespace
            let again = try store.attach(wish, to: "web")
            host.expect(again.addresses.count, is: 1, "addresses")
            host.expect(try store.refusal { _ = try store.attach(wish, to: "web") }.status, is: 403, "attached twice")
            // The namespace may be gone, and what detach is told may be little.
            try host.removeNamespace("one")
            var told = AttachedNetwork()
            told.network = "web"
            try store.detach(one.id, namespace: one.namespace, from: told)
            let leases = try Files.names(in: "\(store.files.leases)/web").filter { $0.hasPrefix("10.") }
            host.expect(leases, is: [], "leases")
            try store.remove("web")
        }
    }

    @Test("two daemons on one machine have default networks of their own")
    func twoDaemons() throws {
        try PrivateHost.withNetworks { host, first in
            let second = NetworkStore(
                root: "/run/scratch/b/root", run: "/run/scratch/b/run", pluginPath: first.pluginPath)
            let one = try first.join(host, "one", "bridge")
            let two = try second.join(host, "two", "bridge")
            host.expect(one.attached.gateways != two.attached.gateways, "\(one.attached.gateways)")
            let links = try host.must("ip -o link show type bridge")
            host.expect(links.contains("berth0") && links.contains("berth1"), links)
            try first.leave(one)
            try second.leave(two)
        }
    }
}
