import JSON
import NetCore
import TestSupport
import Testing

@Suite("DEL and failed ADDs leave nothing (P-30 to P-40, P-50 to P-53)")
struct DeleteTests {
    static let everyLoss: [Attached.Loss] = [
        [], .namespace, .previousResult, .runtimeConfig, [.namespace, .previousResult],
        [.namespace, .previousResult, .runtimeConfig],
    ]

    @Test("P-50 P-51 DEL leaves nothing, whatever the runtime has lost; a second DEL succeeds", arguments: everyLoss)
    func losses(_ loss: Attached.Loss) throws {
        try PrivateHost.run { host in
            let before = try host.baseline(.everything, ports: Ports.tcp8080)
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            let neighbour = try host.attach(.everything, "c2", ports: Ports.one(.tcp, 8081, 80))
            try host.detach(attached, losing: loss)
            try host.detach(attached, losing: loss)
            try host.detach(attached, losing: [.namespace, .previousResult, .runtimeConfig])
            let failure = try host.check(neighbour)
            host.expect(failure == nil, "the neighbour was hurt: \(failure!)")
            try host.detach(neighbour)
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-50 DEL succeeds and leaves nothing when the namespace is gone, its path missing or another's",
        arguments: [
            "removed", "replaced", "no namespace",
        ])
    func namespaceGone(_ how: String) throws {
        try PrivateHost.run { host in
            let before = try host.baseline(.everything, ports: Ports.tcp8080)
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            try host.removeNamespace("c1")
            if how == "replaced" {
                try host.makeNamespace("c1")
                // P-53: an eth0 that is not ours.
                try host.inside("c1") { try host.must("ip link add eth0 type bridge") }
            }
            if how == "no namespace" { try host.must("touch /run/netns/c1") }
            try host.detach(attached)
            if how == "replaced" {
                host.expect(try host.link("eth0", in: "c1")["ifname"], is: "eth0", "the stranger's eth0")
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-50 DEL succeeds when objects, records and the table have been removed by hand",
        arguments: [
            "ip link delete HOSTEND", "the rules", "rm -rf /run/berth",
            "rm -rf /var/lib/cni/networks",
            "ip link delete cni0", "rm -rf /run/berth /run/cni /var/lib/cni",
            "for f in /run/berth/attachments/*; do echo garbage > $f; done",
            "for f in /run/berth/attachments/*; do : > $f; done",
        ])
    func missing(_ command: String) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            if command == "the rules" {
                try host.takeAwayRules()
            } else {
                let outcome = try host.run(["sh", "-c", command.replacing("HOSTEND", with: attached.hostEnd!)])
                guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
            }
            try host.detach(attached)
            try host.detach(attached)
            let state = try host.state().lines
            host.expect(
                !state.contains { $0.contains("veth") || $0.contains("net1/c1") || $0.contains("10.22.0.2 ") },
                "left: \(state.filter { $0.contains("c1") })")
            // And the next ADD works again.
            let again = try host.attach(.everything, "c2", ports: Ports.tcp8080)
            let failure = try host.check(again)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("P-50 DEL takes no offence at values that it does not need")
    func uselessValues() throws {
        try PrivateHost.run { host in
            let before = try host.baseline(.everything, ports: Ports.tcp8080)
            let useless: JSONObject = [
                "runtimeConfig": "none", "args": ["cni": []], "cni.dev/valid-attachments": 7,
                "cni.dev/attachments": [1],
                "prevResult": "gone", "capabilities": [],
            ]
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            for index in attached.network.plugins.indices.reversed() {
                var configuration = Call.whole(attached.network.plugins[index])
                for (key, value) in useless { configuration[key] = value }
                var call = attached.call(index, "DEL", previous: nil)
                call.input = Array(JSON.object(configuration).text.utf8)
                call.arguments = "FOO"
                try host.expectSuccess(call)
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
            var alone = PluginType.hostLocal.configuration
            for (key, value) in useless { alone[key] = value }
            try host.expectSuccess(Call(.hostLocal, "DEL", alone).with { $0.arguments = ";" })
        }
    }

    @Test("P-50 DEL of what was never added succeeds and changes nothing", arguments: PluginType.allCases)
    func neverAdded(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            try host.expectSuccess(Call(plugin, "DEL"))
            try host.expectSuccess(Call(plugin, "DEL").with { $0.netns = nil })
            try host.expectSuccess(Call(plugin, "DEL").with { $0.netns = "/run/netns/none" })
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-50 DEL of one plugin on a host where nothing of ours ever was makes nothing", arguments: PluginType.allCases)
    func freshHost(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.must("nft add table inet stranger")
            let before = try host.settledState()
            try host.expectSuccess(Call(plugin, "DEL").with { $0.netns = nil })
            let after = try host.settledState().without(["file /run/berth/", "file /var/lib/cni/networks/"])
            host.expect(after.difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-51 one container's two interfaces, and two networks, are kept apart")
    func keptApart() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = TestNetwork.everything
            let other = TestNetwork.bridged(
                TestNetwork.portmap, TestNetwork.firewall, name: "net2", bridge: "cni1", v4: "10.33.0.0/24",
                v6: "fd33::/64")
            let first = try host.attach(network, "c1", ports: Ports.one(.tcp, 8080, 80))
            let second = try host.attach(other, "c1", interface: "eth1", ports: Ports.one(.tcp, 8081, 80))
            try host.detach(first, losing: [.previousResult, .runtimeConfig])
            let failure = try host.check(second)
            host.expect(failure == nil, "the other network's interface was hurt: \(failure!)")
            let seen = try host.converse(
                .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8081), at: "c1",
                listening: Endpoint(second.address(.v4)!, 80),
                milliseconds: 1000)
            // The default route went with eth0; only what comes from the second network's own host is answered.
            _ = seen
            host.expect(
                try host.converse(
                    .tcp, from: nil, to: Endpoint(second.gateway(.v4)!, 8081), at: "c1",
                    listening: Endpoint(second.address(.v4)!, 80)) != nil,
                "the second network's port is not reached")
        }
    }

    @Test("P-40 a second ADD of the same attachment is refused and does not hurt the first")
    func secondAdd() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = TestNetwork.everything
            let first = try host.attach(network, "c1", ports: Ports.tcp8080)
            let before = try host.state()
            for index in network.plugins.indices {
                let answer = try host.call(first.call(index, "ADD", previous: index == 0 ? nil : first.result))
                if index == 0 { host.expect(answer.code != nil, "the second ADD succeeded: \(answer)") }
            }
            try host.makeNamespace("c1b")
            let elsewhere = try host.call(first.call(0, "ADD", previous: nil).with { $0.netns = "/run/netns/c1b" })
            host.expect(elsewhere.code != nil, "the second ADD in another namespace succeeded: \(elsewhere)")
            host.expect(try host.state().difference(from: before), is: "", "the host after the second ADDs")
            let failure = try host.check(first)
            host.expect(failure == nil, "the first was hurt: \(failure!)")
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8080), at: "c1",
                    listening: Endpoint(first.address(.v4)!, 80)) != nil, "the first's port is not reached")
        }
    }

    @Test(
        "P-34 an ADD that fails at any of its obstacles leaves nothing",
        arguments: [
            // What stands in the way, and how.
            "mkdir -p /var/lib/cni/networks/net1 && chmod 0 /var/lib/cni/networks/net1 && mount -o remount,ro /var/lib",
            "ip link add cni9 type veth peer name cni8",
            "ip -n c1 link add eth0 type bridge",
            "ip link add veth451fbda28a8 type bridge",
            "mount -o remount,ro /run", "a table that takes no rules",
            "for i in $(seq 2 254); do printf 'x%s\\r\\neth0' $i > /var/lib/cni/networks/net1/10.22.0.$i; done",
        ])
    func obstacles(_ obstacle: String) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            if obstacle == "a table that takes no rules" { try host.spoilRules() }
            _ = try host.run(["sh", "-c", obstacle])
            let network = obstacle.contains("cni9") ? TestNetwork.bridged(bridge: "cni9") : TestNetwork.bridged()
            // The obstacle's own leases are learnt on the way: host-local keeps an index beside the leases.
            func state() throws -> HostState { try host.settledState().matching { !$0.contains("/.berth/") } }
            let before = try state()
            let inside = try host.inside("c1") { try host.state(folders: []) }
            let answer = try host.call(
                Attached(network: network, id: "c1", namespace: "c1").call(0, "ADD", previous: nil))
            host.expect(answer.code != nil, "ADD succeeded: \(answer)")
            host.expect(try state().difference(from: before), is: "", "the host")
            host.expect(
                try host.inside("c1") { try host.state(folders: []) }.difference(from: inside), is: "", "the container")
        }
    }

    /// Everything of a namespace that tuning and loopback could change.
    private static let inner = [
        "cat /proc/sys/net/ipv4/conf/eth0/arp_filter /proc/sys/net/core/somaxconn",
        "ip -o link show eth0 | sed 's/.*mtu/mtu/; s/ qdisc.*//'", "ip -o link show lo | grep -c LOWER_UP",
    ].joined(separator: "; ")

    @Test("P-53 tuning and loopback leave a namespace alone that has the container's path by now")
    func strangersNamespace() throws {
        try PrivateHost.run { host in
            let tuned = TestNetwork.bridged([
                "type": "tuning", "mtu": 1400,
                "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "777"],
            ])
            let attached = try host.attach(tuned, "c1")
            let loopback = try host.attach(
                TestNetwork([["type": "loopback"]], name: "lo1"), "c1", interface: "lo")
            try host.removeNamespace("c1")
            try host.makeNamespace("c1")
            try host.inside("c1") {
                let script =
                    "ip link set lo up && ip link add eth0 mtu 9000 type bridge && ip link set eth0 up && "
                    + "echo 2 > /proc/sys/net/ipv4/conf/eth0/arp_filter && echo 888 > /proc/sys/net/core/somaxconn"
                let outcome = try host.run(["sh", "-c", script])
                guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
            }
            let before = try host.inside("c1") { try host.run(["sh", "-c", DeleteTests.inner]).text }
            try host.detach(attached)
            try host.detach(loopback)
            try host.detach(loopback)
            let after = try host.inside("c1") { try host.run(["sh", "-c", DeleteTests.inner]).text }
            host.expect(before.contains("mtu 9000"), "the stranger's values are not told: \(before)")
            host.expect(after, is: before, "the stranger's values")
        }
    }

    @Test("P-53 C-1 a stranger's link under the name of our host end is left alone")
    func strangersLink() throws {
        try PrivateHost.run { host in
            let name = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!).hostInterface
            try host.must("ip link add \(name) type bridge")
            try host.makeNamespace("c1")
            for previous: JSON? in [nil, PreviousResult.plain] {
                let attached = Attached(network: .everything, id: "c1", namespace: "c1", result: previous ?? [:])
                try host.detach(attached, losing: previous == nil ? .previousResult : [])
                host.expect(try host.link("\(name)")["ifname"], is: .string("\(name)"), "the stranger's link")
            }
        }
    }

    @Test("P-52 an address is not given away while a DEL could not remove the rules that point at it")
    func addressKept() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            // Without CAP_NET_ADMIN no rule can be removed.
            let call = attached.call(0, "DEL", previous: attached.result)
            let answer = Answer(
                try host.run(
                    ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", PluginType.bridge.path],
                    environment: call.variables, input: call.input))
            host.expect(answer.code != nil, "DEL without the right to remove anything succeeded: \(answer)")
            host.expect(Files.exists("/var/lib/cni/networks/net1/10.22.0.2"), "the lease was released")
            try host.detach(attached)
            host.expect(!Files.exists("/var/lib/cni/networks/net1/10.22.0.2"), "the lease is still there")
        }
    }
}
