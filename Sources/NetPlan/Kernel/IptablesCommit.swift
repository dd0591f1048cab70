import Glibc
import NetCore

extension LinuxKernel {
    /// The variant that a plan's netfilter half is made by; nil when it is not made by iptables.
    public func iptablesVariant(_ backend: Plan.Backend) -> IptablesVariant? {
        switch backend {
        case .nftables: nil
        case .iptables(let variant): variant ?? IptablesVariant.ofHost().variant
        }
    }

    /// The plan's rules stand in iptables' tables; or nothing of them does, and nothing of what `netfilter` made before.
    mutating func commitIptables(_ plan: Plan, over netfilter: NetfilterChanges) throws(ApplyFailure) {
        do throws(ApplyFailure) {
            try commitIptables(plan, isNew: true)
        } catch {
            var left = error.leftBehind
            do throws(KernelError) {
                try removeElements(of: plan.owner, keys: netfilter.owned.map(\.identity), heirs: [])
            } catch let failure {
                left.append(failure)
            }
            throw ApplyFailure(error.cause, leftBehind: left)
        }
    }

    private mutating func commitIptables(_ plan: Plan, isNew: Bool) throws(ApplyFailure) {
        let changes = plan.iptables
        guard !changes.isEmpty, let variant = iptablesVariant(plan.backend) else { return }
        let refusal: ApplyFailure.Cause?
        do throws(KernelError) {
            if changes.contains(where: { !$0.claims.isEmpty }), access(usesIptables, F_OK) != 0 {
                try Files.replace(usesIptables, with: [])
            }
            if let taken = try nftablesHolder(changes, plan.owner) {
                refusal = taken
            } else {
                switch variant {
                case .nft: refusal = try commitNft(changes, plan.owner, isNew: isNew)
                case .legacy: refusal = try commitLegacy(changes, plan.owner, isNew: isNew)
                }
            }
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        if let refusal { throw ApplyFailure(refusal) }
    }

    /// In what iptables' tables differ from the plan; in nothing for a plan of nftables.
    public mutating func iptablesFindings(_ plan: Plan) throws(KernelError) -> [Finding] {
        let changes = plan.iptables
        guard !changes.isEmpty, let variant = iptablesVariant(plan.backend) else { return [] }
        if variant == .legacy { return try legacyFindings(changes) }
        var found: [Finding] = []
        for part in changes { found += try nftFindings(part) }
        return found
    }

    /// Of the owner no rule is left in the tables of these variants.
    mutating func removeIptables(_ owner: Owner, _ variants: [IptablesVariant], _ removal: IptablesRemoval? = nil)
        throws(KernelError)
    {
        let places = IptablesNames.chains(of: owner)
        guard !places.isEmpty, !variants.isEmpty else { return }
        var removal = removal ?? IptablesRemoval()
        removal.prefixes.append(owner.commentPrefix)
        removal.chains = places.filter { IptablesNames.isAttachments($0.name) }
        // The reference's chains have other names.
        let isWhole = removal.prefixes.count > 1
        for variant in variants { try remove(removal, places, isWhole: isWhole, variant) }
    }

    mutating func remove(
        _ removal: IptablesRemoval, _ places: [IptablesChain], isWhole: Bool, _ variant: IptablesVariant
    ) throws(KernelError) {
        switch variant {
        case .nft: try removeNft(removal, places, isWhole: isWhole)
        case .legacy: try removeLegacy(removal, Array(Set(places.map(\.table))).sorted())
        }
    }

    /// The variants in whose tables rules of CNI plugins may stand: where nobody remembers which it was.
    public mutating func iptablesVariantsInUse() throws(KernelError) -> [IptablesVariant] {
        var variants: [IptablesVariant] = []
        try whereNftables { (kernel) throws(KernelError) in
            for family in AddressFamily.allCases where !variants.contains(.nft) {
                let chains = [IptablesNames.postrouting, IptablesNames.forward]
                let found = try kernel.withNetfilter { (socket) throws(KernelError) in
                    try socket.iptablesChains(among: chains, family)
                }
                if !found.isEmpty { variants.append(.nft) }
            }
        }
        let legacy = AddressFamily.allCases.flatMap(IptablesVariant.legacyTables)
        if legacy.contains("nat") || legacy.contains("filter") { variants.append(.legacy) }
        return variants
    }

    // MARK: who has a port

    mutating func requireNoIptablesHolder(_ plan: Plan) throws(ApplyFailure) {
        let cause: ApplyFailure.Cause?
        do throws(KernelError) {
            cause = try iptablesHolder(plan)
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        if let cause { throw ApplyFailure(cause) }
    }

    /// A port that a plan of nftables publishes and rules of iptables have already: on a host where both are used.
    mutating func iptablesHolder(_ plan: Plan) throws(KernelError) -> ApplyFailure.Cause? {
        let claims = plan.resources.compactMap { resource -> IptablesChanges.Claim? in
            guard case .portForward(let it) = resource else { return nil }
            return IptablesChanges.Claim(it.family, it.proto, it.hostPorts, at: it.hostAddress)
        }
        guard !claims.isEmpty, access(usesIptables, F_OK) == 0 else { return nil }
        let changes = AddressFamily.allCases.map { family in
            var part = IptablesChanges(family)
            part.claims = claims.filter { $0.family == family }
            return part
        }.filter { !$0.claims.isEmpty }
        for variant in try iptablesVariantsInUse() {
            let found =
                try variant == .nft
                ? commitNft(changes, plan.owner, isNew: true) : commitLegacy(changes, plan.owner, isNew: true)
            if let found { return found }
        }
        return nil
    }

    /// Stands once a plugin has published a port by iptables: only then are its tables asked by one that uses nftables.
    private var usesIptables: String { "\(state.locks)/uses-iptables" }

    /// Somebody's rule publishes one of the ports, perhaps at another address: the holder's record says.
    func judge(_ comment: String, _ claims: [IptablesChanges.Claim], _ owner: Owner) throws(KernelError)
        -> ApplyFailure.Cause?
    {
        guard let tag = Owner.tag(inComment: comment) else {
            // A rule of the reference plugins, whose addresses nobody remembers.
            return claims.first.map { .taken(what: $0.words, holder: "a rule of iptables: \(comment)") }
        }
        // One container on two networks publishes its ports once: the rule that came first has them.
        if tag == owner.attachment.tag || yieldsPorts(tag) { return nil }
        guard let held = portsOf(tag) else { return cause(claims[0].words, comment, owner) }
        let taken = claims.first { claim in held.contains { $0.overlaps(claim) } }
        return taken.flatMap { cause($0.words, comment, owner) }
    }

    /// The same in our own nftables table, which another network of this host may use.
    private mutating func nftablesHolder(_ changes: [IptablesChanges], _ owner: Owner) throws(KernelError)
        -> ApplyFailure.Cause?
    {
        let claims = changes.flatMap(\.claims)
        guard !claims.isEmpty else { return nil }
        var hasTable = false
        try whereNftables { (kernel) throws(KernelError) in hasTable = try kernel.hasTable(.inet) }
        guard hasTable else { return nil }
        let elements = claims.flatMap { claim in
            PortForward(
                hostAddress: claim.address, proto: claim.proto, hostPorts: claim.ports,
                target: IPAddress(family: claim.family, value: 0), targetPort: claim.ports.lowerBound
            ).netfilter(owner).owned
        }
        for conflict in try portConflicts(of: elements) {
            if let tag = conflict.comment.flatMap(Owner.tag(inComment:)),
                tag == owner.attachment.tag || yieldsPorts(tag)
            {
                continue
            }
            return cause(portWords(conflict.element), conflict.comment, owner)
        }
        return nil
    }
}

extension IptablesChanges.Claim {
    /// An any-address claim overlaps every specific one; tcp, udp and sctp are apart (cni.md N-3).
    func overlaps(_ other: IptablesChanges.Claim) -> Bool {
        family == other.family && proto == other.proto && ports.overlaps(other.ports)
            && (address == nil || other.address == nil || address == other.address)
    }

    var words: String {
        let host = address.map { $0.family == .v4 ? "\($0):" : "[\($0)]:" } ?? ""
        return "port \(host)\(ports.lowerBound)\(ports.count > 1 ? "-\(ports.upperBound)" : "")/\(proto)"
    }
}

extension IptablesNames {
    /// Where rules of the owner's stand: its own chain last.
    public static func chains(of owner: Owner) -> [IptablesChain] {
        switch owner.plugin {
        case "bridge", "ptp": [postrouting, masquerade(owner.attachment)]
        case "portmap": [destinations, ports(owner.attachment)]
        case "firewall": [forward, isolation]
        default: []
        }
    }

    /// The tables in which rules of a plugin stand.
    public static func tables(of plugin: String) -> [IptablesTable] {
        switch plugin {
        case "bridge", "ptp", "portmap": [.nat]
        case "firewall": [.filter]
        default: []
        }
    }
}

extension LinuxKernel {
    /// What differed in iptables' tables is so again.
    mutating func mendIptables(_ plan: Plan) throws(ApplyFailure) -> [Finding] {
        guard plan.backend != .nftables else { return [] }
        let found: [Finding]
        do throws(KernelError) {
            found = try iptablesFindings(plan)
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        if !found.isEmpty { try commitIptables(plan, isNew: false) }
        return found
    }

    /// Of the plugin's attachments to the network no rule is left but of those in `valid`, the reference plugins' included.
    mutating func removeIptables(of plugin: String, network: String, except valid: Set<Attachment>) -> [KernelError] {
        let tables = IptablesNames.tables(of: plugin)
        guard !tables.isEmpty else { return [] }
        var removal = IptablesRemoval()
        removal.isCollection = true
        removal.prefixes = ["\(plugin) \(Attachment.networkTag(network))-"]
        removal.kept = valid.map { Owner(plugin: plugin, attachment: $0).commentPrefix }
        if let prefix = ReferenceRules.prefix(of: plugin, network: network) {
            removal.prefixes.append(prefix)
            removal.kept += valid.compactMap { ReferenceRules.comment(of: Owner(plugin: plugin, attachment: $0)) }
        }
        let places = tables.map { IptablesChain($0, "") }
        var failures: [KernelError] = []
        do throws(KernelError) {
            for variant in try iptablesVariantsInUse() {
                do throws(KernelError) {
                    try remove(removal, places, isWhole: true, variant)
                } catch {
                    failures.append(error)
                }
            }
        } catch {
            failures.append(error)
        }
        return failures
    }

    /// The owners whom comments of rules in iptables' tables name.
    mutating func iptablesOwners() throws(KernelError) -> [String] {
        var comments: [String] = []
        for variant in try iptablesVariantsInUse() {
            if variant == .legacy {
                comments += try legacyComments()
                continue
            }
            for family in AddressFamily.allCases {
                let standing = try nftStanding(tables: [.nat, .filter], family)
                comments += standing.chains.values.flatMap { $0.compactMap(\.comment) }
            }
        }
        return comments
    }
}

extension LinuxKernel {
    /// Does the firewall plugin's chain stand in iptables-nft?
    public mutating func hasForwardingChain() throws(KernelError) -> Bool {
        try withNetfilter { (socket) throws(KernelError) in
            try !socket.iptablesChains(among: [IptablesNames.forward], .v4).isEmpty
        }
    }

    /// Do the variant's tables hold rules of the plugin's? Throws what keeps the variant from being used.
    public mutating func iptablesHolds(rulesOf plugin: String, _ variant: IptablesVariant) throws(KernelError) -> Bool {
        if variant == .legacy {
            _ = try HelperProgram.iptables.find()
            return try legacyComments().contains { $0.hasPrefix("\(plugin) ") }
        }
        for family in AddressFamily.allCases {
            let standing = try nftStanding(tables: IptablesNames.tables(of: plugin), family)
            if standing.chains.values.contains(where: { $0.contains { $0.comment?.hasPrefix("\(plugin) ") == true } }) {
                return true
            }
        }
        return false
    }
}
