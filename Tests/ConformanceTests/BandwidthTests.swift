import CNI
import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

@Suite("bandwidth: limits of what comes and goes (cni.md 2.8)")
struct BandwidthTests {
    static func network(_ keys: JSONObject, name: String = "net1", version: String = Call.version) -> TestNetwork {
        var own: JSONObject = ["type": "bandwidth", "capabilities": ["bandwidth": true]]
        for (key, value) in keys { own[key] = value }
        return .bridged(own, name: name, version: version)
    }
    static let ingress: JSONObject = ["ingressRate": 8_000_000, "ingressBurst": 160_000]
    static let egress: JSONObject = ["egressRate": 8_000_000, "egressBurst": 160_000]
    static let both = network(ingress.merging(egress))

    /// The queueing disciplines of a link, as `tc` reads them.
    static func qdiscs(_ host: PrivateHost, _ link: String) throws -> [JSON] {
        try JSON(parsing: Array(try host.must("tc -j qdisc show dev \(link)").utf8)).array ?? []
    }

    /// The kernel's name of the attachment's ifb.
    static func block(_ attached: Attached) -> String? {
        attached.result["interfaces"]?.array?.compactMap { $0["name"]?.string }.first { $0.hasPrefix("bwp") }
    }

    // MARK: packets

    /// A limit of a megabyte a second; without one the same transfer runs at hundreds.
    @Test(
        "a transfer runs at the limit of its direction, and the other direction without one",
        arguments: AddressFamily.allCases, [true, false])
    func transfer(_ family: AddressFamily, _ limitsIngress: Bool) throws {
        let rates = try PrivateHost.run { host -> [Double] in
            let keys = limitsIngress ? BandwidthTests.ingress : BandwidthTests.egress
            let attached = try host.attach(BandwidthTests.network(keys), "c1")
            let (inner, outer) = (attached.address(family)!, attached.gateway(family)!)
            let into = try host.throughput(from: nil, to: Endpoint(inner, 7000), at: "c1")
            let out = try host.throughput(from: "c1", to: Endpoint(outer, 7001), at: nil)
            return (limitsIngress ? [into, out] : [out, into]).map { $0 ?? -1 }
        }
        #expect(rates[0] > 500_000 && rates[0] < 1_200_000, "limited to 1 MB/s, seen \(rates[0])")
        #expect(rates[1] > 10_000_000, "without a limit, seen \(rates[1])")
    }

    /// plugins#609, #857: frames that are larger than the bucket never pass.
    @Test(
        "a burst that is smaller than a frame is raised, with a warning, and a transfer runs", arguments: [1500, 9000])
    func smallBurst(_ mtu: Int) throws {
        let rate = try PrivateHost.run { host -> Double in
            var network = BandwidthTests.network(["ingressRate": 8_000_000, "ingressBurst": 8_000])
            network.plugins[0]["mtu"] = .integer(Int64(mtu))
            try host.makeNamespace("c1")
            var told = Attached(network: network, id: "c1", namespace: "c1")
            let first = try host.call(told.call(0, "ADD", previous: nil))
            let answer = try host.call(told.call(1, "ADD", previous: first.json))
            host.expect(answer.succeeded, "\(answer)")
            let least = max(mtu + 14, 1_000_000 / 250)
            let warning = answer.outcome.errorOutput
            for word in ["ingressBurst", "8000", "\(least * 8)"] where !warning.contains(word) {
                host.expect(false, "the warning does not name \(word): \(warning)")
            }
            told.result = answer.json ?? [:]
            let found = try BandwidthTests.qdiscs(host, told.hostEnd ?? "none").first
            let burst = found?["options"]?["burst"]?.integer ?? 0
            host.expect(abs(burst - Int64(least)) <= 1, "burst \(burst), not \(least)")
            return try host.throughput(from: nil, to: Endpoint(told.address(.v4)!, 7000), at: "c1") ?? -1
        }
        #expect(rate > 300_000 && rate < 1_300_000, "limited to 1 MB/s, seen \(rate)")
    }

    // MARK: what stands

    @Test("what tc reads: rate, burst and latency of both directions, and the redirection; the ifb in the result")
    func oracle() throws {
        try PrivateHost.run { host in
            let network = BandwidthTests.network([
                "ingressRate": 1_000_000, "ingressBurst": 160_000, "egressRate": 40_000_000_000,
                "egressBurst": 2_000_000_000,
            ])
            let attached = try host.attach(network, "c1")
            let end = attached.hostEnd ?? "none"
            let block = BandwidthTests.block(attached) ?? "none"
            host.expect(block.utf8.count, is: 15, "length of \(block)")
            for (link, rate, burst) in [(end, Int64(125_000), Int64(20_000)), (block, 5_000_000_000, 250_000_000)] {
                let found = try BandwidthTests.qdiscs(host, link).first { $0["kind"] == "tbf" }
                host.expect(found?["root"], is: true, "root of \(link)")
                host.expect(found?["options"]?["rate"]?.integer, is: rate, "rate of \(link)")
                let seen = found?["options"]?["burst"]?.integer ?? 0
                // In units of 64 ns, which tc rounds to microseconds.
                host.expect(abs(seen - burst) <= 1 + rate / 500_000, "burst of \(link): \(seen), not \(burst)")
                // In microseconds.
                let latency = found?["options"]?["lat"]?.integer ?? 0
                host.expect(abs(latency - 25_000) <= 250, "latency of \(link): \(latency)")
            }
            let filter = try host.must("tc filter show dev \(end) ingress")
            host.expect(filter.contains("Egress Redirect to device \(block)) stolen"), "no redirection: \(filter)")
            host.expect(filter.contains("match 00000000/00000000 at 0"), "not of all: \(filter)")
            let link = try host.link(block)
            let told = attached.link(block)
            host.expect(link["ifalias"]?.string, is: "berth:bandwidth/net1/c1/eth0", "its alias")
            host.expect(told?["mac"], is: link["address"], "its MAC")
            host.expect(told?["mtu"], is: link["mtu"], "its MTU")
            host.expect(told?["sandbox"], is: nil, "its sandbox")
            let addresses = try host.must("ip -o address show dev \(block)")
            host.expect(addresses, is: "", "addresses of \(block)")
            host.expect(attached.result["interfaces"]?.array?.last?["name"]?.string, is: block, "the last interface")
        }
    }

    @Test("two interfaces of a container, and one of another network, have limits of their own")
    func many() throws {
        try PrivateHost.run { host in
            let first = try host.attach(BandwidthTests.both, "c1")
            let second = try host.attach(BandwidthTests.both, "c1", interface: "eth1")
            var other = BandwidthTests.network(BandwidthTests.egress, name: "net2")
            other.plugins[0] = TestNetwork.bridged(bridge: "cni1", v4: "10.23.0.0/24", v6: nil).plugins[0]
            let third = try host.attach(other, "c1", interface: "eth2")
            let blocks = [first, second, third].compactMap(BandwidthTests.block)
            host.expect(Set(blocks).count, is: 3, "ifbs: \(blocks)")
            try host.detach(second)
            for attached in [first, third] {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
        }
    }

    @Test("inline keys go before the runtime's, and without limits nothing is made")
    func sources() throws {
        try PrivateHost.run { host in
            let runtime: JSONObject = ["bandwidth": .object(BandwidthTests.ingress.merging(BandwidthTests.egress))]
            let told = try host.attach(BandwidthTests.network([:]), "c1", runtimeConfig: runtime)
            host.expect(BandwidthTests.block(told) != nil, "the runtime's word is not heard")
            let own: JSONObject = ["ingressRate": 16_000_000, "ingressBurst": 160_000]
            let inline = try host.attach(BandwidthTests.network(own), "c2", runtimeConfig: runtime)
            host.expect(BandwidthTests.block(inline) == nil, "the runtime's egress is heard")
            let rate = try BandwidthTests.qdiscs(host, inline.hostEnd ?? "none").first?["options"]?["rate"]?.integer
            host.expect(rate, is: 2_000_000, "the configuration's rate")
            let none = try host.attach(.bridged(["type": "bandwidth"]), "c3")
            host.expect(try BandwidthTests.qdiscs(host, none.hostEnd ?? "none").first?["kind"], is: "noqueue", "qdisc")
            let list = try AttachmentList(of: StateDirectory())
            let plugins = list.entries.first { $0.attachment.containerID == "c3" }?.plugins
            host.expect(plugins, is: ["bridge"], "the record")
        }
    }

    @Test("2.0 the versions from 0.3.0 on are spoken, and no older ones")
    func versions() throws {
        try PrivateHost.run { host in
            for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
                let network = BandwidthTests.network(BandwidthTests.egress, version: version)
                let attached = try host.attach(network, "v\(version)")
                host.expect(attached.result["cniVersion"]?.string, is: version, "cniVersion")
                host.expect(BandwidthTests.block(attached) != nil, "no ifb in the result of \(version)")
                if !version.hasPrefix("0.3") {
                    let failure = try host.check(attached)
                    host.expect(failure == nil, "\(version): \(failure!)")
                }
                try host.detach(attached)
            }
            for version in ["0.1.0", "0.2.0"] {
                var configuration = PluginType.bandwidth.configuration
                configuration["cniVersion"] = .string(version)
                try host.expectError(1, naming: [version, "0.3.0"], Call(.bandwidth, "ADD", configuration))
            }
        }
    }

    // MARK: coming and going

    @Test(
        "P-50 P-51 P-57 DEL without namespace, result and runtimeConfig, and GC, leave nothing",
        arguments: [true, false])
    func removal(_ collects: Bool) throws {
        try PrivateHost.run { host in
            let before = try host.baseline(BandwidthTests.both)
            let kept = try host.attach(BandwidthTests.both, "c2")
            let standing = try host.settledState()
            let attached = try host.attach(BandwidthTests.both, "c1")
            if collects {
                let failure = try host.collect(BandwidthTests.both, valid: [kept])
                host.expect(failure == nil, "\(failure!)")
            } else {
                try host.detach(attached, losing: [.namespace, .previousResult, .runtimeConfig])
            }
            try host.removeNamespace("c1")
            host.expect(try host.settledState().difference(from: standing), is: "", "the difference with c2 standing")
            let drift = try host.check(kept)
            host.expect(drift == nil, "\(drift!)")
            try host.detach(kept)
            try host.detach(kept)
            try host.removeNamespace("c2")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-51 DEL of bandwidth alone leaves the cable as it was before, with the record and without",
        arguments: [true, false])
    func alone(_ hasRecord: Bool) throws {
        try PrivateHost.run { host in
            let bridged = try host.attach(.bridged(), "c1")
            // The record is another text afterwards, which says the same.
            func state() throws -> HostState { try host.settledState().without(["file /run/berth/attachments"]) }
            let before = try state()
            let attached = Attached(network: BandwidthTests.both, id: "c1", namespace: "c1")
            let answer = try host.call(attached.call(1, "ADD", previous: bridged.result))
            host.expect(answer.succeeded, "\(answer)")
            host.expect(try state() != before, "ADD changed nothing")
            if !hasRecord { try host.must("rm -r /run/berth/attachments") }
            try host.expectSuccess(attached.call(1, "DEL", previous: nil).with { $0.netns = nil })
            host.expect(try state().difference(from: before), is: "", "the difference")
            host.expect(
                try AttachmentList(of: StateDirectory()).entries.map(\.plugins), is: hasRecord ? [["bridge"]] : [],
                "records")
        }
    }

    /// A cable by hand, as another project's plugin would make it.
    static func foreignCable(_ host: PrivateHost) throws -> JSON {
        try host.makeNamespace("c1")
        try host.must("ip link add foreign0 type veth peer name eth0 netns c1")
        try host.must("ip link set foreign0 up")
        try host.inside("c1") { try host.must("ip link set eth0 up") }
        return [
            "cniVersion": .string(Call.version),
            "interfaces": [["name": "foreign0"], ["name": "eth0", "sandbox": "/run/netns/c1"]],
        ]
    }

    @Test("a cable of another project's plugin is limited, and freed by DEL and by GC", arguments: [true, false])
    func foreign(_ collects: Bool) throws {
        try PrivateHost.run { host in
            let previous = try BandwidthTests.foreignCable(host)
            let call = Call(.bandwidth, "ADD", PluginType.bandwidth.configuration.merging(["prevResult": previous]))
            // Locks and folders of the first call stay.
            try host.expectSuccess(call)
            try host.expectSuccess(call.with { $0.command = "DEL" })
            let before = try host.settledState()
            let answer = try host.call(call)
            host.expect(answer.succeeded, "\(answer)")
            host.expect(try BandwidthTests.qdiscs(host, "foreign0").first?["kind"], is: "tbf", "its qdisc")
            if collects {
                let network = TestNetwork([PluginType.bandwidth.configuration])
                let failure = try host.collect(network, valid: [])
                host.expect(failure == nil, "\(failure!)")
            } else {
                try host.expectSuccess(Call(.bandwidth, "DEL").with { $0.netns = nil })
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-34 P-40 an ADD that fails leaves nothing, and a second one harms nothing")
    func failures() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BandwidthTests.both, "c1")
            let second = attached.call(1, "ADD", previous: attached.result)
            try host.expectUnchanged("by a second ADD") { try host.expectError(103, naming: ["c1"], second) }
            try host.must("mv /run/berth/attachments /run/scratch/kept")
            try host.expectUnchanged("by a second ADD without a record") {
                try host.expectError(103, naming: [BandwidthTests.block(attached) ?? "none"], second)
            }
            try host.must("rm -rf /run/berth/attachments")
            try host.must("mv /run/scratch/kept /run/berth/attachments")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            for (id, sabotage) in [
                ("c2", "tc qdisc add dev HOSTEND root handle 1: pfifo"), ("c3", "tc qdisc add dev HOSTEND ingress"),
            ] {
                let bridged = try host.attach(.bridged(), id)
                try host.must(sabotage.replacing("HOSTEND", with: bridged.hostEnd!))
                let limited = Attached(network: BandwidthTests.both, id: id, namespace: id)
                func state() throws -> HostState { try host.settledState().without(["file /run/berth/attachments"]) }
                let before = try state()
                try host.expectError(
                    103, naming: [bridged.hostEnd!, "EEXIST"], limited.call(1, "ADD", previous: bridged.result))
                host.expect(try state().difference(from: before), is: "", "an ADD after \(sabotage) changes something")
                let left = try AttachmentList(of: StateDirectory()).entries.first { $0.attachment.containerID == id }
                host.expect(left?.plugins, is: ["bridge"], "the record")
            }
        }
    }

    @Test("an interface that is no cable's end, or that there is not, is refused and nothing changes")
    func noCable() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.must("ip link add up0 type bridge")
            try host.must("ip link add link up0 name eth0 netns c1 type macvlan mode bridge")
            let previous: JSON = [
                "cniVersion": .string(Call.version), "interfaces": [["name": "eth0", "sandbox": "/run/netns/c1"]],
            ]
            let call = Call(.bandwidth, "ADD", PluginType.bandwidth.configuration.merging(["prevResult": previous]))
            try host.expectUnchanged { try host.expectError(7, naming: ["eth0", "macvlan"], call) }
            try host.expectUnchanged {
                try host.expectError(104, naming: ["eth9"], call.with { $0.interface = "eth9" })
            }
        }
    }

    static let sabotages: [Sabotage] = [
        Sabotage("host end's qdisc deleted", 1, naming: "HOSTEND", host: "tc qdisc delete dev HOSTEND root"),
        Sabotage(
            "host end's rate changed", 1, naming: "16000000 bit",
            host: "tc qdisc change dev HOSTEND root handle be00: tbf rate 16mbit burst 20000 latency 25ms"),
        Sabotage(
            "host end's burst changed", 1, naming: "30000 bytes",
            host: "tc qdisc change dev HOSTEND root handle be00: tbf rate 8mbit burst 30000 limit 45000"),
        Sabotage(
            "host end's rate beyond all measure", 1, naming: "18446744073709551615 bit",
            host: "tc qdisc change dev HOSTEND root handle be00: tbf rate 10000000000gbps burst 20000 limit 45000"),
        Sabotage("ingress qdisc deleted", 1, naming: "redirection", host: "tc qdisc delete dev HOSTEND ingress"),
        Sabotage("filter deleted", 1, naming: "redirection", host: "tc filter delete dev HOSTEND ingress"),
        Sabotage("ifb down", 1, naming: "bwp") { host, attached in
            try host.must("ip link set \(BandwidthTests.block(attached)!) down")
        },
        Sabotage("ifb deleted", 1, naming: "bwp") { host, attached in
            try host.must("ip link delete \(BandwidthTests.block(attached)!)")
        },
        Sabotage("ifb's alias wiped", 1, naming: "alias") { host, attached in
            _ = try host.run(["ip", "link", "set", BandwidthTests.block(attached)!, "alias", ""])
        },
        Sabotage("ifb's qdisc deleted", 1, naming: "bwp") { host, attached in
            try host.must("tc qdisc delete dev \(BandwidthTests.block(attached)!) root")
        },
        Sabotage("ifb's rate changed", 1, naming: "bwp") { host, attached in
            try host.must(
                "tc qdisc change dev \(BandwidthTests.block(attached)!) root handle be00: tbf rate 1mbit burst 20000 latency 25ms"
            )
        },
        Sabotage("redirected elsewhere", 1, naming: "cni0") { host, attached in
            let end = attached.hostEnd!
            try host.must("tc filter delete dev \(end) ingress")
            try host.must(
                "tc filter add dev \(end) parent ffff: protocol all pref 48640 u32 match u32 0 0 action mirred egress redirect dev cni0"
            )
        },
        Sabotage("the cable deleted", 0, naming: "HOSTEND", host: "ip link delete HOSTEND"),
    ]

    @Test("P-54 P-55 CHECK names what was taken away, and a repair brings it back", arguments: sabotages)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BandwidthTests.both, "c1")
            let before = try host.check(attached)
            host.expect(before == nil, "before: \(before.map { "\($0)" } ?? "")")
            try sabotage.commit(host, attached)
            try host.expectDrift(
                attached, sabotage.plugin, naming: sabotage.names.replacing("HOSTEND", with: attached.hostEnd!))
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.entries.isEmpty, repair.text)
            let drift = try host.check(attached)
            host.expect(drift == nil, "CHECK after the repair: \(drift.map { "\($0)" } ?? "")")
            let outer = Endpoint(attached.gateway(.v4)!, 7000)
            let seen = try host.converse(.tcp, from: "c1", to: outer, at: nil, listening: outer)
            host.expect(seen?.address, is: attached.address(.v4), "the container as its gateway sees it")
            try host.detach(attached)
        }
    }

    @Test(
        "rank 6 what is taken away while a watch runs is back within a second",
        arguments: ["tc qdisc delete dev HOSTEND root", "tc filter delete dev HOSTEND ingress", "ip link delete BLOCK"])
    func watched(_ command: String) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BandwidthTests.both, "c1")
            let line = command.replacing("HOSTEND", with: attached.hostEnd!).replacing(
                "BLOCK", with: BandwidthTests.block(attached)!)
            // What the ADD set off is over.
            usleep(300_000)
            var watch = try RepairWatch(of: StateDirectory())
            host.expect(try watch.next(milliseconds: 300) == nil, "woken by nothing")
            try host.must(line)
            var isMended = false
            for _ in 0..<10 where !isMended {
                guard let repair = try watch.next(milliseconds: 1000), !repair.isIdle else { continue }
                host.expect(repair.isClean, repair.text)
                isMended = true
            }
            host.expect(isMended, "nothing was mended")
            let failure = try host.check(attached)
            host.expect(failure == nil, "CHECK afterwards: \(failure.map { "\($0)" } ?? "")")
        }
    }

    @Test("doctor tells of an ifb without a record, and GC removes it")
    func orphan() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BandwidthTests.both, "c1")
            let block = BandwidthTests.block(attached)!
            try host.must("rm -r /run/berth/attachments")
            let directories = LeaseDirectories(try ConfiguredNetworks(in: "/run/scratch/net.d"))
            let doctor = try Doctor(
                of: StateDirectory(), in: directories, cache: ResultCache("/run/scratch/cache"), fix: false)
            let found = doctor.findings.first { $0.object == "link \(block)" }
            host.expect(found?.rule, is: .unrecorded, "its finding")
            let failure = try host.collect(BandwidthTests.both, valid: [])
            host.expect(failure == nil, "\(failure!)")
            let links = try host.must("ip -o link")
            host.expect(!links.contains(block), "\(block) is left: \(links)")
        }
    }

    @Test("a later change of the MTU, and of the whole chain, is no drift")
    func tuned() throws {
        try PrivateHost.run { host in
            var network = BandwidthTests.network(["ingressRate": 8_000_000, "ingressBurst": 8_000])
            network.plugins += [["type": "tuning", "mtu": 1300]]
            let attached = try host.attach(network, "c1")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isIdle, repair.text)
        }
    }

    @Test("P-56 STATUS is ready, and code 51 once an ifb has gone")
    func status() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BandwidthTests.both, "c1")
            let ready = try host.status(BandwidthTests.both)
            host.expect(ready == nil, "\(ready!)")
            let block = BandwidthTests.block(attached)!
            try host.must("ip link delete \(block)")
            let answer = try host.status(BandwidthTests.both)
            host.expect(answer?.isError(51) == true && answer?.sentence.contains(block) == true, "\(answer!)")
        }
    }
}

extension JSONObject {
    /// Both, the other's where both have a key.
    func merging(_ other: JSONObject) -> JSONObject {
        var both = self
        both.merge(other)
        return both
    }
}
