import Glibc
import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimeCommandTests {
    private func runtime() throws -> Runtime {
        var runtime = Runtime()
        runtime.variables = ["NETCONFPATH": runtime.place["net.d"], "CNI_PATH": runtime.place["bin"]]
        try runtime.place.write(
            "net.d/10-net.conflist",
            #"{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"first","capabilities":{"mac":true}},{"type":"second"}]}"#
        )
        try runtime.place.write("ns", "")
        return runtime
    }

    private func run(_ runtime: Runtime, _ arguments: String...) -> RuntimeCommand.Answer {
        let reports = runtime.reports
        return RuntimeCommand.answer(
            arguments: arguments, environment: runtime.environment, builtIn: runtime.builtIn
        ) { reports.add($0) }
    }

    @Test("R-15 add prints the final result as cnitool does, with cnitool's defaults")
    func add() throws {
        let runtime = try runtime()
        let answer = run(runtime, "add", "net", runtime.place["ns"])
        #expect(answer.exitCode == 0 && answer.errors.isEmpty)
        #expect(
            answer.output == """
                {
                    "cniVersion": "1.0.0",
                    "interfaces": [
                        {
                            "name": "eth0",
                            "sandbox": "\(runtime.place["ns"])"
                        }
                    ],
                    "ips": [
                        {
                            "interface": 0,
                            "address": "10.1.2.3/24"
                        }
                    ],
                    "dns": {
                        "search": [
                            "first.example",
                            "second.example"
                        ]
                    }
                }

                """)
        let request = runtime.log.calls[0].request
        #expect(request.containerID == RuntimeCommand.containerID(runtime.place["ns"]))
        #expect(request.interface?.description == "eth0" && request.netns == runtime.place["ns"])
    }

    @Test("R-15 the container's id is cnitool's: 20 hex digits of the SHA-512 of the path")
    func containerID() {
        // printf %s /var/run/netns/testing | sha512sum
        #expect(RuntimeCommand.containerID("/var/run/netns/testing") == "cnitool-77383ca0a0715733ca6f")
        #expect(RuntimeCommand.absolute("/var//run/./netns/../netns/testing/") == "/var/run/netns/testing")
        #expect(RuntimeCommand.absolute("/../..") == "/")
        #expect(RuntimeCommand.absolute("x").hasSuffix("/x") && RuntimeCommand.absolute("x").hasPrefix("/"))
    }

    @Test("R-15 arguments, capabilities, interface and container come from the environment")
    func environment() throws {
        var runtime = try runtime()
        runtime.variables.merge([
            "CNI_ARGS": "IgnoreUnknown=1;K=V", "CAP_ARGS": #"{"mac":"c2:11:22:33:44:55","ips":[]}"#,
            "CNI_IFNAME": "net1",
            "CNI_CONTAINERID": "own-id",
        ]) { $1 }
        #expect(run(runtime, "add", "net", runtime.place["ns"]).exitCode == 0)
        let request = runtime.log.calls[0].request
        #expect(
            request.containerID == "own-id" && request.interface?.description == "net1" && request.arguments["K"] == "V"
        )
        #expect(request.configuration.runtimeConfig == ["mac": "c2:11:22:33:44:55"])
        #expect(Files.exists(runtime.cachePath("net-own-id-net1")))
        #expect(run(runtime, "add", "net", runtime.place["ns"], "-i", "net2").exitCode == 0)
        #expect(runtime.log.calls.last?.request.interface?.description == "net2")
    }

    @Test("R-15 check and del find what add made; del works without the list and without the namespace")
    func lifeCycle() throws {
        let runtime = try runtime()
        #expect(run(runtime, "add", "net", runtime.place["ns"]).exitCode == 0)
        let check = run(runtime, "check", "net", runtime.place["ns"])
        #expect(check.exitCode == 0 && check.output.isEmpty && check.errors.isEmpty)
        unlink(runtime.place["ns"])
        unlink(runtime.place["net.d/10-net.conflist"])
        runtime.log.forget()
        let del = run(runtime, "del", "net", runtime.place["ns"])
        #expect(del.exitCode == 0 && del.output.isEmpty, "\(del)")
        #expect(runtime.log.names == ["DEL second", "DEL first"])
        #expect(run(runtime, "del", "net", runtime.place["ns"]).exitCode == 1)
    }

    @Test("R-15 a path to a list serves as network")
    func listFile() throws {
        let runtime = try runtime()
        let file = runtime.place["net.d/10-net.conflist"]
        #expect(run(runtime, "add", file, runtime.place["ns"]).exitCode == 0)
        #expect(run(runtime, "del", file, runtime.place["ns"]).exitCode == 0)
        #expect(run(runtime, "status", "/nonexistent/net.conflist").errors.contains("/nonexistent/net.conflist"))
    }

    @Test("R-15 an error is one sentence for people and the CNI error object on standard output")
    func failure() throws {
        let runtime = try runtime()
        runtime.log.fail("ADD second", CNIError(.portConflict, "port 80 is taken", details: "by nginx"))
        let answer = run(runtime, "add", "net", runtime.place["ns"])
        #expect(answer.exitCode == 1)
        #expect(
            try JSON(parsing: Array(answer.output.utf8)) == [
                "cniVersion": "1.0.0", "code": 100, "msg": #"plugin type="second" failed (add): port 80 is taken"#,
                "details": "by nginx",
            ])
        #expect(answer.errors.split(separator: "\n").count == 1)
        #expect(answer.errors.contains("port 80 is taken") && answer.errors.contains("by nginx"))
    }

    @Test(
        "R-15 a bad environment is told with the variable and its value, before a plugin is run",
        arguments: [
            ("CNI_IFNAME", "a/b", 4), ("CNI_CONTAINERID", "a/b", 4), ("CNI_ARGS", "nopair", 4), ("CAP_ARGS", "{", 4),
            ("CAP_ARGS", "[]", 4), ("NETCONFPATH", "/nonexistent", 7),
        ])
    func badEnvironment(name: String, value: String, code: Int64) throws {
        var runtime = try runtime()
        runtime.variables[name] = value
        let answer = run(runtime, "add", "net", runtime.place["ns"])
        #expect(answer.exitCode == 1)
        #expect(try JSON(parsing: Array(answer.output.utf8))["code"]?.integer == code, "\(answer)")
        #expect(answer.errors.contains(value))
        #expect(runtime.log.names.isEmpty)
    }

    @Test("R-15 a namespace that is not there is an error of code 8 for add")
    func noNamespace() throws {
        let runtime = try runtime()
        let answer = run(runtime, "add", "net", runtime.place["gone"])
        #expect(answer.exitCode == 1 && answer.errors.contains(runtime.place["gone"]))
        #expect(try JSON(parsing: Array(answer.output.utf8))["code"] == 8)
        #expect(runtime.log.names.isEmpty)
    }

    @Test(
        "R-15 wrong arguments get a sentence, the help and exit code 2",
        arguments: [
            [], ["frobnicate", "net"], ["add"], ["add", "net"], ["add", "net", ""], ["add", "net", "/ns", "more"],
            ["add", "net", "/ns", "--force"], ["del", "net", "/ns", "--keep", "a/b"], ["gc", "net", "--keep"],
            ["gc", "net", "--keep", "nonsense"], ["status", ""], ["add", "net", "/ns", "-i"],
        ])
    func usage(arguments: [String]) throws {
        let runtime = try runtime()
        let answer = RuntimeCommand.answer(
            arguments: arguments, environment: runtime.environment, builtIn: runtime.builtIn
        ) { _ in }
        #expect(answer.exitCode == 2 && answer.output.isEmpty)
        #expect(answer.errors.hasPrefix("berth-cni: ") && answer.errors.contains("usage: berth-cni"))
        #expect(runtime.log.names.isEmpty)
    }

    @Test("R-15 help goes to standard output", arguments: ["-h", "--help", "help"])
    func help(flag: String) throws {
        let answer = run(try runtime(), flag)
        #expect(answer.exitCode == 0 && answer.output == RuntimeInvocation.help && answer.errors.isEmpty)
    }

    @Test("R-15 warnings of the directory go to standard error and do not disturb the answer")
    func warnings() throws {
        let runtime = try runtime()
        try runtime.place.write("net.d/05-cut.conflist", "{")
        let answer = run(runtime, "add", "net", runtime.place["ns"])
        #expect(answer.exitCode == 0 && runtime.reports.all.count == 1)
        #expect(runtime.reports.all[0].contains("05-cut.conflist"))
    }

    @Test("R-8 gc takes the valid attachments by --keep, and without any those whose namespace exists")
    func gc() throws {
        var runtime = try runtime()
        try runtime.place.write(
            "net.d/10-net.conflist", #"{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"first"}]}"#)
        for box in ["a", "b", "c"] {
            runtime.variables["CNI_CONTAINERID"] = box
            try runtime.place.write(box, "")
            #expect(run(runtime, "add", "net", runtime.place[box]).exitCode == 0)
        }
        unlink(runtime.place["c"])
        #expect(run(runtime, "gc", "net").exitCode == 0)
        #expect(try runtime.cache.attachments(of: "net").attachments.map(\.parameters.containerID) == ["a", "b"])
        #expect(run(runtime, "gc", "net", "--keep", "b/eth0").exitCode == 0)
        #expect(try runtime.cache.attachments(of: "net").attachments.map(\.parameters.containerID) == ["b"])
        runtime.variables["BERTH_CNI_OWNER"] = "somebody"
        #expect(run(runtime, "gc", "net", "--all").exitCode == 1)
        #expect(run(runtime, "gc", "net", "--all", "--all-owners").exitCode == 0)
        #expect(try runtime.cache.attachments(of: "net").attachments.isEmpty)
    }

    @Test("R-16 validate prints what it found, status says nothing when all is well")
    func validate() throws {
        let runtime = try runtime()
        let answer = run(runtime, "validate", "net")
        #expect(answer.exitCode == 0)
        let json = try JSON(parsing: Array(answer.output.utf8))
        #expect(json["capabilities"] == ["mac"] && json["plugins"]?.array?.count == 2)
        #expect(run(runtime, "status", "net").output.isEmpty)
    }
}
