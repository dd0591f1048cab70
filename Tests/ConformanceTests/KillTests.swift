import Glibc
import JSON
import NetCore
import TestSupport
import Testing

/// `kill -9` before every system call of a plugin, by strace's fault injection; then DEL must leave the host as it was.
@Suite("A plugin killed at any of its system calls leaves nothing after DEL")
struct KillTests {
    static let verbs: [(PluginType, String, JSONObject)] =
        ["ADD", "DEL"].flatMap { verb in
            [PluginType.bridge, .ptp, .macvlan, .portmap, .firewall, .tuning, .bandwidth, .loopback, .hostLocal].map {
                ($0, verb, [:])
            }
                // Without br_netfilter the port itself is isolated: a change of another plugin's link.
                + [
                    (.firewall, verb, ["ingressPolicy": "isolated"]), (.bridge, verb, ["removeEmptyBridge": true]),
                    (.bridge, verb, ["macspoofchk": true, "portIsolation": true]),
                ]
        }

    @Test("kill -9 at every system call", arguments: verbs)
    func killed(_ plugin: PluginType, _ verb: String, _ keys: JSONObject) throws {
        try PrivateHost.run { host in
            let subject = try KillSubject(host, plugin, keys)
            let before = try subject.state(host)
            let calls = try subject.systemCalls(of: verb, host)
            host.expect(calls.count > 20, "strace saw only \(calls.count) system calls")
            // The state is compared once in a while; what is left names its container, so the culprit is known.
            var survivors = 0
            for (number, call) in calls.enumerated() {
                let id = "kill\(number)"
                if verb == "DEL" { try host.expectSuccess(subject.call("ADD", id), "before the kill at \(call)") }
                let killed = try subject.run(verb, id, host, killedAt: call)
                if killed.exitCode != 128 + SIGKILL && !call.isInChild { survivors += 1 }
                // What a detached child was to finish is the next DEL's then.
                if call.isInChild { usleepMilliseconds(20) }
                try host.expectSuccess(subject.call("DEL", id), "after the kill at \(call)")
                if number % 25 == 24 || number == calls.count - 1 {
                    let difference = try subject.state(host).difference(from: before)
                    guard host.expect(difference, is: "", "after the kill at \(call) (number \(number) of \(verb))")
                    else { return }
                }
            }
            // A run may take another path than the one that was listed (a retry less); most must have met their kill.
            host.expect(survivors * 10 <= calls.count, "\(survivors) of \(calls.count) kills did not happen")
        }
    }
}

/// One system call of a process: the n-th of its name.
struct SystemCall: CustomStringConvertible {
    let name: String
    let occurrence: Int
    /// Of the detached child that finishes what the kernel makes us wait for.
    var isInChild = false
    var description: String { "\(name) number \(occurrence)\(isInChild ? " of the detached child" : "")" }
}

/// The plugin under the axe, with whatever must stand before it in its chain.
struct KillSubject {
    let plugin: PluginType
    private var configuration: JSONObject
    private let ports: JSONObject = ["portMappings": Ports.one(.tcp, 8080, 80)]

    init(_ host: PrivateHost, _ plugin: PluginType, _ keys: JSONObject = [:]) throws {
        self.plugin = plugin
        try host.makeNamespace("c1")
        configuration = plugin.configuration
        configuration.merge(keys)
        for file in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            try host.must("tee /proc/sys/net/bridge/\(file)", input: "0")
        }
        switch plugin {
        case .bridge, .ptp, .hostLocal, .fixed, .loopback: break
        case .macvlan:
            try host.prepare(for: .macvlan)
            // Without a gateway no address is waited for.
            configuration["ipam"] = ["type": "host-local", "ranges": [[["subnet": "10.22.0.0/24"]]]]
        case .portmap, .firewall, .tuning, .bandwidth:
            let attached = try host.attach(.bridged(), "c1")
            if plugin == .tuning {
                configuration = ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"], "mtu": 1400]
            }
            configuration["prevResult"] = attached.result
            if plugin == .portmap { configuration["runtimeConfig"] = .object(ports) }
        }
        // Everything shared is there before the first look; links of other plugins' making are never shared.
        func links() throws -> HostState { try host.state().matching { $0.hasPrefix("link ") } }
        let before = try links()
        try host.expectSuccess(call("ADD", "first"))
        try host.expectSuccess(call("DEL", "first"))
        if plugin.isChained { host.expect(try links().difference(from: before), is: "", "links after a first DEL") }
    }

    /// The host's, and of what makes its link in the container that one's.
    func state(_ host: PrivateHost) throws -> HostState {
        guard plugin == .macvlan else { return try host.settledState() }
        return HostState(
            lines: try host.settledState().lines + host.inside("c1") { try host.state(folders: []).lines })
    }

    func call(_ command: String, _ id: String) -> Call {
        Call(plugin, command, configuration).with {
            $0.containerID = id
            if plugin == .loopback { $0.interface = "lo" }
        }
    }

    /// Every system call of one run in order; of a detached child those that only it makes, its very first among them
    /// (strace counts in every process, so the others would meet the plugin itself).
    /// Of three runs the one with the fewest: on a busy machine a run may ask once more and once more whether the port
    /// forwards, and kills at those calls would not happen in others.
    func systemCalls(of command: String, _ host: PrivateHost) throws -> [SystemCall] {
        let runs = try (0..<3).map { _ in try tracedCalls(of: command, host) }
        return runs.min { $0.count < $1.count } ?? []
    }

    private func tracedCalls(of command: String, _ host: PrivateHost) throws -> [SystemCall] {
        if command == "DEL" { try host.expectSuccess(call("ADD", "listed")) }
        let folder = "\(host.scratch)/trace"
        try host.must("rm -rf \(folder)")
        try Files.makeDirectories(folder)
        let call = call(command, "listed")
        let outcome = try host.run(
            ["strace", "-ff", "-o", "\(folder)/of", plugin.path], environment: call.variables, input: call.input)
        guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
        if command == "ADD" { try host.expectSuccess(self.call("DEL", "listed")) }
        var calls: [SystemCall] = []
        var childCalls: [SystemCall] = []
        for file in try Files.names(in: folder).sorted() {
            // One file a process; the one that was executed is ours.
            let lines = String(decoding: try Files.read("\(folder)/\(file)"), as: UTF8.self).split(separator: "\n")
            let isChild = lines.first?.hasPrefix("execve(") != true
            var counts: [String: Int] = [:]
            for line in lines.dropFirst(isChild ? 0 : 1) {
                guard let end = line.firstIndex(of: "("), let first = line.utf8.first, (0x61...0x7a).contains(first)
                else { continue }
                let name = String(line[..<end])
                counts[name, default: 0] += 1
                let call = SystemCall(name: name, occurrence: counts[name]!, isInChild: isChild)
                if isChild { childCalls.append(call) } else { calls.append(call) }
            }
        }
        let names = Set(calls.map(\.name))
        calls += childCalls.filter { !names.contains($0.name) }
        return calls
    }

    func run(_ command: String, _ id: String, _ host: PrivateHost, killedAt point: SystemCall) throws -> ChildOutcome {
        let call = call(command, id)
        return try host.run(
            [
                "strace", "-f", "-o", "/dev/null", "-e", "trace=\(point.name)", "-e",
                "inject=\(point.name):signal=KILL:when=\(point.occurrence)", plugin.path,
            ], environment: call.variables, input: call.input)
    }
}
