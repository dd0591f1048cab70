import Glibc
import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimeCollectionTests {
    private func valid(_ containerID: String) -> ValidAttachment {
        ValidAttachment(containerID: containerID, interface: "eth0")
    }

    @Test("R-8 GC deletes cached attachments that are not valid, then every plugin collects with the list")
    func collect() throws {
        let runtime = Runtime()
        for box in ["a", "b"] { _ = try runtime.runner.add(runtime.list(), runtime.parameters(box)) }
        runtime.log.forget()
        try runtime.runner.gc(runtime.list(), valid: [valid("a")])
        #expect(
            runtime.log.names == ["DEL third", "DEL second", "DEL first", "GC third", "GC second", "GC first"])
        #expect(runtime.log.calls.prefix(3).allSatisfy { $0.request.containerID == "b" })
        for call in runtime.log.calls.suffix(3) {
            #expect(call.request.configuration.validAttachments == [valid("a")])
            #expect(call.request.containerID.isEmpty && call.configuration["runtimeConfig"] == nil)
        }
        #expect(try runtime.cache.attachments(of: "net").attachments.map(\.valid) == [valid("a")])
    }

    @Test("R-8 without a list, what has lost its namespace or waits for its DEL goes")
    func guess() throws {
        let runtime = Runtime()
        for box in ["a", "b", "c"] { _ = try runtime.runner.add(runtime.list(), runtime.parameters(box)) }
        unlink(runtime.place["netns-b"])
        runtime.log.fail("DEL third", CNIError(.inputOutput, "busy"))
        #expect(try thrown { try runtime.runner.del(network: "net", nil, runtime.parameters("c")) } != nil)
        runtime.log.fail("DEL third", nil)
        try runtime.runner.gc(runtime.list(), valid: nil)
        #expect(try runtime.cache.attachments(of: "net").attachments.map(\.valid) == [valid("a")])
        #expect(runtime.log.calls.last?.request.configuration.validAttachments == [valid("a")])
    }

    @Test("R-8 without a list, a cache file that cannot be read stops GC before anything is touched")
    func unreadable() throws {
        let runtime = Runtime()
        try runtime.place.write("cache/results/net-box-eth0", "{")
        let error = try #require(try thrown { try runtime.runner.gc(runtime.list(), valid: nil) })
        #expect(error.code == 5 && error.message.contains("net-box-eth0"))
        #expect(runtime.log.names.isEmpty)
        try runtime.runner.gc(runtime.list(), valid: [])
        #expect(runtime.log.names.count == 3 && runtime.reports.all.count == 1)
    }

    @Test("R-8 a cache directory that cannot be read is an error, one that is not there is not")
    func unreadableDirectory() throws {
        let runtime = Runtime()
        try runtime.runner.gc(runtime.list(), valid: [])
        #expect(runtime.log.names.count == 3)
        try runtime.place.write("cache/results", "a file")
        #expect(try thrown { try runtime.runner.gc(runtime.list(), valid: []) }?.message.contains("results") == true)
        #expect(runtime.log.names.count == 3)
    }

    @Test("R-8 GC goes on past errors and throws them all")
    func errors() throws {
        let runtime = Runtime()
        _ = try runtime.runner.add(runtime.list(), runtime.parameters("a"))
        runtime.log.forget()
        runtime.log.fail("DEL third", CNIError(.inputOutput, "busy"))
        runtime.log.fail("GC second", CNIError(.internal, "deaf"))
        let error = try #require(try thrown { try runtime.runner.gc(runtime.list(), valid: []) })
        #expect(error.code == 5 && error.message.contains("net/a/eth0") && error.message.contains("busy"))
        #expect(error.message.contains("deaf"))
        #expect(runtime.log.names == ["DEL third", "GC third", "GC second", "GC first"])
        // R-6: rules that GC could not remove may still name the addresses.
        #expect(runtime.log.calls.map { $0.request.environment["BERTH_KEEP_LEASE"] } == [nil, nil, nil, "1"])
    }

    @Test("R-8 before 1.1.0 stale attachments are deleted and no plugin is asked to collect")
    func oldVersion() throws {
        let runtime = Runtime()
        _ = try runtime.runner.add(runtime.list("1.0.0"), runtime.parameters("a"))
        runtime.log.forget()
        try runtime.runner.gc(runtime.list("1.0.0"), valid: [])
        #expect(runtime.log.names == ["DEL third", "DEL second", "DEL first"])
    }

    @Test("R-8 disableGC makes it a no-op")
    func disabled() throws {
        let runtime = Runtime()
        _ = try runtime.runner.add(runtime.list(), runtime.parameters("a"))
        runtime.log.forget()
        let list = try NetworkConfigurationList([
            "cniVersion": "1.1.0", "name": "net", "disableGC": true, "plugins": [["type": "first"]],
        ])
        try runtime.runner.gc(list, valid: [])
        #expect(runtime.log.names.isEmpty && runtime.reports.all.count == 1)
        #expect(try runtime.cache.attachments(of: "net").attachments.count == 1)
    }

    @Test(
        "R-8 attachments of another owner are not collected unless that is asked for", arguments: ["libcni", "other"])
    func owners(kind: String) throws {
        var other = Runtime()
        other.owner = "other"
        _ = try other.runner.add(other.list(), other.parameters("a"))
        if kind == "libcni" {
            let text = try other.place.read("cache/results/net-a-eth0")
            try other.place.write("cache/results/net-a-eth0", text.replacing(#","owner":"other""#, with: ""))
        }
        other.log.forget()
        let runner = ChainRunner(caller: other.caller, owner: "mine") { _ in }
        let error = try #require(try thrown { try runner.gc(other.list(), valid: []) })
        #expect(error.code == 7 && error.message.contains("net/a/eth0"))
        #expect(other.log.names.isEmpty)
        try runner.gc(other.list(), valid: [valid("a")])
        #expect(other.log.names == ["GC third", "GC second", "GC first"])
        try runner.gc(other.list(), valid: [], allOwners: true)
        #expect(try other.cache.attachments(of: "net").attachments.isEmpty)
    }

    @Test("R-8 GC waits for every operation on its network, and they for it")
    func exclusive() throws {
        let runtime = Runtime()
        // A child that another test is starting has a copy of every lock until it has become its program.
        let locks = runtime.runner.locks
        var impatient = locks
        impatient.seconds = 0
        do {
            let adding = try locks.hold(network: "net", container: "box")
            defer { adding.end() }
            let error = try #require(try thrown { _ = try impatient.hold(network: "net", .exclusive) })
            #expect(error.code == 11 && error.message.contains("\"net\""))
            _ = try locks.hold(network: "other", .exclusive)
        }
        let collecting = try locks.hold(network: "net", .exclusive)
        defer { collecting.end() }
        #expect(try thrown { _ = try impatient.hold(network: "net", container: "box") }?.code == 11)
    }

    @Test("R-8 the runtime's locks stand in a directory of their own, so that a plugin's never meet them")
    func ownDirectory() throws {
        let runtime = Runtime()
        try runtime.runner.gc(runtime.list(), valid: [])
        #expect(try Files.names(in: runtime.place["state"]) == ["runtime"])
        #expect(try Files.names(in: runtime.place["state/runtime"]) == ["network-\(Attachment.networkTag("net"))"])
    }

    @Test("R-9 STATUS asks each plugin in order and throws the first error")
    func status() throws {
        let runtime = Runtime()
        try runtime.runner.status(runtime.list())
        #expect(runtime.log.names == ["STATUS first", "STATUS second", "STATUS third"])
        #expect(runtime.log.calls.allSatisfy { $0.request.containerID.isEmpty && $0.request.interface == nil })
        runtime.log.fail("STATUS second", CNIError(.notAvailable, "pool is empty"))
        runtime.log.forget()
        let error = try #require(try thrown { try runtime.runner.status(runtime.list()) })
        #expect(error.code == 50 && error.message.contains("pool is empty"))
        #expect(runtime.log.names == ["STATUS first", "STATUS second"])
    }

    @Test("R-9 before 1.1.0 no plugin is asked, and a missing plugin is code 50")
    func statusLimits() throws {
        let runtime = Runtime()
        try runtime.runner.status(runtime.list("1.0.0"))
        #expect(runtime.log.names.isEmpty && runtime.reports.all.count == 1)
        let error = try #require(try thrown { try runtime.runner.status(runtime.list("1.1.0", ["absent"])) })
        #expect(error.code == 50 && error.message.contains("absent"))
    }

    @Test("R-16 validate tells file, versions and capabilities of every plugin")
    func validate() throws {
        var runtime = Runtime()
        runtime.path = [runtime.place["bin"]]
        try runtime.script(
            "foreign",
            #"cat > "$0.in"; env > "$0.env"; echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'"#)
        let list = try NetworkConfigurationList([
            "cniVersion": "1.0.0", "name": "net",
            "plugins": [
                ["type": "first", "capabilities": ["mac": true, "ips": false]],
                ["type": "foreign", "capabilities": ["portMappings": true, "mac": true]],
            ],
        ])
        let validation = try runtime.runner.validate(list)
        #expect(validation.capabilities == ["mac", "portMappings"])
        #expect(validation.members.map(\.isBuiltIn) == [true, false])
        #expect(validation.members[1].file == runtime.place["bin/foreign"])
        #expect(validation.members[1].versions == ["0.4.0", "1.0.0"])
        #expect(try runtime.place.read("bin/foreign.in") == #"{"cniVersion":"1.0.0"}"#)
        #expect(try runtime.place.lines("bin/foreign.env").contains("CNI_COMMAND=VERSION"))
        #expect(runtime.log.names.isEmpty)
    }

    @Test("R-16 validate names every plugin that is missing or does not speak the version")
    func invalid() throws {
        var runtime = Runtime()
        runtime.path = [runtime.place["bin"]]
        try runtime.script("old", #"echo '{"code":4,"msg":"unknown CNI_COMMAND: VERSION"}'; exit 1"#)
        let error = try #require(
            try thrown { try runtime.runner.validate(runtime.list("1.0.0", ["absent", "first", "old"])) })
        #expect(error.code == 5 && error.message.contains("\"absent\"") && error.message.contains("\"old\""))
        #expect(try runtime.runner.validate(runtime.list("0.1.0", ["old"])).members[0].versions == ["0.1.0"])
    }
}
