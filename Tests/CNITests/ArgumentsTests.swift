import CNI
import Testing

@Suite struct ArgumentsTests {
    @Test("P-8 pairs are split at semicolons and at the first equals sign")
    func pairs() throws {
        let arguments = try CNIArguments("IgnoreUnknown=1;K8S_POD_NAME=web=1;MAC=;IP=10.0.0.1;IP=10.0.0.2")
        #expect(arguments.pairs.map(\.key) == ["IgnoreUnknown", "K8S_POD_NAME", "MAC", "IP", "IP"])
        #expect(arguments["K8S_POD_NAME"] == "web=1")
        #expect(arguments["MAC"] == "")
        #expect(arguments["IP"] == "10.0.0.2")
        #expect(arguments["GATEWAY"] == nil)
        #expect(try CNIArguments("").pairs.isEmpty)
        #expect(try CNIArguments(arguments.text) == arguments)
    }

    @Test(
        "P-8 a malformed pair is code 4 and named",
        arguments: [
            ("IP", "IP"), ("=x", "=x"), ("A=1;", ""), ("A=1;;B=2", ""), (";", ""), ("A=1;B", "B"), ("é;A=1", "é"),
        ])
    func malformed(_ text: String, _ pair: String) throws {
        let plugin = ScriptedPlugin()
        for command in ["ADD", "CHECK"] {
            let outcome = try run(plugin, environment(command, ["CNI_ARGS": text]), configuration())
            #expect(outcome.code == 4)
            #expect(outcome.message == "ARGS: invalid pair \"\(pair)\"")
        }
        #expect(plugin.commands.isEmpty)
        // P-50: DEL needs none of them.
        #expect(try run(plugin, environment("DEL", ["CNI_ARGS": text]), configuration()).exitCode == 0)
        #expect(plugin.requests.first?.arguments == CNIArguments())
    }

    @Test("P-8 unknown keys are code 4 and all named")
    func unknown() throws {
        for text in ["IP=10.0.0.1;FOO=bar;BAZ=", "IgnoreUnknown=0;FOO=bar;BAZ=", "IgnoreUnknown=False;FOO=bar;BAZ="] {
            let arguments = try CNIArguments(text)
            let error = #expect(throws: CNIError.self) { try arguments.requireKnown(["IP", "MAC"]) }
            #expect(error?.code == 4)
            #expect(error?.message == #"ARGS: unknown args ["FOO=bar" "BAZ="]"#)
        }
    }

    @Test("P-8 IgnoreUnknown lets them pass", arguments: ["1", "true", "TRUE"])
    func ignored(_ flag: String) throws {
        try CNIArguments("FOO=bar;IgnoreUnknown=\(flag)").requireKnown([])
    }

    @Test("P-8 an IgnoreUnknown that is no flag is code 4")
    func badFlag() throws {
        let arguments = try CNIArguments("IgnoreUnknown=maybe")
        let error = #expect(throws: CNIError.self) { try arguments.requireKnown([]) }
        #expect(error?.code == 4)
        #expect(error?.message.contains("IgnoreUnknown=maybe") == true)
    }
}
