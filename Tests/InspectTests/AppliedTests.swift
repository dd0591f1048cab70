import BridgePlugin
import CNI
import IPAM
import JSON
import NATPlugin
import NetCore
import NetPlan
import TestSupport
import Testing

@testable import Inspect

/// What a plan says against what an ADD does, on the real kernel.
@Suite struct AppliedTests {
    private static func plugin(_ type: String) -> (any Plugin)? {
        switch type {
        case "bandwidth": BandwidthPlugin()
        case "bridge": BridgePlugin(builtIn: { AppliedTests.plugin($0) })
        case "firewall": FirewallPlugin()
        case "host-local": HostLocal()
        case "loopback": LoopbackPlugin()
        case "macvlan": MacvlanPlugin(builtIn: { AppliedTests.plugin($0) })
        case "portmap": PortmapPlugin()
        case "ptp": PtpPlugin(builtIn: { AppliedTests.plugin($0) })
        case "static": StaticAddresses()
        case "tuning": TuningPlugin()
        default: nil
        }
    }

    /// Of the host and of the container, without what the kernel makes up anew each time.
    private static func state(_ host: PrivateHost) throws -> [String] {
        let folders: [String] = []
        let inner = try host.inside("web") { try host.state(folders: folders) }.lines.map { "container: \($0)" }
        return (try host.state(folders: folders).lines + inner).compactMap { line in
            if line.contains("fe80:") { return nil }
            guard line.contains(": up ") || line.contains(": down "),
                line.contains("veth") || line.contains(" ifb"),
                !line.contains("c2:11:22:33:44:55")
            else { return line }
            // A veth end's own address is random.
            var words = line.split(separator: " ").map(String.init)
            if let at = words.firstIndex(of: "link/ether"), at + 1 < words.count { words[at + 1] = "(random)" }
            return words.joined(separator: " ")
        }
    }

    /// As a plan assumes it: frames between ports of a bridge pass without nftables.
    private static func prepare(_ host: PrivateHost) throws {
        try host.makeNamespace("web")
        // The master of macvlans.
        try host.must("ip link add wan0 address c2:00:00:00:00:01 type bridge")
        try host.must("ip link set wan0 up")
        for name in ["iptables", "ip6tables"] {
            let path = "net/bridge/bridge-nf-call-\(name)"
            if Files.exists("/proc/sys/\(path)") { try Sysctl.write(path, "0") }
        }
    }

    private static func attach(_ sample: Sample) throws {
        let list = try NetworkConfigurationList(decoding: Array(sample.list.utf8))
        var capabilities: [String] = []
        for port in try sample.ports.map({ try PublishedPort($0) }) { capabilities.append(port.json.text) }
        let environment = Environment(["BERTH_CNI_CACHE_DIR": "/run/scratch/cache"])
        let caller = PluginCaller(builtIn: { AppliedTests.plugin($0) }, path: [], environment: environment)
        let parameters = try AttachmentParameters(
            containerID: "web", netns: "/run/netns/web", interface: LinkName("eth0")!,
            arguments: try CNIArguments(sample.addresses.first.map { "IP=\($0.split(separator: "/")[0])" } ?? ""),
            capabilities: try JSON(parsing: Array(#"{"portMappings": [\#(capabilities.joined(separator: ","))]}"#.utf8))
                .object ?? [:])
        _ = try ChainRunner(caller: caller, owner: "test", report: { _ in }).add(list, parameters)
    }

    @Test("the commands of a plan make the state that an ADD makes", arguments: Sample.all)
    func same(_ sample: Sample) throws {
        let (added, commanded) = try AppliedTests.both(sample)
        #expect(commanded == added)
        #expect(
            added.contains { $0.hasPrefix("link veth") || $0.hasSuffix(" macvlan") }, "no interface is in the state")
    }

    @Test("the commands of every example make the state that its ADD makes")
    func examples() throws {
        let examples = try Sample.examples()
        #expect(examples.count > 5)
        // Whose master is the link of the host's default route, no plan knows.
        for sample in examples where !sample.list.contains("macvlan") {
            let (added, commanded) = try AppliedTests.both(sample)
            #expect(commanded == added, "\(sample.name)")
        }
    }

    /// The state after an ADD on one host, and after the commands on another.
    private static func both(_ sample: Sample) throws -> (added: [String], commanded: [String]) {
        let added = try PrivateHost.run { host in
            try prepare(host)
            try attach(sample)
            return try state(host)
        }
        let script = try sample.plan().script
        let commanded = try PrivateHost.run { host in
            try prepare(host)
            try host.must("sh -eu", input: script)
            return try state(host)
        }
        return (added, commanded)
    }

    @Test("the commands of two containers load one after the other, and those of one twice, but for its cable")
    func again() throws {
        let first = try Sample.all[0].plan().script
        var neighbour = Sample.all[0]
        neighbour.ports = ["8081:80"]
        neighbour.addresses = ["10.88.0.3"]
        let second = try neighbour.plan(container: "client", netns: "/run/netns/client").script
        let (once, twice) = try PrivateHost.run { host in
            for name in ["web", "client"] { try host.makeNamespace(name) }
            try host.must("sh -eu", input: first)
            try host.must("sh -eu", input: second)
            let once = try host.must("nft -s list ruleset")
            // The cable goes; what is in nftables is said again.
            try host.must(
                "ip link delete \(Attachment(network: "podman", containerID: "web", interface: LinkName("eth0")!).hostInterface)"
            )
            try host.must("sh -eu", input: first)
            return (once, try host.must("nft -s list ruleset"))
        }
        #expect(once == twice)
        #expect(once.contains("10.88.0.3") && once.contains("tcp . 8081"))
    }

    @Test("a list tells what stands after an ADD")
    func list() throws {
        let table = try PrivateHost.run { host in
            try host.makeNamespace("web")
            try host.makeNamespace("internet")
            try host.cable("uplink", ["192.0.2.1/24"], to: "internet", "eth0", ["192.0.2.2/24"])
            try host.must("ip route add default via 192.0.2.2")
            try AppliedTests.attach(Sample.all[0])
            return try AttachmentList(of: StateDirectory()).table
        }
        #expect(table.contains("0.0.0.0:8080/tcp->80,127.0.0.1:5353/udp->53"))
    }
}
