import NetCore

/// An owner that objects of the kernel name, whether anybody remembers it or not.
public struct StandingOwner: Hashable, Sendable {
    public let plugin: String
    /// The attachment's tag; of a link whose alias is readable, made from it.
    public let tag: String
    /// "net/container/eth0", as the objects say it; a long one is cut off.
    public let words: String
    public var elements = 0
    public var link: String?
}

extension LinuxKernel {
    /// Whom the elements of our tables and the aliases of links name, in no order. Time grows with their number.
    public mutating func standingOwners() throws(KernelError) -> [StandingOwner] {
        var owners: [String: StandingOwner] = [:]
        try whereNftables { (kernel) throws(KernelError) in
            for plugin in BerthTable.owners {
                for set in BerthTable.ownedSets(of: plugin) {
                    let elements = try kernel.withNetfilter { (socket) throws(KernelError) in
                        try socket.elements(ofSet: set.name, table: BerthTable.name, set.family)
                    }
                    for comment in elements.compactMap(\.comment) {
                        guard let tag = Owner.tag(inComment: comment), comment.hasPrefix("\(plugin) ") else { continue }
                        let words = comment.split(separator: " ", maxSplits: 2).last.map(String.init) ?? ""
                        owners["\(plugin) \(tag)", default: StandingOwner(plugin: plugin, tag: tag, words: words)]
                            .elements += 1
                    }
                }
            }
        }
        for comment in try iptablesOwners() {
            guard let tag = Owner.tag(inComment: comment) else { continue }
            let parts = comment.split(separator: " ", maxSplits: 2).map(String.init)
            owners["\(parts[0]) \(tag)", default: StandingOwner(plugin: parts[0], tag: tag, words: parts[2])]
                .elements += 1
        }
        for link in try host.links() {
            guard let alias = link.alias, let owner = StandingOwner(alias: alias) else { continue }
            owners["\(owner.plugin) \(owner.tag)", default: owner].link = link.name
        }
        return Array(owners.values)
    }

    /// Of the plugin's elements none names one of the tags any more.
    public mutating func removeElements(of plugin: String, tags: Set<String>) throws(KernelError) {
        try whereNftables { (kernel) throws(KernelError) in
            try kernel.removeElements(of: plugin) { comment in
                comment.hasPrefix("\(plugin) ") && Owner.tag(inComment: comment).map(tags.contains) == true
            }
        }
        var removal = IptablesRemoval()
        removal.prefixes = tags.sorted().map { "\(plugin) \($0) " }
        removal.isCollection = true
        let places = IptablesNames.tables(of: plugin).map { IptablesChain($0, "") }
        guard !places.isEmpty else { return }
        for variant in try iptablesVariantsInUse() { try remove(removal, places, isWhole: true, variant) }
    }
}

extension StandingOwner {
    /// "berth:bridge/net/container/eth0", or the tag in the place of the names; nil for what is none of ours.
    fileprivate init?(alias: String) {
        guard alias.hasPrefix("berth:"), let slash = alias.firstIndex(of: "/") else { return nil }
        plugin = String(alias[alias.index(alias.startIndex, offsetBy: 6)..<slash])
        words = String(alias[alias.index(after: slash)...])
        let names = words.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if names.count == 3, let interface = LinkName(names[2]) {
            tag = Attachment(network: names[0], containerID: names[1], interface: interface).tag
        } else {
            tag = words
        }
    }
}
