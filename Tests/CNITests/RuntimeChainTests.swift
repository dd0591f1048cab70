import Glibc
import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimeChainTests {
    @Test("R-5 ADD runs the list in order, each plugin with the result of the one before, and caches the last one's")
    func add() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters(arguments: "A=1", capabilities: ["mac": "c2:11:22:33:44:55"])
        let result = try runtime.runner.add(runtime.list(), parameters)
        #expect(runtime.log.names == ["ADD first", "ADD second", "ADD third"])
        #expect(runtime.log.calls[0].configuration["prevResult"] == nil)
        #expect(
            runtime.log.calls.map { $0.request.configuration.previousResult?.dns.search } == [
                nil, ["first.example"], ["first.example", "second.example"],
            ])
        #expect(result.dns.search == ["first.example", "second.example", "third.example"])
        guard case .attachment(let cached) = runtime.cache.entry(Attachment(try runtime.list(), parameters)) else {
            Issue.record("nothing is cached")
            return
        }
        #expect(cached.result == (try result.json(version: .v1_1_0)))
        #expect(cached.parameters == parameters && cached.owner == "test" && cached.pendingDelete == nil)
        #expect(try NetworkConfigurationList(decoding: cached.configuration).plugins.count == 3)
    }

    @Test("R-5 a failed ADD is followed by DEL over the whole list, and the first error is the answer")
    func failedAdd() throws {
        let runtime = Runtime()
        runtime.log.fail("ADD second", CNIError(.portConflict, "port 80 is taken", details: "by nginx"))
        let parameters = try runtime.parameters()
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), parameters) })
        #expect(error.code == 100 && error.message == #"plugin type="second" failed (add): port 80 is taken"#)
        #expect(error.details == "by nginx")
        #expect(runtime.log.names == ["ADD first", "ADD second", "DEL third", "DEL second", "DEL first"])
        // What the plugins had done so far is all that a DEL can be told.
        #expect(runtime.log.calls[2].request.configuration.previousResult?.dns.search == ["first.example"])
        #expect(runtime.cache.entry(Attachment(try runtime.list(), parameters)) == .absent)
    }

    @Test("R-5 a plugin that is not found fails ADD, and what was made before it is undone")
    func vanishedPluginAtAdd() throws {
        let runtime = Runtime()
        let error = try #require(
            try thrown {
                try runtime.runner.add(runtime.list("1.1.0", ["first", "absent", "third"]), runtime.parameters())
            })
        #expect(error.code == 5 && error.message.contains("\"absent\""))
        #expect(runtime.log.names == ["ADD first", "DEL third", "DEL first"])
    }

    @Test(
        "R-5 a plugin that refuses its configuration at ADD and again at DEL does not keep the others from being undone"
    )
    func refusal() throws {
        let runtime = Runtime()
        for command in ["ADD", "DEL"] { runtime.log.fail("\(command) second", CNIError(.invalidConfiguration, "no")) }
        runtime.log.fail("DEL third", CNIError(.internal, "never ran"))
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), runtime.parameters()) })
        #expect(error.code == 7 && error.details == nil)
        #expect(runtime.log.names.suffix(3) == ["DEL third", "DEL second", "DEL first"])
    }

    @Test("R-5 an ADD that cannot be undone keeps its error, says so, and stays in the cache for another DEL")
    func failedUndoing() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        runtime.log.fail("ADD third", CNIError(.portConflict, "taken"))
        runtime.log.fail("DEL second", CNIError(.inputOutput, "table busy"))
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), parameters) })
        #expect(error.code == 100 && error.details?.contains("table busy") == true)
        #expect(runtime.log.names.suffix(2) == ["DEL third", "DEL second"])

        runtime.log.fail("DEL second", nil)
        runtime.log.forget()
        try runtime.runner.del(network: "net", nil, parameters)
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
        #expect(runtime.cache.entry(Attachment(try runtime.list(), parameters)) == .absent)
    }

    @Test("R-5 an ADD that cannot be cached is undone")
    func uncachedAdd() throws {
        let runtime = Runtime()
        try runtime.place.write("cache", "in the way")
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), runtime.parameters()) })
        #expect(error.code == 5 && error.message.contains("\"net\""))
        #expect(runtime.log.names.suffix(3) == ["DEL third", "DEL second", "DEL first"])
    }

    @Test("R-5 a second ADD of an attachment is refused before anything is touched")
    func secondAdd() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list(), parameters)
        runtime.log.forget()
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), parameters) })
        #expect(error.code == 103 && error.message.contains("net/box/eth0"))
        #expect(runtime.log.names.isEmpty)
        guard case .attachment = runtime.cache.entry(Attachment(try runtime.list(), parameters)) else {
            Issue.record("the first attachment was forgotten")
            return
        }
    }

    @Test(
        "R-5 a signal during ADD lets the plugin at work finish, then everything is undone",
        arguments: [SIGTERM, SIGINT])
    func interruptedAdd(signal: Int32) throws {
        let runtime = Runtime()
        runtime.log.interrupt("ADD second", signal)
        let error = try #require(try thrown { try runtime.runner.add(runtime.list(), runtime.parameters()) })
        #expect(error.message.contains("interrupted"))
        #expect(runtime.log.names == ["ADD first", "ADD second", "DEL third", "DEL second", "DEL first"])
    }

    @Test(
        "R-6 a signal during DEL does not stop it: what is half removed serves nobody", arguments: [SIGTERM, SIGINT])
    func interruptedDel(signal: Int32) throws {
        let runtime = Runtime()
        runtime.log.interrupt("DEL third", signal)
        try runtime.runner.del(network: "net", runtime.list(), runtime.parameters())
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
    }

    @Test(
        "R-6 DEL runs the list in reverse with the final result, and the cache forgets", arguments: ["0.4.0", "1.1.0"])
    func del(version: String) throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters(arguments: "A=1", capabilities: ["mac": "x"])
        _ = try runtime.runner.add(runtime.list(version), parameters)
        runtime.log.forget()
        // Whoever deletes need not know what was asked for at ADD.
        let bare = try AttachmentParameters(
            containerID: "box", netns: nil, interface: LinkName("eth0")!, arguments: CNIArguments())
        try runtime.runner.del(network: "net", runtime.list(version), bare)
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
        for call in runtime.log.calls {
            #expect(call.request.configuration.previousResult?.dns.search.count == 3)
            #expect(call.request.netns == parameters.netns && call.request.arguments["A"] == "1")
        }
        #expect(runtime.cache.entry(Attachment(try runtime.list(), parameters)) == .absent)
        try runtime.runner.del(network: "net", runtime.list(version), bare)
        #expect(runtime.log.calls.count == 6)
    }

    @Test("R-6 before 0.4.0 DEL carries no previous result")
    func delOld() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list("0.3.1"), parameters)
        try runtime.runner.del(network: "net", runtime.list("0.3.1"), parameters)
        #expect(runtime.log.calls.suffix(3).allSatisfy { $0.configuration["prevResult"] == nil })
    }

    @Test("R-6 the first error halts DEL, keeps the cache and is noted there; DEL can be repeated")
    func failedDel() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list(), parameters)
        runtime.log.forget()
        runtime.log.fail("DEL second", CNIError(.inputOutput, "table busy"))
        let error = try #require(try thrown { try runtime.runner.del(network: "net", runtime.list(), parameters) })
        #expect(error.code == 5 && error.message == #"plugin type="second" failed (delete): table busy"#)
        #expect(runtime.log.names == ["DEL third", "DEL second"])
        guard case .attachment(let cached) = runtime.cache.entry(Attachment(try runtime.list(), parameters)) else {
            Issue.record("the cache forgot")
            return
        }
        #expect(cached.pendingDelete?.contains("table busy") == true)

        runtime.log.fail("DEL second", nil)
        try runtime.runner.del(network: "net", runtime.list(), parameters)
        #expect(runtime.log.calls.last?.request.configuration.previousResult?.dns.search.count == 3)
        #expect(runtime.cache.entry(Attachment(try runtime.list(), parameters)) == .absent)
    }

    @Test("R-6 a forced DEL goes on, throws every error, keeps the cache and asks for the address to stay reserved")
    func forcedDel() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list(), parameters)
        runtime.log.forget()
        runtime.log.fail("DEL second", CNIError(.inputOutput, "table busy"))
        runtime.log.fail("DEL first", CNIError(.internal, "no link"))
        let error = try #require(
            try thrown { try runtime.runner.del(network: "net", runtime.list(), parameters, force: true) })
        #expect(error.code == 5 && error.message.contains("table busy") && error.message.contains("no link"))
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
        #expect(runtime.log.calls.map { $0.request.environment["BERTH_KEEP_LEASE"] } == [nil, nil, "1"])
        guard case .attachment = runtime.cache.entry(Attachment(try runtime.list(), parameters)) else {
            Issue.record("the cache forgot")
            return
        }
    }

    @Test("R-7 CHECK runs the list in order with ADD's parameters and final result, and stops at the first error")
    func check() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters(arguments: "A=1", capabilities: ["mac": "x"])
        _ = try runtime.runner.add(runtime.list(), parameters)
        runtime.log.forget()
        try runtime.runner.check(runtime.list(), runtime.parameters())
        #expect(runtime.log.names == ["CHECK first", "CHECK second", "CHECK third"])
        for call in runtime.log.calls {
            #expect(call.request.configuration.previousResult?.dns.search.count == 3)
            #expect(call.request.arguments["A"] == "1")
        }
        runtime.log.fail("CHECK second", CNIError(.driftFound, "no rule", details: "[]"))
        runtime.log.forget()
        let error = try #require(try thrown { try runtime.runner.check(runtime.list(), parameters) })
        #expect(error.code == 106 && error.message.contains("no rule") && error.details == "[]")
        #expect(runtime.log.names == ["CHECK first", "CHECK second"])
    }

    @Test("R-7 disableCheck makes CHECK succeed without a plugin being run, before 0.4.0 it is an error")
    func uncheckable() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        let list = try NetworkConfigurationList([
            "cniVersion": "1.0.0", "name": "net", "disableCheck": "true", "plugins": [["type": "first"]],
        ])
        try runtime.runner.check(list, parameters)
        #expect(runtime.reports.all.count == 1)
        #expect(try thrown { try runtime.runner.check(runtime.list("0.3.1"), parameters) }?.code == 1)
        #expect(try thrown { try runtime.runner.check(runtime.list("0.4.0"), parameters) }?.code == 3)
        #expect(runtime.log.names.isEmpty)
    }

    @Test(
        "R-10 a broken cache never blocks DEL",
        arguments: ["", "{\"kind\":", #"{"kind":"cniCacheV1","containerId":"box"}"#])
    func brokenCache(text: String) throws {
        let runtime = Runtime()
        try runtime.place.write("cache/results/net-box-eth0", text)
        try runtime.runner.del(network: "net", runtime.list(), runtime.parameters())
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
        #expect(runtime.reports.all.count == 1 && runtime.reports.all[0].contains("net-box-eth0"))
        #expect(!Files.exists(runtime.cachePath("net-box-eth0")))
    }

    @Test("R-10 a cached result or configuration that cannot be read is passed over by DEL")
    func brokenParts() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        try runtime.cache.write(
            CachedAttachment(
                network: "net", parameters: parameters, configuration: Array("{".utf8),
                result: ["cniVersion": "1.1.0", "ips": "none"], owner: "test"))
        try runtime.runner.del(network: "net", runtime.list(), parameters)
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
        #expect(runtime.log.calls[0].configuration["prevResult"] == nil)
        #expect(runtime.reports.all.count == 2)
    }

    @Test("R-10 a bare result of old libcni serves DEL as previous result")
    func legacyResult() throws {
        let runtime = Runtime()
        try runtime.place.write(
            "cache/results/net-box-eth0", #"{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}]}"#)
        try runtime.runner.del(network: "net", runtime.list("0.4.0"), runtime.parameters())
        #expect(
            runtime.log.calls[0].request.configuration.previousResult?.ips.first?.address == IPPrefix("10.0.0.2/24"))
        #expect(!Files.exists(runtime.cachePath("net-box-eth0")))
    }

    @Test("R-11 DEL passes over a plugin that is no longer there, with a report")
    func vanishedPluginAtDel() throws {
        var runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list(), parameters)
        runtime.log.forget()
        runtime.types = ["first", "third"]
        try runtime.runner.del(network: "net", runtime.list(), parameters)
        #expect(runtime.log.names == ["DEL third", "DEL first"])
        #expect(runtime.reports.all.count == 1 && runtime.reports.all[0].contains("\"second\""))
        #expect(!Files.exists(runtime.cachePath("net-box-eth0")))
    }

    @Test("R-12 what one plugin answers in another version, the next one gets in the list's")
    func conversion() throws {
        var runtime = Runtime()
        runtime.path = [runtime.place["bin"]]
        try runtime.script("old", #"echo '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.4/24"}}'"#)
        _ = try runtime.runner.add(runtime.list("1.0.0", ["old", "first"]), runtime.parameters())
        #expect(
            try runtime.log.calls[0].request.configuration.previousResult?.json(version: .v1_0_0)
                == ["cniVersion": "1.0.0", "ips": [["address": "10.0.0.4/24"]]])
    }

    @Test("R-13 DEL runs the list as it was at ADD, though the file has changed since")
    func changedList() throws {
        let runtime = Runtime()
        let parameters = try runtime.parameters()
        _ = try runtime.runner.add(runtime.list("1.0.0", ["first", "second"]), parameters)
        runtime.log.forget()
        try runtime.runner.del(network: "net", runtime.list("1.1.0", ["third"]), parameters)
        #expect(runtime.log.names == ["DEL second", "DEL first"])
        #expect(runtime.log.calls[0].configuration["cniVersion"] == "1.0.0")
    }

    @Test("R-13 a second operation for a container waits; one for another does not")
    func oneAtATime() throws {
        let runtime = Runtime()
        var locks = runtime.runner.locks
        locks.seconds = 0
        let hold = try locks.hold(network: "net", container: "box")
        defer { hold.end() }
        let error = try #require(try thrown { _ = try locks.hold(network: "net", container: "box") })
        #expect(error.code == 11 && error.message.contains("\"box\""))
        _ = try locks.hold(network: "net", container: "chest")
    }

    @Test("R-13 a namespace that is the runtime's own is refused with code 8 before a plugin is run")
    func ownNamespace() throws {
        var runtime = Runtime()
        var parameters = try runtime.parameters()
        parameters.netns = "/proc/self/ns/net"
        #expect(try thrown { try runtime.runner.add(runtime.list(), parameters) }?.code == 8)
        #expect(runtime.log.names.isEmpty)
        runtime.variables = ["CNI_NETNS_OVERRIDE": "1"]
        _ = try runtime.runner.add(runtime.list(), parameters)
        #expect(runtime.log.names.count == 3)
    }
}
