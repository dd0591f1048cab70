import NetCore
import NetPlan
import TestSupport
import Testing

/// What stands in a plan's way on a real host: said by name, and not touched.
@Suite("Obstacles")
struct ObstacleTests {
    /// Something in the way of the plan of `chain`, and what the error must say.
    struct Obstacle: Sendable, CustomStringConvertible {
        let description: String
        var chain = Chain.bridges[8]
        let plant: @Sendable (PrivateHost, Plan) throws -> Void
        var change: @Sendable (inout Plan) -> Void = { _ in }
        let says: [String]
    }

    static let all: [Obstacle] = [
        Obstacle(
            description: "the bridge's name is another link's",
            plant: { host, _ in try host.must("ip link add cni0 type veth peer name other") },
            says: ["use link cni0 as a bridge", "no bridge but veth"]),
        Obstacle(
            description: "the host end's name is taken",
            plant: { host, plan in
                try host.must("ip link add \(plan.owner.attachment.hostInterface) type bridge")
                try host.must("ip link set \(plan.owner.attachment.hostInterface) alias not-yours")
            }, says: ["EEXIST", "add veth pair"]),
        Obstacle(
            description: "the container's name is taken",
            plant: { host, _ in _ = try host.inside("blue") { try host.must("ip link add eth0 type bridge") } },
            says: ["EEXIST", "eth0"]),
        Obstacle(
            description: "the same address twice", plant: { _, _ in },
            change: { plan in
                guard let index = plan.owned.firstIndex(where: { if case .address = $0 { true } else { false } }) else {
                    return
                }
                plan.owned.insert(plan.owned[index], at: index)
            }, says: ["add address 10.88.0.2/16 to eth0", "EEXIST"]),
        Obstacle(
            description: "a gateway that nobody can reach", plant: { _, _ in },
            change: { plan in
                let route = Route(destination: IPPrefix("192.0.2.0/24")!, gateway: IPAddress("203.0.113.1")!)
                plan.owned.append(.route(PlannedRoute(link: LinkName("eth0")!, route: route)))
            }, says: ["add route 192.0.2.0/24 via 203.0.113.1", "ENETUNREACH"]),
        Obstacle(
            description: "the bridge has another network's address",
            plant: { host, _ in
                try host.must("ip link add cni0 type bridge")
                try host.must("ip address add 172.16.0.1/12 dev cni0")
            }, says: ["\"cni0\" already has an IP address different from 10.88.0.1/16: 172.16.0.1/12"]),
        Obstacle(
            description: "the container's address is another's in netfilter",
            plant: { host, _ in
                let other = try Chain.bridges[4].plans("c9", interface: "eth9", netns: "/run/netns/blue")
                var kernel = try KernelLawTests.kernel()
                try kernel.apply(other[0])
            }, says: ["10.88.0.2 in masq4 is taken by net1/c9/eth9"]),
        Obstacle(
            description: "a foreign table has our name",
            plant: { host, _ in try host.must("nft add table inet berth") }, says: ["ENOENT"]),
        Obstacle(
            description: "a foreign map has our map's name",
            plant: { host, _ in
                try host.must(
                    "nft -f -",
                    input:
                        "add table inet berth\nadd set inet berth masq4 { type inet_service; }\nadd set inet berth masq6 { type inet_service; }\n"
                )
            }, says: ["masq"]),
        Obstacle(
            description: "an MTU that no bridge takes", chain: Chain.bridge("mtu", ["mtu": 65535]),
            plant: { host, _ in },
            change: { plan in
                plan.owned = plan.owned.map { resource in
                    guard case .vethPair(let pair) = resource else { return resource }
                    return .vethPair(
                        VethPair(
                            host: pair.host, container: pair.container, containerMAC: nil, mtu: 65536,
                            master: pair.master, alias: pair.alias))
                }
            }, says: ["add veth pair"]),
        Obstacle(
            description: "a MAC address of many", plant: { _, _ in },
            change: { plan in
                plan.owned = plan.owned.map { resource in
                    guard case .vethPair(let pair) = resource else { return resource }
                    return .vethPair(
                        VethPair(
                            host: pair.host, container: pair.container, containerMAC: MACAddress("01:00:5e:00:00:01"),
                            mtu: pair.mtu, master: pair.master,
                            alias: pair.alias))
                }
            }, says: ["add veth pair", "EADDRNOTAVAIL"]),
    ]

    @Test("P-34 an obstacle is said, nothing that is owned is left, and the obstacle stands untouched", arguments: all)
    func obstacle(_ obstacle: Obstacle) throws {
        var plan = try obstacle.chain.plans()[0]
        obstacle.change(&plan)
        let blocked = plan
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            try obstacle.plant(host, blocked)
            // Once for what is shared, then again: nothing may be added by the second.
            _ = try KernelLawTests.failure(blocked)
            let before = try KernelLawTests.state(host)
            let failure = try KernelLawTests.failure(blocked)
            let text = failure?.description ?? "no failure"
            for words in obstacle.says { host.expect(text.contains(words), "says: \(text)") }
            host.expect(failure?.leftBehind.isEmpty == true, "left behind: \(text)")
            let after = try KernelLawTests.state(host)
            host.expect(after == before, KernelLawTests.difference(after, before))
            host.expect(
                !after.joined(separator: "\n").contains(blocked.owner.attachment.tag), "the owner's tag is left")
            host.expect(!after.contains { $0.contains("alias \(blocked.owner.alias)") }, "the owner's alias is left")
        }
    }

    @Test("P-53 the sweep takes neither a foreign link of our name nor one with another's alias")
    func foreignLink() throws {
        let plan = try Chain.bridges[1].plans()[0]
        let name = plan.owner.attachment.hostInterface
        for commands in [
            ["ip link add \(name) type bridge"],
            ["ip link add \(name) type veth peer name x", "ip link set \(name) alias somebody"],
        ] {
            try PrivateHost.run { host in
                for command in commands { try host.must(command) }
                var kernel = try LinuxKernel(state: KernelLawTests.state)
                try kernel.sweep(plan.owner, keys: nil)
                host.expect(try kernel.link(name, .host) != nil, "a foreign link was removed")
            }
        }
    }

    @Test("P-50 the sweep of what never was is no failure, on a host without our table too")
    func nothing() throws {
        for keys in [nil, [NftElementKey(set: "masq4", key: [10, 88, 0, 2], keyEnd: nil)]] {
            try PrivateHost.run { host in
                let plan = try Chain.bridges[4].plans()[0]
                let before = try host.state(folders: [])
                var kernel = try LinuxKernel(state: KernelLawTests.state)
                try kernel.sweep(plan.owner, keys: keys)
                try kernel.sweep(plugin: "bridge", network: "net1", except: [])
                host.expect(try host.state(folders: []).difference(from: before), is: "", "the host")
            }
        }
    }

    @Test("C-2 an element that is somebody else's by now is not removed by its key")
    func otherHolder() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            let mine = try Chain.bridges[4].plans("c1")[0]
            let other = try Chain.bridges[4].plans("c2")[0]
            var kernel = try KernelLawTests.kernel()
            try kernel.apply(other)
            try kernel.sweep(mine.owner, keys: mine.netfilter.owned.map(\.identity))
            host.expect(try kernel.findings(other), is: [], "the other's")
        }
    }

    @Test("a network's name that begins with another's digest keeps its cables at that one's GC")
    func digestName() throws {
        let tag = Attachment.networkTag("net1")
        let plan = try Chain.bridges[1].plans("c1", network: "\(tag)-x")[0]
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            var kernel = try KernelLawTests.kernel()
            try kernel.apply(plan)
            try kernel.sweep(plugin: "bridge", network: "net1", except: [])
            host.expect(try kernel.findings(plan), is: [], "the other network's")
        }
    }
}
