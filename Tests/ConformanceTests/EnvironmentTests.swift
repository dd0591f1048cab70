import JSON
import TestSupport
import Testing

@Suite("The environment of a plugin process (P-1 to P-9)")
struct EnvironmentTests {
    @Test(
        "P-1 P-2 a command that is none of the six, in another case too, is refused with code 4 and named",
        arguments: PluginType.allCases)
    func unknownCommand(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for command in ["add", "Add", "FROB", "ADD ", "DELETE", "ADD\u{0a}"] {
                    try host.expectError(4, naming: ["CNI_COMMAND", command], Call(plugin, command), "as \(command)")
                }
            }
        }
    }

    @Test(
        "P-3 without a command the name and the versions go to standard error, with exit code 0",
        arguments: PluginType.allCases)
    func noCommand(_ plugin: PluginType) throws {
        let answer = try PrivateHost.run { host in try host.call(Call(plugin, "").with { $0.input = [] }) }
        #expect(answer.outcome.exitCode == 0)
        #expect(answer.outcome.output.isEmpty)
        #expect(answer.outcome.errorOutput.contains("CNI plugin \(plugin.rawValue) v"))
        #expect(
            answer.outcome.errorOutput.contains(
                "CNI protocol versions supported: \(plugin == .bandwidth ? "" : "0.1.0, 0.2.0, ")0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"
            ))
    }

    @Test("P-4 P-5 every missing variable is named at once with code 4", arguments: PluginType.allCases)
    func missingVariables(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                func bare(_ command: String) -> Call {
                    Call(plugin, command).with {
                        ($0.containerID, $0.netns, $0.interface, $0.path) = (nil, nil, nil, nil)
                    }
                }
                for command in ["ADD", "CHECK"] {
                    try host.expectError(4, naming: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"], bare(command))
                    try host.expectError(
                        4, naming: ["CNI_NETNS"], Call(plugin, command).with { $0.netns = "" }, "empty")
                }
                try host.expectError(4, naming: ["CNI_CONTAINERID", "CNI_IFNAME"], bare("DEL"))
                let delete = try host.call(bare("DEL"))
                host.expect(!delete.sentence.contains("CNI_NETNS"), "DEL asks for CNI_NETNS: \(delete)")
                try host.expectError(4, naming: ["CNI_PATH"], bare("GC"))
                try host.expectError(
                    4, naming: ["CNI_IFNAME"], Call(plugin, "ADD").with { $0.interface = nil }, "one missing")
            }
        }
    }

    @Test("P-4 VERSION and STATUS ask for no attachment", arguments: PluginType.allCases)
    func nothingNeeded(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.prepare(for: plugin)
            for command in ["VERSION", "STATUS"] {
                try host.expectSuccess(
                    Call(plugin, command).with {
                        ($0.containerID, $0.netns, $0.interface, $0.path) = (nil, nil, nil, nil)
                    })
            }
        }
    }

    @Test("P-4b ADD, CHECK and DEL with built-in IPAM need no CNI_PATH")
    func noPath() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let added = try host.call(Call(.bridge).with { $0.path = nil })
            host.expect(added.succeeded, "\(added)")
            var configuration = PluginType.bridge.configuration
            configuration["prevResult"] = added.json
            for command in ["CHECK", "DEL"] {
                try host.expectSuccess(Call(.bridge, command, configuration).with { $0.path = nil })
            }
        }
    }

    @Test(
        "P-6 a container id outside the allowed characters is refused with code 4, variable and value named",
        arguments: PluginType.allCases)
    func badContainerID(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for id in ["-a", ".a", "_a", "a/b", "a b", "ä", "../a", "a\u{0a}"] {
                    for command in ["ADD", "DEL", "CHECK"] {
                        try host.expectError(
                            4, naming: ["CNI_CONTAINERID"], Call(plugin, command).with { $0.containerID = id },
                            "id \(id)")
                    }
                }
            }
        }
    }

    @Test(
        "P-7 an interface name that the kernel would not take is refused with code 4, variable and value named",
        arguments: PluginType.allCases)
    func badInterface(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for name in ["sixteen-bytes-xx", "all", "default", ".", "..", "a/b", "a:b", "a b", "a\tb"] {
                    for command in ["ADD", "DEL", "CHECK"] {
                        try host.expectError(
                            4, naming: ["CNI_IFNAME", name], Call(plugin, command).with { $0.interface = name },
                            "name \(name)")
                    }
                }
            }
        }
    }

    @Test(
        "P-8 CNI_ARGS: a pair without = and an unknown key are refused, unless IgnoreUnknown",
        arguments: PluginType.allCases)
    func arguments(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.expectUnchanged {
                try host.expectError(
                    4, naming: ["ARGS", "FOO"], Call(plugin).with { $0.arguments = "FOO" }, "malformed")
                try host.expectError(4, naming: ["FOO=1"], Call(plugin).with { $0.arguments = "FOO=1" }, "unknown")
                try host.expectError(
                    4, naming: ["FOO=1"], Call(plugin).with { $0.arguments = "FOO=1;IgnoreUnknown=0" }, "not ignored")
            }
            for ignore in ["1", "true"] {
                let answer = try host.call(
                    Call(plugin, "DEL").with { $0.arguments = "K8S_POD_NAME=x;IgnoreUnknown=\(ignore)" })
                host.expect(answer.succeeded, "IgnoreUnknown=\(ignore): \(answer)")
            }
        }
    }

    @Test("P-8 what args.cni says wins over CNI_ARGS")
    func argumentsLose() throws {
        let mac = try PrivateHost.run { host in
            var network = TestNetwork.bridged()
            network.plugins[0]["args"] = ["cni": ["mac": "c2:11:22:33:44:55"]]
            return try host.attach(network, "c1", arguments: "MAC=c2:11:22:33:44:66").link("eth0")?["mac"]?.string
        }
        #expect(mac == "c2:11:22:33:44:55")
    }

    @Test(
        "P-9 the plugin's own namespace as CNI_NETNS is refused with code 8 before anything is touched",
        arguments: PluginType.allCases.filter { !$0.isIPAM })
    func ownNamespace(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for command in ["ADD", "DEL"] {
                    try host.expectError(
                        8, naming: ["CNI_NETNS"], Call(plugin, command).with { $0.netns = "/proc/self/ns/net" })
                }
            }
        }
    }

    @Test("P-9 CNI_NETNS_OVERRIDE lets the own namespace through", arguments: ["1", "TRUE", "true"])
    func override(_ value: String) throws {
        try PrivateHost.run { host in
            try host.expectSuccess(
                Call(.loopback).with {
                    $0.netns = "/proc/self/ns/net"
                    $0.interface = "lo"
                    $0.environment["CNI_NETNS_OVERRIDE"] = value
                })
        }
    }
}
