import Glibc
import JSON
import NetCore
import Synchronization

@testable import CNI

/// A directory of a test's own, gone with it.
final class Workplace: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/berth-runtime-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { Workplace.remove(path) }

    subscript(name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        let file = self[name]
        try Files.makeDirectories(Files.directory(of: file))
        try Files.replace(file, with: Array(text.utf8), mode: mode)
        return file
    }

    func read(_ name: String) throws -> String { String(decoding: try Files.read(self[name]), as: UTF8.self) }

    /// The file's lines; none when it is not there.
    func lines(_ name: String) throws -> [String] {
        guard Files.exists(self[name]) else { return [] }
        return try read(name).split(separator: "\n").map(String.init)
    }

    private static func remove(_ path: String) {
        for name in (try? Files.names(in: path)) ?? [] {
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }
}

/// A plugin in this process that writes down what it was asked, in a log that a whole chain shares.
struct RecordingPlugin: Plugin {
    struct Call: Sendable {
        let type: String
        let request: Request

        var name: String { "\(request.command) \(type)" }
        var configuration: JSONObject { request.configuration.json }
    }

    /// What the plugins of a chain did, and what is to go wrong.
    final class Log: Sendable {
        private let state = Mutex<(calls: [Call], errors: [String: CNIError], signals: [String: Int32])>(([], [:], [:]))

        var calls: [Call] { state.withLock { $0.calls } }
        /// "ADD bridge", "ADD portmap", …
        var names: [String] { calls.map(\.name) }

        func fail(_ call: String, _ error: CNIError?) { state.withLock { $0.errors[call] = error } }
        /// During that call, this thread gets a signal.
        func interrupt(_ call: String, _ signal: Int32) { state.withLock { $0.signals[call] = signal } }
        func forget() { state.withLock { $0.calls = [] } }

        func note(_ call: Call) throws(CNIError) {
            let (error, signal) = state.withLock { state in
                state.calls.append(call)
                return (state.errors[call.name], state.signals[call.name])
            }
            if let signal { pthread_kill(pthread_self(), signal) }
            if let error { throw error }
        }
    }

    let name: String
    let log: Log
    var supportedVersions: [SpecVersion] = SpecVersion.allCases

    func add(_ request: Request) throws(CNIError) -> CNIResult {
        try log.note(Call(type: name, request: request))
        var result = request.configuration.previousResult ?? CNIResult()
        if result.ips.isEmpty {
            result.interfaces = [.init(name: "\(request.interface!)", sandbox: request.netns)]
            result.ips = [.init(address: IPPrefix("10.1.2.3/24")!, interface: 0)]
        }
        result.dns.search.append("\(name).example")
        return result
    }

    func check(_ request: Request) throws(CNIError) { try log.note(Call(type: name, request: request)) }
    func del(_ request: Request) throws(CNIError) { try log.note(Call(type: name, request: request)) }
    func gc(_ request: Request) throws(CNIError) { try log.note(Call(type: name, request: request)) }
    func status(_ request: Request) throws(CNIError) { try log.note(Call(type: name, request: request)) }
}

/// A runtime with in-memory plugins "first", "second" and "third", and state of its own.
struct Runtime {
    let place = Workplace()
    let log = RecordingPlugin.Log()
    let reports = Reports()
    var path: [String] = []
    var variables: [String: String] = [:]
    var owner = "test"
    var types = ["first", "second", "third"]

    final class Reports: Sendable {
        private let sentences = Mutex<[String]>([])
        var all: [String] { sentences.withLock { $0 } }
        func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
    }

    var environment: Environment {
        Environment(
            variables.merging(["BERTH_STATE_DIR": place["state"], "BERTH_CNI_CACHE_DIR": place["cache"]]) { own, _ in
                own
            })
    }

    var builtIn: @Sendable (String) -> (any Plugin)? {
        let (log, types) = (log, types)
        return { type in types.contains(type) ? RecordingPlugin(name: type, log: log) : nil }
    }

    var caller: PluginCaller { PluginCaller(builtIn: builtIn, path: path, environment: environment) }

    var runner: ChainRunner {
        let reports = reports
        return ChainRunner(caller: caller, owner: owner) { reports.add($0) }
    }

    var cache: ResultCache { ResultCache(place["cache"]) }

    func cachePath(_ name: String) -> String { place["cache/results/\(name)"] }

    func list(_ version: String = "1.1.0", _ types: [String] = ["first", "second", "third"]) throws
        -> NetworkConfigurationList
    {
        try NetworkConfigurationList([
            "cniVersion": .string(version), "name": "net",
            "plugins": .array(types.map { ["type": .string($0)] }),
        ])
    }

    /// A file stands for the namespace: nothing here opens it.
    func parameters(
        _ containerID: String = "box", arguments: String = "", capabilities: JSONObject = [:]
    ) throws -> AttachmentParameters {
        try AttachmentParameters(
            containerID: containerID, netns: place.write("netns-\(containerID)", ""), interface: LinkName("eth0")!,
            arguments: try CNIArguments(arguments), capabilities: capabilities)
    }

    /// A plugin that is a shell script; "$0.log" is a name for its notes.
    @discardableResult
    func script(_ type: String, _ body: String) throws -> String {
        try place.write("bin/\(type)", "#!/bin/sh\n\(body)\n", mode: 0o755)
    }
}

/// The CNI error that `body` throws; nil when it throws none.
func thrown<R>(_ body: () throws -> R) throws -> CNIError? {
    do {
        _ = try body()
        return nil
    } catch let error as CNIError {
        return error
    }
}
