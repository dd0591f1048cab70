import CNI
import JSON
import NetCore
import NetPlan

extension Request {
    /// What makes a plugin's NAT and filtering (cni.md C-4): what `key` says, else BERTH_BACKEND, else iptables where one of
    /// `demanding` is asked for, which only iptables can do, else nftables. What `others` do stands beside
    /// berth's own table. Throws code 7 for a word that is no backend and for a key that the chosen one cannot honour.
    public func backend(_ key: String, demanding: [String] = [], others: [String] = []) throws(CNIError) -> Plan.Backend
    {
        let root = configuration.root
        let said = try root.string(key) ?? "auto"
        let known = ["auto", "nftables", "iptables"] + others
        guard known.contains(said) else { throw root.error(key, "is not one of \(known.joined(by: ", "))") }
        if others.contains(said) { return .nftables }
        var chosen = said
        if said == "auto" {
            chosen = demanding.contains(where: root.has) ? "iptables" : environment["BERTH_BACKEND"] ?? "nftables"
            guard ["nftables", "iptables", ""].contains(chosen) else {
                throw CNIError(
                    .invalidEnvironment, "BERTH_BACKEND is \"\(chosen)\"", details: "it takes nftables or iptables")
            }
        }
        guard chosen == "iptables" else {
            for name in demanding where root.has(name) {
                throw root.error(name, "cannot be honoured by the nftables backend, which \"\(key)\" asks for")
            }
            return .nftables
        }
        return .iptables(nil)
    }
}

extension Request {
    /// Will the plugin's ADD want berth-iptables? A guess: where it is wrong, the program was started for nothing.
    func expectsLegacy(_ plugin: String) -> Bool {
        guard !IptablesNames.tables(of: plugin).isEmpty else { return false }
        let isCable = Owner.cablePlugins.contains(plugin)
        if isCable, configuration.root.value("ipMasq")?.bool != true { return false }
        if plugin == "portmap", configuration.runtimeConfig["portMappings"]?.array?.isEmpty ?? true { return false }
        do throws(CNIError) {
            let demanding = BackendChoice.demanding(configuration.json)
            guard try backend(isCable ? "ipMasqBackend" : "backend", demanding: demanding) != .nftables else {
                return false
            }
        } catch {
            return false
        }
        return IptablesVariant.ofHost().variant == .legacy
    }

    /// Was nftables only what nobody said otherwise?
    var isBackendFree: Bool {
        let root = configuration.root
        let said =
            ["backend", "ipMasqBackend"].compactMap { root.value($0)?.string } + [environment["BERTH_BACKEND"] ?? ""]
        return !said.contains("nftables")
    }

    /// Failed it because this kernel has no nf_tables, and may iptables do it instead? (cni.md C-4, `auto`)
    func turnsToIptables(_ failure: ApplyFailure, _ plan: Plan) -> Bool {
        guard plan.backend == .nftables, isBackendFree, case .kernel(let error) = failure.cause else { return false }
        return LinuxKernel.lacksNftables(error)
    }
}

/// Keys that decide between backends.
public enum BackendChoice {
    /// Of a plugin's configuration the keys that only iptables can honour.
    public static func demanding(_ object: JSONObject) -> [String] {
        var keys: [String] = []
        if object["externalSetMarkChain"]?.string != nil { keys.append("externalSetMarkChain") }
        for key in ["conditionsV4", "conditionsV6"] {
            guard let first = object[key]?.array?.first?.string else { continue }
            if first.hasPrefix("-") || first == "!" { keys.append(key) }
        }
        return keys
    }
}
