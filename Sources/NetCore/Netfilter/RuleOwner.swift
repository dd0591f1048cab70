/// Whose rules a table holds, told by the names that programs give to tables and chains.
public enum RuleOwner {
    /// "Docker" of a table (without its family) that has a chain of Docker's; nil where no name tells.
    public static func name(table: String, chains: some Sequence<String>) -> String? {
        if table == "berth" { return "berth" }
        if table == "firewalld" { return "firewalld" }
        if table.hasPrefix("netavark") { return "netavark" }
        let chains = Array(chains)
        // In the order of the programs, not of the names: several may share a table.
        return starts.first { start, _ in chains.contains { $0.hasPrefix(start) } }?.1
    }

    /// Whose a chain of that name is; nil where the name does not tell.
    public static func name(chain: String) -> String? { starts.first { chain.hasPrefix($0.0) }?.1 }

    private static let starts = [
        ("DOCKER", "Docker"), ("ufw-", "ufw"), ("ufw6-", "ufw"), ("KUBE-", "Kubernetes"), ("LIBVIRT_", "libvirt"),
        ("NETAVARK", "netavark"), ("FWD_", "firewalld"),
    ]
}
