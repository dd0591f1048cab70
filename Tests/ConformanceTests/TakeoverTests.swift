import Glibc
import JSON
import NetCore
import NetPlan
import TestSupport
import Testing

/// A host that changes over from the reference plugins (Debian's, in /usr/lib/cni) leaves nothing of theirs behind.
@Suite("iptables: a DEL takes the reference plugins' rules over")
struct TakeoverTests {
    /// The reference's `iptables` is whichever comes first.
    static func prepare(_ host: PrivateHost, _ variant: IptablesVariant) throws {
        let folder = "\(host.scratch)/iptables"
        try Files.makeDirectories(folder)
        for name in ["iptables", "ip6tables"] {
            for suffix in ["", "-save", "-restore"] {
                let program = "/usr/sbin/\(name)-\(variant)\(suffix)"
                guard symlink(program, "\(folder)/\(name)\(suffix)") == 0 else {
                    throw HostRefused("no link to \(program)")
                }
            }
        }
        host.environment["PATH"] = "\(folder):\(host.environment["PATH"]!)"
        host.environment["BERTH_IPTABLES"] = variant.rawValue
    }

    static let network = TestNetwork.bridged(
        TestNetwork.portmap, TestNetwork.firewall, keys: ["hairpinMode": true], version: "1.0.0")

    /// ADD by the reference's plugins, of the list that ours are told as well.
    static func reference(_ host: PrivateHost, _ id: String, _ port: Int) throws -> Attached {
        try host.makeNamespace(id)
        var attached = Attached(network: network, id: id, namespace: id)
        attached.runtimeConfig["portMappings"] = Ports.one(.tcp, port, 80)
        var previous: JSON?
        for index in network.plugins.indices {
            var call = attached.call(index, "ADD", previous: previous)
            call.path = "/usr/lib/cni"
            let answer = Answer(
                try host.run(
                    ["/usr/lib/cni/\(call.plugin.rawValue)"], environment: call.variables, input: call.input))
            guard answer.succeeded, let result = answer.json else { throw PluginFailed(answer: answer) }
            previous = result
        }
        attached.result = previous ?? [:]
        return attached
    }

    private static func left(_ host: PrivateHost, _ variant: IptablesVariant, _ words: [String]) throws -> [String] {
        try ["nat", "filter"].flatMap { table in
            try [false, true].flatMap { try IptablesTests.rules(host, variant, table, v6: $0) }
        }.filter { line in words.contains { line.contains($0) } }
    }

    @Test(
        "DEL of what the reference had added leaves none of its rules, leases and links",
        arguments: IptablesVariant.allCases, ["by iptables", "by nftables"])
    func taken(_ variant: IptablesVariant, _ ours: String) throws {
        try PrivateHost.run { host in
            try TakeoverTests.prepare(host, variant)
            if ours == "by iptables" { host.environment["BERTH_BACKEND"] = "iptables" }
            let first = try TakeoverTests.reference(host, "c1", 8080)
            let second = try TakeoverTests.reference(host, "c2", 8081)
            let own = { (attached: Attached) in
                ["id: \\\"\(attached.id)\\\"", "\(attached.address(.v4)!)/32", "\(attached.address(.v6)!)/128"]
            }
            host.expect(try TakeoverTests.left(host, variant, own(first)).count > 6, "the reference made its rules")
            let others = try TakeoverTests.left(host, variant, own(second))
            try host.detach(first)
            host.expect(try TakeoverTests.left(host, variant, own(first)), is: [], "rules of c1")
            host.expect(try TakeoverTests.left(host, variant, own(second)), is: others, "rules of c2")
            let chains = try host.must("iptables-\(variant)-save -t nat").split(separator: "\n").filter {
                $0.hasPrefix(":CNI-DN-")
            }
            host.expect(chains.count, is: 1, "chains of ports: \(chains)")
            host.expect(!Files.exists("/var/lib/cni/networks/net1/\(first.address(.v4)!)"), "the lease of c1 is left")
        }
    }

    @Test(
        "GC takes the reference's rules of dead containers and leaves the living theirs",
        arguments: IptablesVariant.allCases)
    func collected(_ variant: IptablesVariant) throws {
        try PrivateHost.run { host in
            try TakeoverTests.prepare(host, variant)
            let first = try TakeoverTests.reference(host, "c1", 8080)
            _ = try TakeoverTests.reference(host, "c2", 8081)
            let others = try TakeoverTests.left(host, variant, ["id: \\\"c1\\\""])
            var network = TakeoverTests.network
            network.version = "1.1.0"
            let failure = try host.collect(network, valid: [first])
            host.expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
            host.expect(try TakeoverTests.left(host, variant, ["id: \\\"c2\\\""]), is: [], "rules of c2")
            host.expect(try TakeoverTests.left(host, variant, ["id: \\\"c1\\\""]), is: others, "rules of c1")
        }
    }
}
