import Glibc
import Lab
import NetCore
import TestSupport
import Testing

@Suite("A world on this kernel")
struct WorldTests {
    /// Root, and a user who may nothing.
    static let users = [0, 65534]

    @Test("nodes reach each other as the description says, and the host is as before", arguments: users)
    func standard(uid: Int) async throws {
        let milliseconds = try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            let (before, mounts) = (try lab.state(), lab.mounts())
            var (from, to) = (timespec(), timespec())
            clock_gettime(CLOCK_MONOTONIC, &from)
            let started = try lab.lab("start", "standard")
            clock_gettime(CLOCK_MONOTONIC, &to)
            host.expect(started.exitCode, is: 0, "\(started)")
            let print = lab.footprint()
            // Its own user namespace when it is not root, and nets, mounts, processes, names, semaphores of five nodes.
            host.expect(print.namespaces.count >= 25, "namespaces: \(print.namespaces.sorted())")
            for (node, address) in [
                ("client", "203.0.113.1"), ("client", "198.51.100.2"), ("host", "203.0.113.10"), ("host", "10.88.0.2"),
                ("web", "10.88.0.3"), ("app", "198.51.100.2"), ("client", "2001:db8:198::2"), ("web", "fd00:88::3"),
            ] { try lab.on(node, "ping -c1 -W2 \(address)") }
            // Nobody translates yet, and inet does not know the private network.
            try lab.on("web", "ping -c1 -W1 203.0.113.10", exits: 1)
            try lab.on("client", "ping -c1 -W1 10.88.0.2", exits: 1)
            host.expect(try lab.state().difference(from: before), is: "", "the host while the world stands")
            let stopped = try lab.lab("stop")
            host.expect(stopped.exitCode, is: 0, "\(stopped)")
            try lab.expectNothing(of: print, mounts: mounts, "after stop")
            host.expect(try lab.state().difference(from: before), is: "", "the host after stop")
            return Double(to.tv_sec - from.tv_sec) * 1000 + Double(to.tv_nsec - from.tv_nsec) / 1e6
        }
        #expect(milliseconds < 1000)
    }

    @Test("TCP goes from node to node, and each sees the other's address", arguments: users)
    func tcp(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            host.expect(try lab.lab("start", "standard").exitCode, is: 0, "start")
            for (server, client, address, seen) in [
                ("web", "host", "10.88.0.2", "10.88.0.1"), ("host", "client", "198.51.100.2", "203.0.113.10"),
            ] {
                let listening = try lab.begin(
                    "exec", server, "socat", "TCP-LISTEN:8080,reuseaddr", "SYSTEM:echo $SOCAT_PEERADDR")
                defer { listening.kill() }
                let text = try lab.on(client, "socat -u TCP:\(address):8080,retry=40,interval=0.05 -")
                host.expect(text, is: "\(seen)\n", "what \(server) sees")
            }
            host.expect(try lab.lab("stop").exitCode, is: 0, "stop")
        }
    }

    @Test("a node has a name, processes, addresses and parameters of its own", arguments: users)
    func node(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            host.expect(try lab.lab("start", "standard").exitCode, is: 0, "start")
            host.expect(try lab.on("web", "hostname"), is: "web\n", "its name")
            let processes = try lab.on("web", "ps -e -o pid=,comm=").split(separator: "\n")
            host.expect(processes.count, is: 3, "its first process, what waits for ps, and ps: \(processes)")
            host.expect(try lab.on("web", "ls /sys/class/net"), is: "eth0\nlo\n", "its /sys")
            let links = try lab.on("host", "ip -o link show")
            host.expect(links.contains("02:00:00:00:03:01"), "br0's address: \(links)")
            host.expect(
                try lab.on("host", "cat /proc/sys/net/bridge/bridge-nf-call-iptables"), is: "0\n", "the bridge's hook")
            host.expect(try lab.on("web", "cat /proc/sys/net/ipv4/ip_forward"), is: "0\n", "web's forwarding")
            host.expect(try lab.on("host", "cat /proc/sys/net/ipv4/ip_forward"), is: "1\n", "host's forwarding")
            host.expect(
                try lab.on("client", "ip netns exec web ip -o -4 addr show eth0").contains("10.88.0.2/24"), "ip netns")
            let status = try lab.lab("status").text
            host.expect(status.contains("203.0.113.10/24"), "status: \(status)")
            try lab.on("web", "sh -c exit\t7", exits: 7)
            try lab.on("web", "no-such-program", exits: 127)
            host.expect(try lab.lab("exec", "nowhere", "true").exitCode, is: 1, "a node that is not")
            host.expect(try lab.lab("start", "box").exitCode, is: 1, "a second world")
            host.expect(try lab.lab("stop").exitCode, is: 0, "stop")
            host.expect(try lab.lab("status").exitCode, is: 2, "no world")
            host.expect(try lab.lab("start", "nonsense").exitCode, is: 1, "a world that is not")
        }
    }

    @Test("what a dead holder left counts as nothing, and the next world takes its place", arguments: users)
    func dead(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            try Files.makeDirectories(lab.directory, mode: 0o700)
            for path in ["\(host.scratch)/user/berth", lab.directory] { chown(path, uid_t(uid), gid_t(uid)) }
            // A process that lives, but began at another time than the holder did.
            let process = #"{"pid":1,"start":1}"#
            let world = #"{"name":"box","title":"","nodes":[],"cables":[]}"#
            let text =
                #"{"version":1,"world":\#(world),"holder":\#(process),"root":\#(process),"nodes":[],"keep":true}"#
            try Files.replace("\(lab.directory)/world-1.json", with: Array(text.utf8))
            chown("\(lab.directory)/world-1.json", uid_t(uid), gid_t(uid))
            host.expect(try lab.lab("status").exitCode, is: 2, "status")
            host.expect(try lab.lab("stop").exitCode, is: 2, "stop")
            host.expect(try lab.lab("start", "box").exitCode, is: 0, "start")
            host.expect(try lab.on("box", "ip -o link show").contains("state DOWN"), "lo is down")
            host.expect(try lab.lab("stop").exitCode, is: 0, "stop")
            try lab.expectNothing(of: .none, mounts: lab.mounts(), "in the end")
        }
    }

    @Test("a world of one's own stands as it is described, and is told so again")
    func own() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: 0)
            var left = NodeDescription("left")
            left.forwards = true
            left.bridges = [BridgeDescription("br7", addresses: [IPPrefix("192.0.2.1/25")!])]
            left.routes = [RouteDescription(IPPrefix("2001:db8:7::/48")!, via: IPAddress("2001:db8::2")!)]
            left.parameters = [.init("net/ipv4/conf/all/rp_filter", "1")]
            var right = NodeDescription("right")
            right.loopback = false
            let description = WorldDescription(
                "own", title: "two nodes", nodes: [left, right],
                cables: [
                    CableDescription(.init("left", "p0", bridge: "br7"), .init("right", "p0")),
                    CableDescription(
                        .init("left", "p1", addresses: [IPPrefix("2001:db8::1/64")!]),
                        .init("right", "p1", addresses: [IPPrefix("2001:db8::2/64")!])),
                ])
            let directory = LabDirectory(lab.directory)
            let world = try World.start(description, in: directory, program: LabHost.program)
            defer { try? world.stop() }
            host.expect(world.description, is: description, "the description")
            host.expect(try World.running(in: directory)?.description, is: description, "the same again")
            host.expect(world.references.map(\.name), is: ["left", "right"], "references")
            try lab.on("left", "ping -c1 -W2 2001:db8::2")
            host.expect(try lab.on("left", "cat /proc/sys/net/ipv4/conf/all/rp_filter"), is: "1\n", "rp_filter")
            host.expect(try lab.on("left", "ip -6 route show 2001:db8:7::/48").contains("via 2001:db8::2"), "route")
            host.expect(try lab.on("left", "ip -o link show p0").contains("master br7"), "port")
            host.expect(try lab.on("right", "ip -o link show lo").contains("state DOWN"), "lo")
            try world.stop()
            host.expect(try World.running(in: directory) == nil, "it is gone")
            do throws(LabError) {
                _ = try World.start(WorldDescription("none", title: "", nodes: []), in: directory)
                host.expect(false, "a world without nodes was started")
            } catch { host.expect(error.code, is: .name, "a world without nodes") }
        }
    }

    @Test("of many that start at once one stands, and one after the other each", arguments: users)
    func many(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: uid)
            let mounts = lab.mounts()
            let codes = try (0..<5).map { _ in try lab.begin("start", "box") }.map { $0.wait(seconds: 20).exitCode }
            host.expect(codes.sorted(), is: [0, 1, 1, 1, 1], "exit codes")
            for round in 0..<10 {
                let stopped = try lab.lab("stop")
                host.expect(stopped.exitCode, is: 0, "round \(round): \(stopped)")
                let started = try lab.lab("start", "box")
                host.expect(started.exitCode, is: 0, "round \(round): \(started)")
            }
            let print = lab.footprint()
            host.expect(try lab.lab("stop").exitCode, is: 0, "stop")
            try lab.expectNothing(of: print, mounts: mounts, "in the end")
        }
    }

    @Test("a state directory that others may write to is not believed")
    func strange() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost(host, uid: 65534)
            try Files.makeDirectories(lab.directory)
            // Root's, and open to all.
            chmod(lab.directory, 0o777)
            let outcome = try lab.lab("start", "box")
            host.expect(outcome.exitCode, is: 1, "\(outcome)")
            host.expect(outcome.errorOutput.contains("E-PRIVILEGE"), "\(outcome)")
            host.expect(try lab.files(), is: [], "files")
        }
    }
}
