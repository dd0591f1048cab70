import Glibc
import JSON
import NetCore
import TestSupport
import Testing

/// The ten plugins, by the CNI type that a configuration names them with.
enum PluginType: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case bridge, ptp, macvlan, portmap, firewall, loopback, tuning, bandwidth
    case hostLocal = "host-local"
    case fixed = "static"

    var testDescription: String { rawValue }
    /// It only names addresses: an interface plugin calls it.
    var isIPAM: Bool { [.hostLocal, .fixed].contains(self) }
    /// It does nothing of its own accord: something before it in the chain has made the interface.
    var isChained: Bool { [.portmap, .firewall, .tuning, .bandwidth].contains(self) }

    /// Where the built plugins are: BERTH_TEST_PLUGINS, else build/cni of this repository.
    static let directory: String = {
        if let named = getenv("BERTH_TEST_PLUGINS") { return String(cString: named) }
        return #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/build/cni"
    }()
    var path: String { "\(PluginType.directory)/\(rawValue)" }

    /// A configuration that this plugin accepts, alone in a list.
    var configuration: JSONObject {
        switch self {
        case .bridge:
            ["type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": PluginType.addressPool]
        case .ptp: ["type": "ptp", "ipMasq": true, "ipam": PluginType.addressPool]
        case .macvlan: ["type": "macvlan", "master": "wan0", "ipam": PluginType.addressPool]
        case .hostLocal: ["type": "bridge", "ipam": PluginType.addressPool]
        case .fixed:
            [
                "type": "bridge",
                "ipam": [
                    "type": "static",
                    "addresses": [["address": "10.22.0.2/24", "gateway": "10.22.0.1"], ["address": "fd22::2/64"]],
                    "routes": [["dst": "0.0.0.0/0"]],
                ],
            ]
        case .portmap: ["type": "portmap", "capabilities": ["portMappings": true]]
        case .firewall: ["type": "firewall"]
        case .loopback: ["type": "loopback"]
        case .bandwidth:
            [
                "type": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 160_000, "egressRate": 8_000_000,
                "egressBurst": 160_000,
            ]
        case .tuning: ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"]]
        }
    }

    static let addressPool: JSON = [
        "type": "host-local",
        "ranges": [[["subnet": "10.22.0.0/24"]], [["subnet": "fd22::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
    ]
}

/// One plugin process: what it is told, by environment and standard input.
struct Call: Sendable {
    var plugin: PluginType
    var command = "ADD"
    var containerID: String? = "c1"
    var netns: String? = "/run/netns/c1"
    var interface: String? = "eth0"
    var arguments: String?
    var path: String? = PluginType.directory
    var input: [UInt8]
    var environment: [String: String] = [:]
    var seconds = 60.0

    init(_ plugin: PluginType, _ command: String = "ADD", _ configuration: JSONObject? = nil) {
        self.plugin = plugin
        self.command = command
        input = Array(JSON.object(Call.whole(configuration ?? plugin.configuration)).text.utf8)
    }

    init(_ plugin: PluginType, _ command: String = "ADD", input: String) {
        self.plugin = plugin
        self.command = command
        self.input = Array(input.utf8)
    }

    /// The protocol version of every test that is about no other: the newest, or BERTH_TEST_CNI_VERSION, with which
    /// older plugins (the reference's packages) run the same tests.
    static let version = getenv("BERTH_TEST_CNI_VERSION").map { String(cString: $0) } ?? "1.1.0"

    /// With cniVersion and name, which every configuration has.
    static func whole(_ configuration: JSONObject, version: String = Call.version, name: String = "net1") -> JSONObject
    {
        var whole = configuration
        if whole["cniVersion"] == nil { whole["cniVersion"] = .string(version) }
        if whole["name"] == nil { whole["name"] = .string(name) }
        return whole
    }

    var variables: [String: String] {
        var all = environment
        all["CNI_COMMAND"] = command.isEmpty ? nil : command
        all["CNI_CONTAINERID"] = containerID
        all["CNI_NETNS"] = netns
        all["CNI_IFNAME"] = interface
        all["CNI_ARGS"] = arguments
        all["CNI_PATH"] = path
        return all
    }

    func with(_ change: (inout Call) -> Void) -> Call {
        var copy = self
        change(&copy)
        return copy
    }
}

/// What a plugin answered.
struct Answer: Sendable, CustomStringConvertible {
    let outcome: ChildOutcome
    /// Standard output as JSON; nil when it is empty or no JSON.
    let json: JSON?

    init(_ outcome: ChildOutcome) {
        self.outcome = outcome
        do throws(JSONError) {
            json = outcome.output.isEmpty ? nil : try JSON(parsing: outcome.output)
        } catch {
            json = nil
        }
    }

    var succeeded: Bool { outcome.exitCode == 0 }
    var code: Int64? { succeeded ? nil : json?["code"]?.integer }
    var message: String { json?["msg"]?.string ?? "" }
    var details: String { json?["details"]?.string ?? "" }
    /// Everything said, for "names the value" tests.
    var sentence: String { "\(message) \(details)" }
    var description: String { outcome.description }

    /// An error as the specification wants it: exit code 1, an object with version, code and message, nothing else.
    func isError(_ expected: Int64) -> Bool {
        outcome.exitCode == 1 && code == expected && !message.isEmpty && json?["cniVersion"]?.string != nil
    }
}

/// A plugin's error where the test needed success.
struct PluginFailed: Error, CustomStringConvertible {
    let answer: Answer
    var description: String { answer.description }
}

extension PrivateHost {
    /// What a plugin's own configuration needs of the host: macvlan a master.
    func prepare(for plugin: PluginType) throws {
        guard plugin == .macvlan else { return }
        try must("ip link add wan0 type bridge")
        try must("ip link set wan0 up")
    }

    /// Runs one plugin process to its end. Throws when there is no such plugin to run.
    func call(_ call: Call) throws -> Answer {
        try requirePlugins()
        return Answer(
            try run([call.plugin.path], environment: call.variables, input: call.input, seconds: call.seconds))
    }

    func requirePlugins() throws(HostRefused) {
        guard Files.exists(PluginType.bridge.path) else {
            throw HostRefused(
                "no plugins in \(PluginType.directory): build them with `make`, or set BERTH_TEST_PLUGINS")
        }
    }

    /// States that the plugin answers with this error code and that the sentence holds these words.
    func expectError(
        _ code: Int64, naming words: [String] = [], _ call: Call, _ what: @autoclosure () -> String = "",
        file: String = #fileID, line: Int = #line
    ) throws {
        let answer = try self.call(call)
        let title = "\(call.plugin.rawValue) \(call.command) \(what())"
        expect(answer.isError(code), "\(title): expected error \(code), seen \(answer)", file: file, line: line)
        for word in words where !answer.sentence.contains(word) {
            expect(false, "\(title): the error does not name \(word): \(answer)", file: file, line: line)
        }
    }

    func expectSuccess(
        _ call: Call, _ what: @autoclosure () -> String = "", file: String = #fileID, line: Int = #line
    ) throws {
        let answer = try self.call(call)
        expect(answer.succeeded, "\(call.plugin.rawValue) \(call.command) \(what()): \(answer)", file: file, line: line)
    }

    /// States that `body` leaves the host as it was.
    func expectUnchanged(
        _ what: String = "the host", file: String = #fileID, line: Int = #line, _ body: () throws -> Void
    ) throws {
        let before = try settledState()
        try body()
        let difference = try settledState().difference(from: before)
        expect(difference.isEmpty, "\(what) changed:\n\(difference)", file: file, line: line)
    }
}
