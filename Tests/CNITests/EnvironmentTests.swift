import CNI
import NetCore
import Testing

@Suite struct EnvironmentTests {
    @Test("P-1 each of the six commands reaches its verb", arguments: ["ADD", "DEL", "CHECK", "GC", "STATUS"])
    func commands(_ command: String) throws {
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, environment(command), configuration("1.1.0", ["cni.dev/valid-attachments": []]))
        #expect(outcome.exitCode == 0)
        #expect(plugin.commands.map(\.rawValue) == [command])
    }

    @Test("P-2 an unknown command is code 4 and named", arguments: ["add", "Add", "UPDATE", " ADD", "ADD\n", "é"])
    func unknownCommand(_ command: String) throws {
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, environment(command), configuration())
        #expect(outcome.exitCode == 1)
        #expect(outcome.code == 4)
        #expect(outcome.message == "unknown CNI_COMMAND: \(command)")
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-3 without a command the versions stand on standard error and nothing on output", arguments: [nil, ""])
    func noCommand(_ command: String?) throws {
        let outcome = try run(ScriptedPlugin(), environment("", ["CNI_COMMAND": command]), "not JSON")
        #expect(outcome.exitCode == 0)
        #expect(outcome.output == "")
        #expect(
            outcome.errors == """
                CNI plugin scripted v\(PluginProcess.programVersion)
                CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0

                """)
    }

    @Test(
        "P-4 P-5 all missing variables are named at once, and empty counts as missing",
        arguments: [
            ("ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]), ("ADD", ["CNI_NETNS"]),
            ("CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]), ("CHECK", ["CNI_IFNAME"]),
            ("DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]), ("GC", ["CNI_PATH"]),
        ])
    func missing(_ command: String, _ names: [String]) throws {
        for empty in [false, true] {
            var variables = environment(command)
            for name in names { variables[name] = empty ? "" : nil }
            let plugin = ScriptedPlugin()
            let outcome = try run(plugin, variables, configuration())
            #expect(outcome.exitCode == 1)
            #expect(outcome.code == 4)
            #expect(outcome.message == "required env variables [\(names.joined(separator: ","))] missing")
            #expect(plugin.commands.isEmpty)
        }
    }

    @Test(
        "P-4 P-4b what an operation does not need may be missing",
        arguments: [
            ("ADD", ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
            ("CHECK", ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
            ("DEL", ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME"]), ("GC", ["CNI_COMMAND", "CNI_PATH"]),
            ("STATUS", ["CNI_COMMAND"]), ("VERSION", ["CNI_COMMAND"]),
        ])
    func sufficient(_ command: String, _ names: [String]) throws {
        let variables = environment(command).filter { names.contains($0.key) }
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, variables, configuration("1.1.0", ["cni.dev/valid-attachments": []]))
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(plugin.commands.map(\.rawValue) == (command == "VERSION" ? [] : [command]))
    }

    @Test("P-6 a container's identifier has its letters", arguments: ["c1", "A", "0", "a_b.c-d", "9-._"])
    func identifier(_ id: String) throws {
        #expect(try run(ScriptedPlugin(), environment("ADD", ["CNI_CONTAINERID": id]), configuration()).exitCode == 0)
    }

    @Test(
        "P-6 another identifier is code 4 and names the variable",
        arguments: ["-a", ".", "_x", "a/b", "a b", "é", "../x"])
    func badIdentifier(_ id: String) throws {
        let plugin = ScriptedPlugin()
        for command in ["ADD", "DEL", "CHECK"] {
            let outcome = try run(plugin, environment(command, ["CNI_CONTAINERID": id]), configuration())
            #expect(outcome.code == 4)
            #expect(outcome.message?.hasPrefix("CNI_CONTAINERID \"\(id)\" ") == true)
        }
        #expect(plugin.commands.isEmpty)
    }

    @Test(
        "P-7 an interface's name that the kernel would refuse is code 4",
        arguments: [".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-bytes-xx", "ééééééé1x", "eth0\n"])
    func badInterface(_ name: String) throws {
        let plugin = ScriptedPlugin()
        for command in ["ADD", "DEL", "CHECK"] {
            let outcome = try run(plugin, environment(command, ["CNI_IFNAME": name]), configuration())
            #expect(outcome.code == 4)
            #expect(outcome.message?.hasPrefix("CNI_IFNAME \"\(name)\" ") == true)
        }
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-7 fifteen bytes are a name", arguments: ["fifteen-bytes-x", "e", "eth0.100", "veth@x"])
    func goodInterface(_ name: String) throws {
        let plugin = ScriptedPlugin()
        #expect(try run(plugin, environment("ADD", ["CNI_IFNAME": name]), configuration()).exitCode == 0)
        #expect(plugin.requests.first?.interface?.description == name)
    }

    @Test("a request carries what the environment says, to the letter")
    func request() throws {
        let request = try Request(
            environment: Environment(
                environment(
                    "ADD", ["CNI_NETNS": "/proc/../proc/1/ns//net", "CNI_ARGS": "IP=10.0.0.1", "CNI_PATH": "/a::/b c:"])
            ),
            standardInput: Array(configuration().utf8))
        #expect(request.command == .add)
        #expect(request.containerID == "c1")
        #expect(request.netns == "/proc/../proc/1/ns//net")
        #expect(request.arguments["IP"] == "10.0.0.1")
        #expect(request.path == ["/a", "/b c"])
        #expect(request.attachment == Attachment(network: "dbnet", containerID: "c1", interface: LinkName("eth0")!))
        #expect(request.standardInput == Array(configuration().utf8))
    }

    @Test("an attachment's variables are left out of account for GC and STATUS")
    func noAttachment() throws {
        for command in ["GC", "STATUS"] {
            let request = try Request(
                environment: Environment(
                    environment(command, ["CNI_CONTAINERID": "!", "CNI_IFNAME": "a/b", "CNI_ARGS": "broken"])),
                standardInput: Array(configuration("1.1.0", ["cni.dev/valid-attachments": []]).utf8))
            #expect(request.containerID == "" && request.interface == nil && request.netns == nil)
            #expect(request.arguments.pairs.isEmpty)
        }
    }

    @Test("the process's environment is what getenv(3) says")
    func processEnvironment() {
        let environment = Environment.process
        #expect(environment["PATH"] != nil)
        #expect(environment.variables["PATH"] == environment["PATH"])
        #expect(environment["PAT"] == nil)
        #expect(environment["NO_SUCH_VARIABLE_OF_BERTH"] == nil)
    }

    @Test("a variable is found by its whole name and keeps what follows the first equals sign")
    func lookup() {
        let environment = Environment(["A": "1=2", "AB": "3", "E": ""])
        #expect(environment["A"] == "1=2")
        #expect(environment["AB"] == "3")
        #expect(environment["E"] == "" && environment.nonEmpty("E") == nil)
        #expect(environment.variables == ["A": "1=2", "AB": "3", "E": ""])
    }
}
