import Glibc
import NetCore

/// Which of the kernel's two tables a host's `iptables` speaks to (man 8 xtables-nft, man 8 xtables-legacy).
public enum IptablesVariant: String, Hashable, Sendable, CaseIterable {
    /// Tables of nf_tables.
    case nft
    /// The tables of before nf_tables.
    case legacy

    /// Where the choice comes from, for `berth status`.
    public struct Choice: Hashable, Sendable {
        public let variant: IptablesVariant
        public let reason: String
    }

    /// Of the host: what BERTH_IPTABLES says, else what its `iptables` program is, else nft where the kernel's legacy tables
    /// are not in use.
    public static func ofHost(path: String? = nil) -> Choice {
        if let text = getenv("BERTH_IPTABLES"), let variant = IptablesVariant(rawValue: String(cString: text)) {
            return Choice(variant: variant, reason: "BERTH_IPTABLES says so")
        }
        let searched =
            (path ?? getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
            + ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        for directory in searched where directory.hasPrefix("/") {
            guard let program = realpath("\(directory)/iptables", nil) else { continue }
            defer { free(program) }
            let name = String(cString: program)
            // xtables-nft-multi and xtables-legacy-multi; before iptables 1.8 it was xtables-multi.
            let variant: IptablesVariant = name.hasSuffix("-nft-multi") || name.hasSuffix("-nft") ? .nft : .legacy
            return Choice(variant: variant, reason: "\(directory)/iptables is \(name)")
        }
        if !legacyTables(.v4).isEmpty || !legacyTables(.v6).isEmpty {
            return Choice(
                variant: .legacy, reason: "there is no iptables program, and the kernel's legacy tables are in use")
        }
        return Choice(
            variant: .nft, reason: "there is no iptables program, and the kernel's legacy tables are not in use")
    }

    /// What iptables-legacy locks before it changes a table (man 8 iptables, "-w").
    public static var lockFile: String {
        getenv("XTABLES_LOCKFILE").map { String(cString: $0) } ?? "/run/xtables.lock"
    }

    /// The legacy tables that exist in this network namespace. To ask the kernel for another would make it.
    public static func legacyTables(_ family: AddressFamily) -> [String] {
        let file = "/proc/thread-self/net/\(family == .v4 ? "ip_tables_names" : "ip6_tables_names")"
        do throws(KernelError) {
            return String(decoding: try Files.read(file), as: UTF8.self).split(separator: "\n").map(String.init)
        } catch {
            // No such file: the kernel has no legacy tables.
            return []
        }
    }
}
