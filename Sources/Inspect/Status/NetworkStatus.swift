import CNI
import Glibc
public import IPAM
import JSON
import NetCore
public import NetPlan
import PluginKit

/// Could a network take a container now, and what does it have (`berth status`).
public struct NetworkStatus: Hashable, Sendable {
    /// What a plugin answered to STATUS.
    public enum Answer: Hashable, Sendable {
        case ready
        case notReady(code: Int, reason: String)
        /// It is another's, and the list is of before 1.1.0, whose plugins know no STATUS.
        case notAsked
    }

    public struct Plugin: Hashable, Sendable {
        public let type: String
        /// What CNI_PATH has under its name; nil for one of berth's that is nowhere there.
        public let file: String?
        public let isOwn: Bool
        public let answer: Answer
    }

    public enum Backend: Hashable, Sendable {
        case nftables
        case iptables(IptablesVariant)
        /// Zones of firewalld, with berth's nftables table for policies.
        case firewalld
        /// Nothing in the list filters or translates.
        case none
        /// That is the business of plugins that are not berth's.
        case unknown
    }

    public let name: String
    public let file: String
    public let plugins: [Plugin]
    /// What makes its NAT and filtering; more than one where the list's plugins differ.
    public private(set) var backends: [Backend] = []
    /// How many attachments stand.
    public let attachments: Int
    public let pools: [PoolUsage]

    /// No plugin said no, and every range has an address left, whoever gives it.
    public var isReady: Bool {
        exhausted.isEmpty && plugins.allSatisfy { if case .notReady = $0.answer { false } else { true } }
    }
    /// Attachments lack what a plugin had made for them.
    var isHarmed: Bool {
        plugins.contains {
            if case .notReady(CNIErrorCode.limitedConnectivity.rawValue, _) = $0.answer { true } else { false }
        }
    }
    var exhausted: [PoolUsage] { pools.filter { $0.free == 0 } }

    /// Asks every plugin of the list: berth's in this process, others as an engine would.
    init(
        _ found: ConfigurationDirectory.Found, attachments: Int, pools: [PoolUsage], environment: Environment
    ) {
        let list = found.list
        name = list.name
        file = found.file
        self.attachments = attachments
        self.pools = pools
        let survey = PluginSurvey(list, environment)
        plugins = list.plugins.map { survey.plugin($0) }
        let filtering = zip(list.plugins, plugins).filter { object, plugin in
            ["portmap", "firewall"].contains(plugin.type)
                || (Owner.cablePlugins.contains(plugin.type)
                    && (object["ipMasq"]?.bool == true || object["macspoofchk"]?.bool == true))
        }
        // Plugins of one list may choose apart: "backend" of one, "ipMasqBackend" of the other.
        let own = filtering.filter { $0.1.isOwn }.map { survey.backend($0.0) }
        backends = own.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        if own.isEmpty { backends = [plugins.allSatisfy(\.isOwn) ? .none : .unknown] }
    }
}

/// Who answers for a list's plugins.
private struct PluginSurvey {
    let list: NetworkConfigurationList
    let environment: Environment
    let path: [String]

    init(_ list: NetworkConfigurationList, _ environment: Environment) {
        self.list = list
        self.environment = environment
        path = (environment.nonEmpty("CNI_PATH") ?? "").split(separator: ":").map(String.init)
    }

    private func caller(path: [String]) -> PluginCaller {
        PluginCaller(builtIn: { OwnPlugins.plugin($0) }, path: path, environment: environment)
    }

    func plugin(_ object: JSONObject) -> NetworkStatus.Plugin {
        let type = object["type"]?.string ?? ""
        var file: String?
        do throws(CNIError) {
            file = try caller(path: path).file(of: type)
            let isOwn = isOwn(type, file)
            return NetworkStatus.Plugin(type: type, file: file, isOwn: isOwn, answer: try answer(object, isOwn: isOwn))
        } catch {
            return NetworkStatus.Plugin(
                type: type, file: file, isOwn: isOwn(type, file),
                answer: .notReady(
                    code: error.code, reason: error.message + (error.details.map { "; \($0)" } ?? "")))
        }
    }

    /// A link to berth-core, which is what `make install` puts there, or nothing in the way of the one in this process.
    private func isOwn(_ type: String, _ file: String?) -> Bool {
        guard OwnPlugins.plugin(type) != nil else { return false }
        guard let file, let resolved = realpath(file, nil) else { return true }
        defer { free(resolved) }
        return String(cString: resolved).lastComponent == "berth-core"
    }

    /// Throws the plugin's own error.
    private func answer(_ object: JSONObject, isOwn: Bool) throws(CNIError) -> NetworkStatus.Answer {
        guard isOwn else {
            guard list.version >= Command.status.since else {
                let type = object["type"]?.string ?? ""
                guard try caller(path: path).isExecuted(type) else {
                    // An engine would not find it either.
                    try runner(path: path).status(object, of: list)
                    return .ready
                }
                return .notAsked
            }
            try runner(path: path).status(object, of: list)
            return .ready
        }
        // Those of this process answer whatever the list's version.
        var json = list.json
        json["cniVersions"] = nil
        json["cniVersion"] = .string(max(list.version, Command.status.since).rawValue)
        let ipam = object["ipam"]?["type"]?.string ?? "host-local"
        let inProcess = ipam.isEmpty || OwnPlugins.plugin(ipam) != nil
        try runner(path: inProcess ? [] : path).status(object, of: try NetworkConfigurationList(json))
        return .ready
    }

    /// As the plugin itself would choose.
    func backend(_ object: JSONObject) -> NetworkStatus.Backend {
        let key = Owner.cablePlugins.contains(object["type"]?.string ?? "") ? "ipMasqBackend" : "backend"
        do throws(CNIError) {
            var json = object
            json["name"] = .string(list.name)
            json["cniVersion"] = .string(list.version.rawValue)
            let request = Request(
                command: .status, containerID: "", configuration: try NetworkConfiguration(json),
                environment: environment)
            let chosen = try request.backend(key, demanding: BackendChoice.demanding(object), others: ["firewalld"])
            guard case .iptables = chosen else { return object[key]?.string == "firewalld" ? .firewalld : .nftables }
            return .iptables(IptablesVariant.ofHost().variant)
        } catch {
            return .unknown
        }
    }

    private func runner(path: [String]) -> ChainRunner {
        ChainRunner(caller: caller(path: path), owner: "berth", report: { _ in })
    }
}
