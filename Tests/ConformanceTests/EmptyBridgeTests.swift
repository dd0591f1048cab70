import JSON
import NetCore
import TestSupport
import Testing

@Suite("bridge: removeEmptyBridge (cni.md 2.1)")
struct EmptyBridgeTests {
    static func network(name: String = "net1", removing: Bool = true, v4: String? = "10.22.0.0/24") -> TestNetwork {
        .bridged(
            name: name, v4: v4, v6: v4 == nil ? "fd33::/64" : "fd22::/64", keys: ["removeEmptyBridge": .bool(removing)])
    }

    @Test("the last DEL takes the bridge, whatever the runtime has lost, and not one before it")
    func last() throws {
        try PrivateHost.run { host in
            for loss: Attached.Loss in [[], [.namespace, .previousResult, .runtimeConfig]] {
                let first = try host.attach(EmptyBridgeTests.network(), "c1")
                let second = try host.attach(EmptyBridgeTests.network(), "c2")
                try host.detach(first, losing: loss)
                host.expect(try host.link("cni0")["ifname"], is: "cni0", "the bridge with a port left")
                let failure = try host.check(second)
                host.expect(failure == nil, "\(failure!)")
                for _ in 0..<2 {
                    try host.detach(second, losing: loss)
                    host.expect(try host.link("cni0"), is: [:], "the bridge without a port")
                }
            }
        }
    }

    @Test("GC takes it too, and without the key it stays")
    func collected() throws {
        try PrivateHost.run { host in
            _ = try host.attach(EmptyBridgeTests.network(), "c1")
            let failure = try host.collect(EmptyBridgeTests.network(), valid: [])
            host.expect(failure == nil, "\(failure!)")
            host.expect(try host.link("cni0"), is: [:], "the bridge after GC")
            try host.detach(try host.attach(EmptyBridgeTests.network(removing: false), "c2"))
            host.expect(try host.link("cni0")["ifname"], is: "cni0", "the bridge without the key")
        }
    }

    @Test(
        "a bridge that somebody else made, or uses, stays",
        arguments: ["made by another", "another's port", "a link on it", "another network"])
    func used(_ how: String) throws {
        try PrivateHost.run { host in
            if how == "made by another" { try host.must("ip link add cni0 type bridge") }
            let attached = try host.attach(EmptyBridgeTests.network(), "c1")
            var other: Attached?
            switch how {
            case "another's port":
                try host.must("ip link add port0 type veth peer name port1")
                try host.must("ip link set port0 master cni0")
            case "a link on it": try host.must("ip link add upper0 link cni0 type macvlan")
            case "another network":
                other = try host.attach(EmptyBridgeTests.network(name: "net2", v4: nil), "c2")
                // Its cable has been unplugged, but it is an attachment still.
                try host.must("ip link set \(other!.hostEnd!) nomaster")
            default: break
            }
            try host.detach(attached)
            host.expect(try host.link("cni0")["ifname"], is: "cni0", "the bridge")
            if let other {
                try host.detach(other)
                host.expect(try host.link("cni0"), is: [:], "the bridge after the other network's DEL")
            }
        }
    }

    @Test("P-19 DEL waits for an ADD that has the bridge and not yet its cable")
    func waits() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(EmptyBridgeTests.network(), "c1")
            // What an ADD holds from before it looks at the bridge to its end.
            let lock = "/run/berth/locks/plugins-\(Attachment.networkTag("net1"))"
            try host.start([
                "flock", "-s", lock, "sh", "-c", "touch /run/held; while [ -e /run/held ]; do sleep 0.01; done",
            ])
            for _ in 0..<1000 where !Files.exists("/run/held") { usleepMilliseconds(5) }
            let call = attached.call(0, "DEL", previous: attached.result)
            let running = try host.start([call.plugin.path], environment: call.variables, input: call.input)
            let lease = "/var/lib/cni/networks/net1/10.22.0.2"
            for _ in 0..<1000 where Files.exists(lease) { usleepMilliseconds(5) }
            usleepMilliseconds(100)
            host.expect(try host.link("cni0")["ifname"], is: "cni0", "the bridge while an ADD runs")
            try host.must("ip link add port0 type veth peer name port1")
            try host.must("ip link set port0 master cni0")
            try Files.remove("/run/held")
            host.expect(running.wait(seconds: 20).exitCode == 0, "DEL failed")
            host.expect(try host.link("cni0")["ifname"], is: "cni0", "the bridge with the ADD's cable")
        }
    }

    @Test("P-19 ADDs and DELs at once never take a bridge from under a container")
    func atOnce() throws {
        try PrivateHost.run { host in
            _ = try host.onThreads(3) { worker, index in
                for round in 0..<15 {
                    let attached = try worker.attach(
                        EmptyBridgeTests.network(), "c\(index)-\(round)", namespace: "c\(index)")
                    if let failure = try worker.check(attached) { throw PluginFailed(answer: failure) }
                    try worker.detach(attached)
                }
            }
            host.expect(try host.link("cni0"), is: [:], "the bridge once all are gone")
        }
    }
}
