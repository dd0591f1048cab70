import CKernel
import Glibc
import NetCore
import NetPlan
import PluginKit

/// Other people's rules that drop forwarded packets (cni.md N-6, N-8): an accept of ours does not end their chains, so
/// it is said, and never edited.
public enum ForeignFirewall {
    /// What is said of firewalld; not where it is the backend.
    public static let firewalld =
        "firewalld filters forwarded packets: the firewall plugin with \"backend\": \"firewalld\" puts containers into a zone "
        + "that accepts; or put the bridge there, firewall-cmd --zone=trusted --add-interface=BRIDGE"

    /// A sentence for each; none of the FORWARD chain of the iptables in which our own accepts stand (`own`), nor of firewalld
    /// where containers stand in its zones. Throws what the kernel said, EPERM to one who may not look.
    public static func findings(
        _ kernel: inout LinuxKernel, own: IptablesVariant? = nil, exceptFirewalld: Bool = false
    ) throws(KernelError)
        -> [String]
    {
        var found: [String] = []
        for chain in try kernel.foreignForwardChains() {
            if chain.drops {
                let isIPTables = chain.table == "filter" && chain.name == "FORWARD"
                if isIPTables, own == .nft { continue }
                let advice = isIPTables ? "; where Docker set it: iptables -I DOCKER-USER -j ACCEPT" : ""
                found.append(
                    "chain \(chain) has policy drop: forwarded packets need an accept there too, ours does not end its verdict\(advice)"
                )
            }
            if chain.family == "inet", chain.table == "firewalld", chain.name == "filter_FORWARD", !exceptFirewalld {
                found.append(firewalld)
            }
        }
        if own != .legacy, LegacyTables.forwardDrops() {
            found.append(
                "iptables (legacy) has policy DROP in its FORWARD chain: forwarded packets need an accept there too, iptables-legacy -P FORWARD ACCEPT or a rule for the bridge"
            )
        }
        return found
    }

    static func warn(_ plugin: String, _ plan: Plan, _ kernel: inout LinuxKernel) {
        // One plugin of a chain says it.
        guard LinuxKernel.isFirst("foreign firewall") else { return }
        do throws(KernelError) {
            var own = kernel.iptablesVariant(plan.backend)
            // portmap accepts nothing, and does not know whether firewall follows it; where firewall has been, it does.
            if plugin != "firewall" {
                let isThere = own == .nft ? try kernel.hasForwardingChain() : false
                if !isThere { own = nil }
            }
            let isInZone = !plan.zoneSources.isEmpty
            for sentence in try findings(&kernel, own: own, exceptFirewalld: isInZone) {
                PluginKit.warn(plugin, sentence)
            }
        } catch {
            // A warning that cannot be given is no failure.
        }
    }
}

/// The iptables of before nftables, asked without libiptc: only for the policy of one chain.
enum LegacyTables {
    static func forwardDrops() -> Bool { berth_legacy_forward_drops() == 1 }
}
