import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

/// One call of a plugin, and what it is told to do.
struct Told: Sendable {
    let request: Request
    let plan: Plan
    let result: CNIResult

    static let netns = "/run/netns/blue"

    /// Throws what the plugin says of the configuration. `addresses` are what IPAM gives.
    init(
        _ plugin: some PlannedPlugin, _ configuration: JSONObject, addresses: [String] = [], routes: [JSON] = [],
        previous: CNIResult? = nil, arguments: String = "", interface: String = "eth0"
    ) throws {
        request = try Told.request(
            plugin.name, configuration, previous: previous, arguments: arguments, interface: interface)
        var lease = CNIResult()
        lease.ips = addresses.map { text in
            let prefix = IPPrefix(text)!
            return CNIResult.IPConfiguration(address: prefix, gateway: prefix.first.advanced(by: 1))
        }
        lease.routes = try CNIResult(decoding: ["routes": .array(routes)], version: .latest).routes
        let told = try plugin.assumed(request) { _ throws(CNIError) in lease }
        plan = told.plan
        result = told.result
    }

    static func request(
        _ type: String, _ configuration: JSONObject, previous: CNIResult? = nil, arguments: String = "",
        interface: String = "eth0", command: Command = .add, environment: [String: String] = [:]
    ) throws -> Request {
        var json: JSONObject = ["cniVersion": "1.1.0", "name": "net1", "type": .string(type)]
        for (key, value) in configuration { json[key] = value }
        if let previous { json["prevResult"] = try previous.json(version: .latest) }
        return Request(
            command: command, containerID: "c1", netns: netns, interface: LinkName(interface)!,
            arguments: try CNIArguments(arguments), configuration: try NetworkConfiguration(json),
            environment: Environment(environment))
    }

    /// What a bridge plugin before this one answers.
    static func bridged(_ addresses: [String]) -> CNIResult {
        let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)
        var result = CNIResult()
        result.interfaces = [
            CNIResult.Interface(name: "cni0"), CNIResult.Interface(name: attachment.hostInterface.description),
            CNIResult.Interface(name: "eth0", sandbox: netns),
        ]
        result.ips = addresses.map { CNIResult.IPConfiguration(address: IPPrefix($0)!, interface: 2) }
        return result
    }

    /// Words, commands and rules, as people read them.
    var text: String {
        let words = plan.shared.map { "shared: \($0.words)" } + plan.owned.map { "owned: \($0.words)" }
        let table = Set(plan.netfilter.families.flatMap { BerthTable.shellCommands($0) })
        let rules = plan.netfilter.commands.filter { !table.contains($0) }
        return
            (words + plan.resources.flatMap { $0.commands(ShellWriter(namespace: Told.netns)) }.map { "$ \($0)" }
            + rules.map { "nft \($0)" }).joined(separator: "\n") + "\n"
    }

    /// The same as a script that a shell runs.
    var script: String {
        let netfilter = plan.netfilter.shellCommands
        return
            (plan.resources.flatMap { $0.commands(ShellWriter(namespace: Told.netns)) }
            + plan.netfilter.families.flatMap { BerthTable.shellCommands($0) } + netfilter).joined(separator: "\n")
            + "\n"
    }
}

/// Texts that tests compare with, in Tests/Golden; UPDATE_GOLDEN=1 writes them anew.
enum Golden {
    static func expect(_ name: String, _ text: String, _ place: SourceLocation = #_sourceLocation) throws {
        let path = Files.directory(of: Files.directory(of: #filePath)) + "/Golden/\(name)"
        if Environment.process["UPDATE_GOLDEN"] == "1" { try Files.replace(path, with: Array(text.utf8), mode: 0o644) }
        let golden = String(decoding: try Files.read(path), as: UTF8.self)
        guard golden != text else { return }
        let old = Set(golden.split(separator: "\n"))
        let new = Set(text.split(separator: "\n"))
        let lines =
            golden.split(separator: "\n").filter { !new.contains($0) }.map { "- \($0)" }
            + text.split(separator: "\n").filter { !old.contains($0) }.map { "+ \($0)" }
        Issue.record("\(name) has changed:\n\(lines.joined(separator: "\n"))", sourceLocation: place)
    }
}

/// A plan on a host of its own, after the plans before it.
enum RealHost {
    /// What is different on the host and in the container after `change`, without what the kernel chooses by itself.
    static func state(
        after plans: [Plan], prepared prepare: @escaping @Sendable (PrivateHost) throws -> Void = { _ in },
        _ change: @escaping @Sendable (PrivateHost) throws -> Void
    ) throws -> [String] {
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            try prepare(host)
            for plan in plans { try apply(plan) }
            try change(host)
            let inner = try host.inside("blue") { try host.state(folders: []).lines }
            return (try host.state(folders: []).lines + inner.map { "in blue: \($0)" }).filter { !$0.contains("fe80:") }
                .map(withoutRandomMAC)
        }
    }

    static func apply(_ plan: Plan, namespace: String? = Told.netns) throws {
        var kernel = try LinuxKernel(namespace: namespace, state: StateDirectory("/run/scratch/state"))
        try kernel.apply(plan)
        let findings = try kernel.findings(plan)
        guard findings.isEmpty else { throw HostRefused("right after it: \(findings)") }
    }

    /// A cable's ends get addresses by chance, unless the plan gives them.
    private static func withoutRandomMAC(_ line: String) -> String {
        guard line.contains("link "), line.contains(" veth") || line.contains(" ifb") || line.contains(" macvlan"),
            !line.contains("link/ether c2:11:")
        else { return line }
        var words = line.split(separator: " ").map(String.init)
        if let at = words.firstIndex(of: "link/ether") { words.removeSubrange(at...(at + 1)) }
        return words.joined(separator: " ")
    }

    /// The plan by our kernel calls and by its own script, on two hosts; empty when they are equal.
    static func difference(
        _ told: Told, after plans: [Plan] = [],
        _ prepare: @escaping @Sendable (PrivateHost) throws -> Void = { _ in }
    ) throws -> String {
        let plan = told.plan
        let script = told.script
        // The kernel brings a link's operational state up to its carrier's some time later (linkwatch): what differs by that alone is
        // equal the next time.
        var difference = ""
        for _ in 0..<3 {
            let ours = try state(after: plans, prepared: prepare) { _ in try apply(plan) }
            let theirs = try state(after: plans, prepared: prepare) { host in
                let outcome = try host.run(["sh", "-e"], input: Array(script.utf8))
                guard outcome.exitCode == 0 else { throw HostRefused("\(outcome)\n\(script)") }
            }
            let (old, new) = (Set(theirs), Set(ours))
            difference =
                (theirs.filter { !new.contains($0) }.map { "script: \($0)" }
                + ours.filter { !old.contains($0) }.map { "netlink: \($0)" }).joined(separator: "\n")
            if difference.isEmpty { break }
        }
        return difference
    }
}
