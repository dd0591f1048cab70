import NetCore

/// How the reference plugins mark their rules of an attachment in iptables (containernetworking/plugins pkg/utils, cni.md
/// 2.1, 2.5): by network and container alone, in the comment of what leads to the attachment's chain.
public enum ReferenceRules {
    /// The whole comment, with a line feed at its end; nil for a plugin that writes none.
    public static func comment(of owner: Owner) -> String? {
        prefix(of: owner.plugin, network: owner.attachment.network).map { "\($0)\(owner.attachment.containerID)\"\n" }
    }

    /// With what the comments of a network's rules begin.
    static func prefix(of plugin: String, network: String) -> String? {
        switch plugin {
        case "bridge", "ptp": "name: \"\(network)\" id: \""
        case "portmap": "dnat name: \"\(network)\" id: \""
        default: nil
        }
    }

    /// The rules of an attachment that a DEL takes over. The reference's firewall writes no comments: its rules are told by
    /// the container's addresses.
    public static func removal(of owner: Owner, addresses: [IPAddress]) -> IptablesRemoval? {
        var removal = IptablesRemoval()
        if let comment = comment(of: owner) { removal.prefixes.append(comment) }
        if owner.plugin == "firewall" {
            for address in addresses {
                var answered = IptablesRule(.accept, .states([.related, .established]))
                answered.destination = .init(IPPrefix(host: address))
                var sending = IptablesRule(.accept)
                sending.source = .init(IPPrefix(host: address))
                removal.rules += [answered, sending].map { .init(IptablesNames.forward, $0) }
            }
        }
        return removal.prefixes.isEmpty && removal.rules.isEmpty ? nil : removal
    }
}
