import Glibc
import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimePluginCallerTests {
    private let configuration: JSONObject = ["cniVersion": "1.0.0", "name": "net", "type": "any"]

    private func call(
        _ runtime: Runtime, _ type: String, _ command: Command = .add, arguments: String = "",
        configuration: JSONObject? = nil, caller: PluginCaller? = nil
    ) throws -> CNIResult? {
        try (caller ?? runtime.caller).call(
            type, command, containerID: "box", netns: "/run/netns/box", interface: LinkName("eth0"),
            arguments: CNIArguments(arguments), configuration: configuration ?? self.configuration)
    }

    private func runtime() -> Runtime {
        var runtime = Runtime()
        runtime.path = [runtime.place["bin"]]
        return runtime
    }

    @Test("P-61 a built-in plugin that CNI_PATH does not have runs in this process")
    func builtInWithoutFile() throws {
        let runtime = runtime()
        let result = try call(runtime, "first", arguments: "IP=10.0.0.1")
        #expect(result?.ips.count == 1)
        let request = try #require(runtime.log.calls.first?.request)
        #expect(request.containerID == "box" && request.netns == "/run/netns/box")
        #expect(request.arguments["IP"] == "10.0.0.1")
        #expect(request.configuration.name == "net")
    }

    @Test("P-61 a file that is this very program, even by a link, runs in this process")
    func builtInByIdentity() throws {
        let runtime = runtime()
        let program = try runtime.place.write("program", "#!/bin/sh\nexit 9\n", mode: 0o755)
        try Files.makeDirectories(runtime.place["bin"])
        #expect(symlink(program, runtime.place["bin/first"]) == 0)
        var caller = runtime.caller
        caller.executable = FileIdentity(ofFile: program)
        _ = try call(runtime, "first", caller: caller)
        #expect(runtime.log.names == ["ADD first"])
    }

    @Test("P-61 a file of that name that is another program is executed, not the built-in plugin")
    func foreignFileWins() throws {
        let runtime = runtime()
        try runtime.script("first", #"echo '{"cniVersion":"1.0.0","dns":{"domain":"foreign"}}'"#)
        #expect(try call(runtime, "first")?.dns.domain == "foreign")
        #expect(runtime.log.names.isEmpty)
    }

    @Test("P-61 in process, a version that the plugin does not speak is refused with code 1")
    func inProcessVersion() throws {
        let runtime = runtime()
        let log = runtime.log
        let caller = PluginCaller(
            builtIn: { RecordingPlugin(name: $0, log: log, supportedVersions: [.v0_4_0]) }, path: [],
            environment: runtime.environment)
        #expect(try thrown { try call(runtime, "first", caller: caller) }?.code == 1)
        let old: JSONObject = ["cniVersion": "0.3.1", "name": "net"]
        #expect(try thrown { try call(runtime, "first", .check, configuration: old) }?.code == 1)
        #expect(runtime.log.names.isEmpty)
    }

    @Test(
        "R-11 a type with a slash is refused with code 7 before anything is looked up",
        arguments: ["../first", "/bin/true", "a/b", "", ".", ".."])
    func typeWithSlash(type: String) throws {
        let runtime = runtime()
        let error = try #require(try thrown { try call(runtime, type) })
        #expect(error.code == 7 && error.message.contains("\"\(type)\""))
    }

    @Test("R-11 a plugin that is not found is an error of code 5 with the type and every directory")
    func notFound() throws {
        var runtime = runtime()
        runtime.path = ["/nonexistent/one", runtime.place["two"]]
        let error = try #require(try thrown { try call(runtime, "absent") })
        #expect(error.code == 5)
        for part in ["absent", "/nonexistent/one", runtime.place["two"]] { #expect(error.message.contains(part)) }
    }

    @Test("R-11 the first regular file in the order of the path is taken, a directory of that name is not")
    func pathOrder() throws {
        var runtime = runtime()
        for directory in ["a", "b", "c"] { try Files.makeDirectories(runtime.place[directory]) }
        try Files.makeDirectories(runtime.place["a/tool"])
        try runtime.place.write("b/tool", "#!/bin/sh\necho '{\"dns\":{\"domain\":\"b\"}}'\n", mode: 0o755)
        try runtime.place.write("c/tool", "#!/bin/sh\necho '{\"dns\":{\"domain\":\"c\"}}'\n", mode: 0o755)
        runtime.path = ["", runtime.place["a"], runtime.place["b"], runtime.place["c"]]
        #expect(try call(runtime, "tool")?.dns.domain == "b")
    }

    @Test("R-11 a file that is still being written is tried again until it is closed")
    func busyFile() async throws {
        let runtime = runtime()
        let file = try runtime.script("busy", "echo '{}'")
        let writer = open(file, O_WRONLY)
        try #require(writer >= 0)
        let (configuration, caller) = (configuration, runtime.caller)
        let answer = Task.detached {
            try caller.call(
                "busy", .add, containerID: "box", netns: nil, interface: LinkName("eth0"), arguments: CNIArguments(),
                configuration: configuration)
        }
        usleep(200_000)
        close(writer)
        #expect(try await answer.value != nil)
    }

    @Test("R-11 a file that stays busy is given up after six tries")
    func alwaysBusy() throws {
        let runtime = runtime()
        let writer = open(try runtime.script("busy", "echo '{}'"), O_WRONLY)
        defer { close(writer) }
        var caller = runtime.caller
        caller.busySeconds = 0
        let error = try #require(try thrown { try call(runtime, "busy", caller: caller) })
        #expect(error.code == 5 && error.message.contains("ETXTBSY"))
    }

    @Test("R-12 a result without a version has the configuration's, another version is converted")
    func resultVersions() throws {
        let runtime = runtime()
        try runtime.script("silent", #"echo '{"ips":[{"address":"10.0.0.2/24"}]}'"#)
        #expect(try call(runtime, "silent")?.ips.first?.address == IPPrefix("10.0.0.2/24"))
        let old: JSONObject = ["cniVersion": "0.2.0", "name": "net"]
        try runtime.script("old", #"echo '{"ip4":{"ip":"10.0.0.3/24"}}'"#)
        #expect(try call(runtime, "old", configuration: old)?.ips.first?.address == IPPrefix("10.0.0.3/24"))
        try runtime.script("other", #"echo '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.4/24"}}'"#)
        #expect(try call(runtime, "other")?.ips.first?.address == IPPrefix("10.0.0.4/24"))
        try runtime.script("future", #"echo '{"cniVersion":"9.0.0"}'"#)
        let error = try #require(try thrown { try call(runtime, "future") })
        #expect(error.code == 1 && error.message.contains("9.0.0"))
    }

    @Test("R-14 a plugin gets the call's variables, the process's own and the complete configuration")
    func environment() throws {
        var runtime = runtime()
        runtime.variables = [
            "PATH": "/usr/bin:/bin", "TRACEPARENT": "00-1", "CNI_IFNAME": "outer", "CNI_COMMAND": "DEL",
        ]
        try runtime.script("env", #"cat > "$0.in"; env | sort > "$0.env"; echo '{}'"#)
        _ = try call(runtime, "env", arguments: "A=1;B=2")
        let lines = try runtime.place.lines("bin/env.env")
        for line in [
            "CNI_COMMAND=ADD", "CNI_CONTAINERID=box", "CNI_NETNS=/run/netns/box", "CNI_IFNAME=eth0", "CNI_ARGS=A=1;B=2",
            "CNI_PATH=\(runtime.place["bin"])", "PATH=/usr/bin:/bin", "TRACEPARENT=00-1",
        ] { #expect(lines.contains(line)) }
        #expect(try JSON(parsing: Array(runtime.place.read("bin/env.in").utf8)) == .object(configuration))
    }

    @Test(
        "R-14 GC and STATUS carry nothing of an attachment, not even an outer call's", arguments: [Command.gc, .status])
    func environmentWithoutAttachment(command: Command) throws {
        var runtime = runtime()
        runtime.variables = [
            "PATH": "/usr/bin:/bin", "CNI_CONTAINERID": "outer", "CNI_NETNS": "/outer", "CNI_ARGS": "X=1",
        ]
        try runtime.script("env", #"env > "$0.env""#)
        #expect(try call(runtime, "env", command) == nil)
        let lines = try runtime.place.lines("bin/env.env")
        #expect(lines.contains("CNI_COMMAND=\(command)"))
        for name in ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"] {
            #expect(!lines.contains { $0.hasPrefix("\(name)=") })
        }
    }

    @Test("R-14 a large configuration reaches a plugin whole while it is writing a large answer")
    func bigPipes() throws {
        let runtime = runtime()
        try runtime.script("big", #"head -c 300000 /dev/zero | tr '\0' ' '; cat > "$0.in"; echo '{}'"#)
        var large = configuration
        large["filling"] = .string(String(repeating: "x", count: 400_000))
        #expect(try call(runtime, "big", configuration: large) != nil)
        #expect(try JSON(parsing: Files.read(runtime.place["bin/big.in"])) == .object(large))
    }

    @Test("R-14 a plugin that does not read its input is no failure")
    func unreadInput() throws {
        let runtime = runtime()
        try runtime.script("deaf", "exec 0<&-; echo '{}'")
        var large = configuration
        large["filling"] = .string(String(repeating: "x", count: 400_000))
        #expect(try call(runtime, "deaf", configuration: large) != nil)
    }

    @Test("R-14 a plugin is in a process group of its own and starts with no signal held back")
    func processGroup() throws {
        let runtime = runtime()
        try runtime.script(
            "group",
            #"echo "$$ $(cut -d' ' -f5 /proc/$$/stat)" > "$0.ids"; grep SigBlk /proc/self/status > "$0.mask"; echo '{}'"#
        )
        do {
            let interruption = Interruption()
            _ = try call(runtime, "group")
            let isPending = interruption.isPending
            #expect(!isPending)
        }
        let ids = try runtime.place.lines("bin/group.ids")[0].split(separator: " ")
        #expect(ids[0] == ids[1])
        #expect(try runtime.place.read("bin/group.mask").contains("0000000000000000"))
    }

    @Test("R-11 the plugin's own error comes through with its code, message and details")
    func pluginError() throws {
        let runtime = runtime()
        try runtime.script(
            "sour", #"echo '{"cniVersion":"1.0.0","code":142,"msg":"no grapes","details":"too high"}'; exit 1"#)
        let error = try #require(try thrown { try call(runtime, "sour", .del) })
        #expect(error.code == 142 && error.message == "no grapes" && error.details == "too high")
    }

    @Test("R-11 output that is no answer is an error of code 6 that quotes its first bytes", arguments: [0, 1])
    func unparsable(status: Int) throws {
        let runtime = runtime()
        try runtime.script("babble", "echo 'panic: \"x\"'; echo why >&2; exit \(status)")
        let error = try #require(try thrown { try call(runtime, "babble") })
        #expect(error.code == 6)
        #expect(error.details?.contains(#"panic: \"x\""#) == true)
        #expect(error.details?.contains("why") == true)
    }

    @Test("R-11 a plugin that fails without a word is told apart by how it ended and what it said on standard error")
    func speechless() throws {
        let runtime = runtime()
        try runtime.script("mute", "echo 'out of ink' >&2; exit 3")
        let error = try #require(try thrown { try call(runtime, "mute", .del) })
        #expect(error.message.contains("exited with 3") && error.details?.contains("out of ink") == true)
        try runtime.script("killed", "kill -9 $$")
        #expect(try thrown { try call(runtime, "killed", .del) }?.message.contains("signal 9") == true)
    }

    @Test("R-11 a file that cannot be executed is an error of code 5 that names it")
    func notExecutable() throws {
        let runtime = runtime()
        try runtime.place.write("bin/plain", "no program", mode: 0o644)
        let error = try #require(try thrown { try call(runtime, "plain") })
        #expect(error.code == 5 && error.message.contains("/plain") && error.message.contains("EACCES"))
    }

    @Test("R-17 a plugin that runs too long gets SIGTERM with all its group")
    func timeout() throws {
        var runtime = runtime()
        runtime.variables = ["BERTH_PLUGIN_TIMEOUT": "1", "PATH": "/usr/bin:/bin"]
        try runtime.script("slow", #"sleep 300 & echo $! > "$0.pid"; trap 'echo asked > "$0.term"; exit 1' TERM; wait"#)
        let error = try #require(try thrown { try call(runtime, "slow") })
        #expect(error.code == 11 && error.message.contains("1 seconds") && error.message.contains("slow"))
        #expect(try runtime.place.lines("bin/slow.term") == ["asked"])
        #expect(isGone(try runtime.place.lines("bin/slow.pid")[0]))
    }

    @Test("R-17 a plugin that does not heed SIGTERM is killed with all its group")
    func killed() throws {
        var runtime = runtime()
        runtime.variables = ["BERTH_PLUGIN_TIMEOUT": "1", "PATH": "/usr/bin:/bin"]
        try runtime.script("stubborn", #"trap '' TERM; sleep 300 & echo $! > "$0.pid"; wait"#)
        var caller = runtime.caller
        caller.graceSeconds = 1
        #expect(try thrown { try call(runtime, "stubborn", caller: caller) }?.code == 11)
        #expect(isGone(try runtime.place.lines("bin/stubborn.pid")[0]))
    }

    @Test("R-17 a process that a plugin leaves behind with its pipes is not waited for")
    func leftBehind() throws {
        var runtime = runtime()
        runtime.variables = ["PATH": "/usr/bin:/bin"]
        try runtime.script("parent", #"sleep 300 & echo $! > "$0.pid"; echo '{"dns":{"domain":"done"}}'"#)
        #expect(try call(runtime, "parent")?.dns.domain == "done")
        let pid = try #require(pid_t(try runtime.place.lines("bin/parent.pid")[0]))
        #expect(kill(pid, 0) == 0)
        kill(pid, SIGKILL)
    }

    @Test("R-17 a signal that asks this process to end is passed on to the plugin at once")
    func interrupted() throws {
        var runtime = runtime()
        runtime.variables = ["PATH": "/usr/bin:/bin"]
        try runtime.script("slow", #"sleep 300 & echo $! > "$0.pid"; trap 'exit 1' TERM; wait"#)
        // (The trap comes last: a shell that has one loses a signal between its fork and the sleep.)
        let interruption = Interruption()
        pthread_kill(pthread_self(), SIGTERM)
        let error = try #require(try thrown { try call(runtime, "slow") })
        let isPending = interruption.isPending
        #expect(error.message == "interrupted" && !isPending)
        // The signal may come before the shell has started its sleep.
        #expect(try runtime.place.lines("bin/slow.pid").allSatisfy(isGone))
    }

    @Test(
        "R-17 a time limit that is no number of seconds is refused with code 4",
        arguments: ["0", "soon", "-1", "99999999"])
    func badTimeout(text: String) throws {
        var runtime = runtime()
        runtime.variables = ["BERTH_PLUGIN_TIMEOUT": text]
        try runtime.script("any", "echo '{}'")
        let error = try #require(try thrown { try call(runtime, "any") })
        #expect(error.code == 4 && error.message.contains("\"\(text)\""))
    }

    /// Whether a process is gone or only waits to be reaped by whoever inherited it; looks for 5 s.
    private func isGone(_ pid: String) -> Bool {
        for _ in 0..<500 {
            guard let status = try? Files.read("/proc/\(pid)/stat") else { return true }
            if String(decoding: status, as: UTF8.self).contains(") Z ") { return true }
            usleep(10_000)
        }
        return false
    }
}
