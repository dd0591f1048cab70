import Glibc
import JSON
import NetCore
import Synchronization

@testable import CNI

/// A plugin that notes what it was asked and answers what it was told to.
final class ScriptedPlugin: Plugin {
    let name = "scripted"
    let supportedVersions: [SpecVersion]
    private let calls = Mutex<[Request]>([])
    private let result: CNIResult
    private let failures: [Command: CNIError]
    /// Runs in the middle of ADD.
    private let duringAdd: @Sendable () -> Void

    init(
        result: CNIResult = .sample, failures: [Command: CNIError] = [:],
        supportedVersions: [SpecVersion] = SpecVersion.allCases, duringAdd: @escaping @Sendable () -> Void = {}
    ) {
        self.result = result
        self.failures = failures
        self.supportedVersions = supportedVersions
        self.duringAdd = duringAdd
    }

    var requests: [Request] { calls.withLock { $0 } }
    var commands: [Command] { requests.map(\.command) }

    private func note(_ command: Command, _ request: Request) throws(CNIError) {
        calls.withLock { $0.append(request) }
        if let failure = failures[command] { throw failure }
    }

    func add(_ request: Request) throws(CNIError) -> CNIResult {
        try note(.add, request)
        duringAdd()
        return result
    }
    func check(_ request: Request) throws(CNIError) { try note(.check, request) }
    func del(_ request: Request) throws(CNIError) { try note(.del, request) }
    func gc(_ request: Request) throws(CNIError) { try note(.gc, request) }
    func status(_ request: Request) throws(CNIError) { try note(.status, request) }
}

/// What a plugin process left behind.
struct Outcome {
    let exitCode: Int32
    let output: String
    let errors: String

    /// The object on standard output.
    var json: JSON? { parsed(output) }
    var code: Int64? { json?["code"]?.integer }
    var message: String? { json?["msg"]?.string }
    var details: String? { json?["details"]?.string }
}

func parsed(_ text: String) -> JSON? {
    do throws(JSONError) { return try JSON(parsing: Array(text.utf8)) } catch { return nil }
}

/// Runs a whole plugin process in this one, with files for its three streams.
func run(_ plugin: any Plugin, _ variables: [String: String], input: [UInt8]) throws(KernelError) -> Outcome {
    let files = [try TemporaryFile(holding: input), try TemporaryFile(), try TemporaryFile()]
    let code = PluginProcess.run(
        plugin, environment: Environment(variables),
        streams: PluginProcess.Streams(
            input: files[0].descriptor, output: files[1].descriptor, errors: files[2].descriptor))
    return Outcome(exitCode: code, output: try files[1].text(), errors: try files[2].text())
}

func run(_ plugin: any Plugin, _ variables: [String: String], _ configuration: String) throws(KernelError) -> Outcome {
    try run(plugin, variables, input: Array(configuration.utf8))
}

/// A file without a name, gone with its last descriptor.
final class TemporaryFile {
    let descriptor: Int32

    init(holding bytes: [UInt8] = []) throws(KernelError) {
        var path = Array("/tmp/berth-test-XXXXXX".utf8CString)
        descriptor = try NetCore.check("make a temporary file") { mkstemp(&path) }
        unlink(path)
        try Files.write(bytes, to: descriptor, operation: "write")
        lseek(descriptor, 0, SEEK_SET)
    }

    func text() throws(KernelError) -> String {
        lseek(descriptor, 0, SEEK_SET)
        return String(decoding: try Files.read(descriptor, limit: 1 << 24, operation: "read"), as: UTF8.self)
    }

    deinit { close(descriptor) }
}

/// The environment that a runtime gives for an operation; a nil takes a variable away.
func environment(_ command: String, _ changes: [String: String?] = [:]) -> [String: String] {
    var variables = [
        "CNI_COMMAND": command, "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/no-such-namespace",
        "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
    ]
    for (name, value) in changes { variables[name] = value }
    return variables
}

/// A configuration of a version, with more members.
func configuration(_ version: String? = "1.1.0", _ more: JSONObject = [:]) -> String {
    var object: JSONObject = [:]
    if let version { object["cniVersion"] = .string(version) }
    object["name"] = "dbnet"
    object["type"] = "scripted"
    for (key, value) in more { object[key] = value }
    return object.description
}

func decode(_ text: String) throws(CNIError) -> NetworkConfiguration {
    try NetworkConfiguration(decoding: Array(text.utf8))
}

extension CNIResult {
    /// A result that uses everything 1.1.0 has.
    static var sample: CNIResult {
        var result = CNIResult()
        result.interfaces = [
            Interface(name: "cni0", mac: "00:11:22:33:44:55", mtu: 1500),
            Interface(
                name: "eth0", mac: "99:88:77:66:55:44", mtu: 1500, sandbox: "/var/run/netns/blue",
                socketPath: "/run/vhost.sock", pciID: "0000:3b:02.1"),
        ]
        result.ips = [
            IPConfiguration(
                address: IPPrefix("10.1.0.5/16")!, gateway: IPAddress("10.1.0.1")!, interface: 1),
            IPConfiguration(
                address: IPPrefix("2001:db8::5/64")!, gateway: IPAddress("2001:db8::1")!, interface: 1),
        ]
        result.routes = [
            RouteConfiguration(destination: IPPrefix("0.0.0.0/0")!, gateway: IPAddress("10.1.0.1")!),
            RouteConfiguration(destination: IPPrefix("::/0")!),
            RouteConfiguration(
                destination: IPPrefix("192.168.0.0/24")!, mtu: 1400, advmss: 1360, priority: 10, table: 0, scope: 0),
        ]
        result.dns = DNS(nameservers: ["10.1.0.1"], domain: "db", search: ["db.local"], options: ["ndots:2"])
        return result
    }
}
