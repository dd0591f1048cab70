import NetCore
import NetPlan

extension ListPlan {
    /// A shell script (sh, iproute2, nft, nsenter) that brings the same state about, in the plugins' order.
    public var script: String {
        let shell = ShellWriter(namespace: parameters.netns ?? "")
        var lines = [
            "#!/bin/sh",
            "# What an ADD of \(attachment.containerID) to network \"\(list.name)\" would do, as commands.",
            "# It needs root and the namespace \(parameters.netns ?? "(none)").",
        ]
        lines += assumptions.map { "# assumed: \($0)" }
        lines += ["set -e"]
        var tables: [NftFamily] = []
        for member in members {
            guard let plan = member.plan else {
                lines += ["", "# \(member.type): it is not ours, what it does is not known"]
                continue
            }
            if plan.resources.isEmpty { lines += ["", "# \(member.type): nothing, as it is called here"] }
            for (title, resources) in [("shared", plan.shared), ("this attachment's own", plan.owned)] {
                let commands = resources.flatMap { $0.commands(shell) }
                if !commands.isEmpty { lines += ["", "# \(member.type): \(title)"] + commands }
            }
            for changes in plan.iptables {
                lines += ["", "# \(member.type): \(changes.family == .v4 ? "iptables" : "ip6tables")"]
                lines += changes.shellCommands
            }
            let rules = plan.netfilter.shellCommands
            guard !rules.isEmpty else { continue }
            for family in plan.netfilter.families where !tables.contains(family) {
                lines += ["", "# berth's table, the same on every host"] + BerthTable.shellCommands(family)
                tables.append(family)
            }
            lines += ["", "# \(member.type): nftables"] + rules
        }
        return lines.map { "\($0.visible)\n" }.joined()
    }
}
