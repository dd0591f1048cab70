import CNI
import IPAM
import JSON
import NetCore
import PluginKit

/// What is wrong with a plugin by itself.
struct PluginRules {
    private(set) var findings: [LintFinding] = []
    private let network: LintNetwork
    private let host: LintHost

    init(_ network: LintNetwork, _ host: LintHost) {
        self.network = network
        self.host = host
        for plugin in network.plugins {
            judgePresence(plugin, type: plugin.type, key: "type")
            if let ipam = plugin.object["ipam"]?["type"]?.string, !ipam.isEmpty {
                judgePresence(plugin, type: ipam, key: "ipam.type")
            }
            judgeValues(plugin)
            judgeKeys(plugin)
            judgeCapabilities(plugin)
            judgeDefaultRoute(plugin)
        }
    }

    /// What the plugin would be given on standard input. Throws as it would.
    static func configuration(
        _ plugin: LintPlugin, _ list: NetworkConfigurationList
    ) throws(CNIError) -> NetworkConfiguration {
        try NetworkConfiguration(
            try ChainRequest(list: list).attachment(plugin.object, capabilities: [:], previousResult: nil))
    }

    // MARK: - missing-plugin

    private mutating func judgePresence(_ plugin: LintPlugin, type: String, key: String) {
        guard let caller = host.caller, OwnPlugins.plugin(type) == nil else { return }
        do throws(CNIError) {
            if try caller.file(of: type) != nil { return }
        } catch {
            findings.append(
                plugin.finding(.badValue, at: key, error.message, fix: "write the name of a file in CNI_PATH"))
            return
        }
        let near = KnownKeys.nearest(type, OwnPlugins.types).map { "\"\($0)\", or " } ?? ""
        findings.append(
            plugin.finding(
                .missingPlugin, at: key,
                "plugin \"\(type)\" is in none of \(caller.path.joined(separator: ", "))",
                fix: "write \(near)the name of a plugin that is there; CNI_PATH says where to look"))
    }

    // MARK: - bad-value

    /// Asks our own plugins what they would refuse.
    private mutating func judgeValues(_ plugin: LintPlugin) {
        var refuser = plugin.type
        do throws(CNIError) {
            let configuration = try PluginRules.configuration(plugin, network.list)
            if let own = OwnPlugins.planned(plugin.type) {
                // Without a host its list of allowed sysctls is none of the matter either.
                let environment = host.caller?.environment ?? Environment(["BERTH_TUNING_ALLOWLIST": "/nonexistent"])
                try PluginRules.ask(
                    own, Request(command: .status, configuration: configuration, environment: environment))
            }
            switch plugin.object["ipam"]?["type"]?.string {
            case "host-local":
                refuser = "host-local"
                _ = try HostLocal.network(configuration)
            case "static":
                refuser = "static"
                // It has no state: nothing but the configuration is looked at.
                try StaticAddresses().status(
                    Request(command: .status, configuration: configuration, environment: Environment([:])))
            default: break
            }
        } catch {
            let texts = [error.details ?? "", error.message]
            let quoted = plugin.file.path(named: texts, below: plugin.path)
            let isRange = error.message.hasPrefix("invalid range set") || error.message.hasPrefix("range set")
            let reason =
                "plugin \(refuser) refuses this: \(error.message)"
                + (error.details.map { "; \($0)" } ?? "")
            findings.append(
                plugin.file.finding(
                    .badValue, at: quoted ?? plugin.place(isRange ? "ipam.ranges" : "type"), reason,
                    fix: error.code == CNIErrorCode.unsupportedField.rawValue
                        ? "leave the key out, or give the work to a plugin that knows it"
                        : "correct it; docs/plugins/\(refuser).md has every key"))
        }
    }

    private static func ask(_ plugin: some PlannedPlugin, _ request: Request) throws(CNIError) {
        _ = try plugin.configuration(request)
    }

    // MARK: - unknown-key

    private mutating func judgeKeys(_ plugin: LintPlugin) {
        if let known = KnownKeys.plugins[plugin.type] {
            judgeKeys(plugin, plugin.object, "", known + KnownKeys.common, of: plugin.type)
        }
        guard let ipam = plugin.object["ipam"]?.object, let type = ipam["type"]?.string,
            let known = KnownKeys.addressing[type]
        else { return }
        judgeKeys(plugin, ipam, "ipam", known, of: type)
        for (number, address) in (ipam["addresses"]?.array ?? []).enumerated() where type == "static" {
            judgeKeys(plugin, address.object ?? [:], "ipam.addresses[\(number)]", KnownKeys.address, of: type)
        }
        guard type == "host-local" else { return }
        for (number, set) in (ipam["ranges"]?.array ?? []).enumerated() {
            for (index, range) in (set.array ?? []).enumerated() {
                judgeKeys(
                    plugin, range.object ?? [:], "ipam.ranges[\(number)][\(index)]", KnownKeys.range, of: type)
            }
        }
    }

    private mutating func judgeKeys(
        _ plugin: LintPlugin, _ object: JSONObject, _ path: String, _ known: [String], of type: String
    ) {
        for key in object.keys where !known.contains(key) && !KnownKeys.isSomebodyElses(key) {
            let near = KnownKeys.nearest(key, known)
            findings.append(
                plugin.finding(
                    .unknownKey, at: path.isEmpty ? key : "\(path).\(key)",
                    "plugin \(type) does not know the key \"\(key)\" and passes over it",
                    fix: near.map { "write \"\($0)\", if that is meant" }
                        ?? "leave it out; docs/plugins/\(type).md has every key"))
        }
    }

    // MARK: - unused-capability, missing-capability

    private mutating func judgeCapabilities(_ plugin: LintPlugin) {
        guard let own = KnownKeys.capabilities[plugin.type],
            let further = KnownKeys.addressingCapabilities[plugin.object["ipam"]?["type"]?.string ?? ""]
        else { return }
        let used = own + further
        let declared = plugin.object["capabilities"]?.object ?? [:]
        for name in declared.keys where declared[name]?.bool == true && !used.contains(name) {
            findings.append(
                plugin.finding(
                    .unusedCapability, at: "capabilities.\(name)",
                    "plugin \(plugin.type) does nothing with the capability \"\(name)\": what an engine gives for it is lost",
                    fix: used.isEmpty
                        ? "leave it out, or declare it at the plugin that uses it"
                        : "leave it out; \(plugin.type) uses \(used.joined(separator: ", "))"))
        }
        if plugin.type == "portmap", declared["portMappings"]?.bool != true,
            plugin.object["runtimeConfig"]?["portMappings"] == nil
        {
            findings.append(
                plugin.finding(
                    .missingCapability, "no engine gives this portmap any port: it does not declare \"portMappings\"",
                    fix: #"add "capabilities": {"portMappings": true}"#))
        }
    }

    // MARK: - no-default-route

    /// Who asks for masquerade wants its containers to reach the world.
    private mutating func judgeDefaultRoute(_ plugin: LintPlugin) {
        guard Owner.cablePlugins.contains(plugin.type), plugin.object["ipMasq"]?.bool == true,
            plugin.object["isDefaultGateway"]?.bool != true, let ipam = plugin.object["ipam"]?.object
        else { return }
        let routes = (ipam["routes"]?.array ?? []).compactMap { IPPrefix($0["dst"]?.string ?? "") }
        let families = families(plugin, ipam)
        for family in AddressFamily.allCases where families.contains(family) {
            if routes.contains(where: { $0.family == family && $0.length == 0 }) { continue }
            findings.append(
                plugin.finding(
                    .noDefaultRoute, at: "ipMasq",
                    "containers of network \"\(network.name)\" have no default route for IPv\(family.rawValue): there is nothing to masquerade",
                    fix: (plugin.type == "bridge" ? #"add "isDefaultGateway": true, or "# : "add ")
                        + #"{"dst": "\#(family == .v4 ? "0.0.0.0/0" : "::/0")"} to ipam.routes"#
                ))
        }
    }

    /// The families of which a container gets an address, as far as that can be read.
    private func families(_ plugin: LintPlugin, _ ipam: JSONObject) -> Set<AddressFamily> {
        if ipam["type"]?.string == "static" {
            let addresses = (ipam["addresses"]?.array ?? []).compactMap { IPPrefix($0["address"]?.string ?? "") }
            return Set(addresses.map(\.family))
        }
        let leased = network.leased.first {
            $0.plugin.path == plugin.path && $0.plugin.file.path == plugin.file.path
        }
        guard let leased else { return [] }
        do throws(CNIError) {
            return Set(try HostLocal.network(leased.configuration).sets.map(\.family))
        } catch {
            // bad-value has told it.
            return []
        }
    }
}
