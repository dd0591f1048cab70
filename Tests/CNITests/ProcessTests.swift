import Glibc
import JSON
import NetCore
import Synchronization
import Testing

@testable import CNI

@Suite struct ProcessTests {
    @Test(
        "P-9 the plugin's own namespace is code 8 before anything is done",
        arguments: ["/proc/self/ns/net", "/proc/thread-self/ns/net", "//proc/./self/ns/net"])
    func ownNamespace(_ path: String) throws {
        for command in ["ADD", "DEL", "CHECK"] {
            let plugin = ScriptedPlugin()
            let outcome = try run(plugin, environment(command, ["CNI_NETNS": path]), configuration())
            #expect(outcome.code == 8)
            #expect(outcome.message == "plugin's netns and netns from CNI_NETNS should not be the same")
            #expect(plugin.commands.isEmpty)
        }
    }

    @Test("P-9 CNI_NETNS_OVERRIDE allows it", arguments: ["1", "TRUE", "true", "True"])
    func override(_ value: String) throws {
        let changes = ["CNI_NETNS": "/proc/self/ns/net", "CNI_NETNS_OVERRIDE": value]
        #expect(try run(ScriptedPlugin(), environment("ADD", changes), configuration()).exitCode == 0)
    }

    @Test("P-9 another value of CNI_NETNS_OVERRIDE does not", arguments: ["", "0", "yes"])
    func noOverride(_ value: String) throws {
        let changes = ["CNI_NETNS": "/proc/self/ns/net", "CNI_NETNS_OVERRIDE": value]
        #expect(try run(ScriptedPlugin(), environment("ADD", changes), configuration()).code == 8)
    }

    @Test("P-9 P-50 a namespace that is gone, empty or no namespace at all does not keep a DEL from its work")
    func goneNamespace() throws {
        for path in ["/run/netns/gone", "", nil, "/dev/null", "/tmp", "/proc/self/ns/mnt", "\u{1}"] {
            let plugin = ScriptedPlugin()
            #expect(try run(plugin, environment("DEL", ["CNI_NETNS": path]), configuration()).exitCode == 0)
            #expect(plugin.requests.first?.netns == (path == "" ? nil : path))
        }
    }

    @Test("P-10 an input that cannot be read is code 5")
    func unreadable() throws {
        let output = try TemporaryFile()
        let plugin = ScriptedPlugin()
        let directory = try OwnedDescriptor(open: "/tmp", O_RDONLY | O_DIRECTORY)
        let code = PluginProcess.run(
            plugin, environment: Environment(environment("ADD")),
            streams: .init(input: directory.number, output: output.descriptor, errors: output.descriptor))
        #expect(code == 1)
        #expect(parsed(try output.text())?["code"] == 5)
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-13 only ADD and VERSION print", arguments: ["DEL", "CHECK", "GC", "STATUS"])
    func silent(_ command: String) throws {
        let text = configuration("1.1.0", ["cni.dev/valid-attachments": []])
        let outcome = try run(ScriptedPlugin(), environment(command), text)
        #expect(outcome.exitCode == 0)
        #expect(outcome.output == "" && outcome.errors == "")
    }

    @Test("P-14 P-15 a failure is one error object on standard output, with the configuration's version")
    func failures() throws {
        let failure = CNIError(.linkMissing, "no link \"x\"", details: "make it")
        for command in [Command.add, .del, .check, .gc, .status] {
            let plugin = ScriptedPlugin(failures: [command: failure])
            let version = command.since < .v0_4_0 ? SpecVersion.v0_4_0 : command.since
            let text = configuration(version.rawValue, ["cni.dev/valid-attachments": []])
            let outcome = try run(plugin, environment(command.rawValue), text)
            #expect(outcome.exitCode == 1)
            #expect(outcome.errors == "")
            #expect(
                outcome.output
                    == #"{"cniVersion":"\#(version)","code":104,"msg":"no link \"x\"","details":"make it"}"# + "\n")
            #expect(plugin.commands == [command], "a plugin that fails has undone its own work")
        }
    }

    @Test("P-15 the configuration's version marks errors of the environment too, 1.1.0 what is unknown")
    func markedVersion() throws {
        let bad = environment("ADD", ["CNI_IFNAME": nil])
        #expect(try run(ScriptedPlugin(), bad, configuration("0.4.0")).json?["cniVersion"] == "0.4.0")
        for text in ["", "{", "[]", configuration("9.9.9"), configuration("x")] {
            let outcome = try run(ScriptedPlugin(), bad, text)
            #expect(outcome.code == 4)
            #expect(outcome.json?["cniVersion"] == "1.1.0")
        }
        #expect(CNIError(.internal, "m").json(version: .v0_2_0).text == #"{"cniVersion":"0.2.0","code":999,"msg":"m"}"#)
    }

    @Test("P-16 P-17 the numbers are the specification's, and ours stand at 100 and above")
    func codes() {
        let standard: [(CNIErrorCode, Int)] = [
            (.incompatibleVersion, 1), (.unsupportedField, 2), (.unknownContainer, 3), (.invalidEnvironment, 4),
            (.inputOutput, 5), (.decoding, 6), (.invalidConfiguration, 7), (.invalidNamespace, 8), (.tryAgainLater, 11),
            (.notAvailable, 50), (.limitedConnectivity, 51), (.internal, 999), (.portConflict, 100),
            (.addressInUse, 101), (.poolExhausted, 102), (.interfaceExists, 103), (.linkMissing, 104),
            (.rollbackIncomplete, 105), (.driftFound, 106),
        ]
        for (code, number) in standard { #expect(code.rawValue == number) }
    }

    @Test("an error that a foreign plugin printed is read with its number")
    func foreignError() {
        let error = CNIError(decoding: ["cniVersion": "0.4.0", "code": 4711, "msg": "m", "details": ""])
        #expect(error?.code == 4711 && error?.message == "m" && error?.details == nil && error?.version == .v0_4_0)
        #expect(CNIError(decoding: ["cniVersion": "1.0.0", "ips": []]) == nil)
        #expect(CNIError(decoding: [1]) == nil)
    }

    @Test("P-20 the result is printed by one write, after the work")
    func printedOnce() throws {
        // On a socket that keeps messages apart, each write is one message.
        let ends = try pair { socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, $0) }
        defer { for end in [ends.0, ends.1] { close(end) } }
        let message = { @Sendable () -> String? in
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(ends.0, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
        }
        let before = Mutex<String?>("not run")
        let plugin = ScriptedPlugin(duringAdd: { before.withLock { $0 = message() } })
        let input = try TemporaryFile(holding: Array(configuration().utf8))
        let code = PluginProcess.run(
            plugin, environment: Environment(environment("ADD")),
            streams: .init(input: input.descriptor, output: ends.1, errors: 2))
        #expect(code == 0)
        #expect(before.withLock { $0 } == nil)
        #expect(message() == (try CNIResult.sample.json(version: .v1_1_0).text) + "\n")
        #expect(message() == nil)
    }

    @Test("P-20 a result that nobody can read any more is undone")
    func closedOutput() throws {
        let plugin = ScriptedPlugin()
        let input = try TemporaryFile(holding: Array(configuration().utf8))
        let errors = try TemporaryFile()
        let ends = try pair { pipe($0) }
        close(ends.0)
        let code = PluginProcess.run(
            plugin, environment: Environment(environment("ADD")),
            streams: .init(input: input.descriptor, output: ends.1, errors: errors.descriptor))
        close(ends.1)
        #expect(code == 1)
        #expect(plugin.commands == [.add, .del])
        #expect(try errors.text().contains("EPIPE"))
    }

    @Test("P-21 more than 8 MiB are refused with code 5, 8 MiB are read")
    func inputLimit() throws {
        let text = Array(configuration().utf8)
        let spaces = [UInt8](repeating: 0x20, count: PluginProcess.inputLimit - text.count)
        #expect(try run(ScriptedPlugin(), environment("ADD"), input: text + spaces).exitCode == 0)
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, environment("ADD"), input: text + spaces + [0x20])
        #expect(outcome.code == 5)
        #expect(outcome.message?.contains("more than 8388608 bytes") == true)
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-21 a signal during ADD undoes it with DEL", arguments: [SIGTERM, SIGINT])
    func interrupted(_ signal: Int32) throws {
        // A thread of the test library's may have its signals blocked already; this one would die of the signal.
        var before = sigset_t()
        var only = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, signal)
        pthread_sigmask(SIG_UNBLOCK, &only, &before)
        let plugin = ScriptedPlugin(duringAdd: { pthread_kill(pthread_self(), signal) })
        let outcome = try run(plugin, environment("ADD"), configuration("1.0.0"))
        #expect(outcome.exitCode == 1)
        #expect(outcome.code == 999)
        #expect(outcome.message == "interrupted")
        #expect(outcome.json?["cniVersion"] == "1.0.0")
        #expect(plugin.commands == [.add, .del])
        var after = sigset_t()
        var pending = sigset_t()
        pthread_sigmask(SIG_SETMASK, &before, &after)
        sigpending(&pending)
        #expect(sigismember(&after, signal) == 0 && sigismember(&pending, signal) == 0, "the thread is as it was")
    }

    @Test("P-34 an undoing that fails is code 105 and tells both errors")
    func incompleteRollback() throws {
        let plugin = ScriptedPlugin(
            failures: [.del: CNIError(.inputOutput, "cannot remove veth1", details: "veth1")],
            duringAdd: { pthread_kill(pthread_self(), SIGTERM) })
        let outcome = try run(plugin, environment("ADD"), configuration())
        #expect(outcome.code == 105)
        #expect(outcome.message == "interrupted; undoing it failed: cannot remove veth1")
        #expect(outcome.details == "veth1")
    }

    @Test("P-34 a result that the version cannot express is undone")
    func inexpressible() throws {
        let plugin = ScriptedPlugin(result: CNIResult())
        let outcome = try run(plugin, environment("ADD"), configuration("0.2.0"))
        #expect(outcome.message == "cannot convert: no valid IP addresses")
        #expect(plugin.commands == [.add, .del])
    }

    @Test(
        "P-60 VERSION answers with the version asked and all that are spoken",
        arguments: [
            ("", "1.1.0"), ("\n", "1.1.0"), ("{}", "1.1.0"), (#"{"cniVersion":"0.4.0"}"#, "0.4.0"),
            (#"{"cniVersion":"3.0.0"}"#, "3.0.0"), (#"{"cniVersion":"x"}"#, "1.1.0"), (#"{"cniVersion":7}"#, "1.1.0"),
        ])
    func version(_ input: String, _ expected: String) throws {
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, ["CNI_COMMAND": "VERSION"], input)
        #expect(outcome.exitCode == 0)
        #expect(
            outcome.output == """
                {"cniVersion":"\(expected)","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}

                """)
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-60 VERSION answers a closed input, and refuses what is no JSON")
    func versionInput() throws {
        let output = try TemporaryFile()
        let code = PluginProcess.run(
            ScriptedPlugin(), environment: Environment(["CNI_COMMAND": "VERSION"]),
            streams: .init(input: Int32.max, output: output.descriptor, errors: 2))
        #expect(code == 0)
        #expect(parsed(try output.text())?["cniVersion"] == "1.1.0")
        #expect(try run(ScriptedPlugin(), ["CNI_COMMAND": "VERSION"], "nonsense").code == 6)
    }

    @Test("any environment and any input end in an answer with exit code 0 or 1")
    func anything() throws {
        let values = ["", "x", "é", "/", "..", "a=b;c", String(repeating: "y", count: 100_000), "\u{1}\u{7f}"]
        let inputs = [
            "", "{}", "nonsense", configuration(), configuration("0.1.0"),
            #"{"cniVersion":"1.1.0","name":"n","prevResult":{"ips":[{"address":"1.2.3.4/33"}]}}"#,
            #"{"cniVersion":"1.1.0","name":"n","prevResult":{"ips":[{"address":"::/0","interface":-9223372036854775808}]}}"#,
            String(repeating: "[", count: 100_000),
        ]
        for command in Command.allCases.map(\.rawValue) + ["x"] {
            for name in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"] {
                for (index, value) in values.enumerated() {
                    let input = inputs[index % inputs.count]
                    let outcome = try run(ScriptedPlugin(), environment(command, [name: value]), input)
                    #expect(outcome.exitCode == 0 || (outcome.exitCode == 1 && outcome.code != nil))
                }
            }
        }
    }
}

/// The two descriptors that a call makes.
private func pair(_ call: (UnsafeMutablePointer<Int32>) -> Int32) throws(KernelError) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    try NetCore.check("make a pair of descriptors") { call(&ends) }
    return (ends[0], ends[1])
}
