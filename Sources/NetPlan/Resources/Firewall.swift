import NetCore

/// A container behind the firewall plugin: it may talk out, and be talked to at published ports (cni.md N-8).
public struct FirewallMember: Hashable, Sendable {
    public let address: IPAddress
    /// Its published ports answer other networks too, whatever their isolation.
    public let publishedAcrossNetworks: Bool

    public init(address: IPAddress, publishedAcrossNetworks: Bool = true) {
        self.address = address
        self.publishedAcrossNetworks = publishedAcrossNetworks
    }

    var words: String {
        "\(address) may send, be answered\(publishedAcrossNetworks ? ", and be reached at its published ports from every network" : "")"
    }

    func netfilter(_ owner: Owner) -> NetfilterChanges {
        var sets = [BerthTable.members(address.family)]
        if publishedAcrossNetworks { sets.append(BerthTable.published(address.family)) }
        return NetfilterChanges(owned: sets.map { NftElement($0, [.address(address)], comment: owner.comment) })
    }
}

/// Who may reach a bridge's containers from other bridges and from their own (the firewall plugin's ingressPolicy).
/// Shared by all containers of the bridge.
public struct Isolation: Hashable, Sendable {
    public enum Policy: String, Hashable, Sendable, CaseIterable {
        /// Everybody.
        case open
        /// Not containers of other bridges that have a policy.
        case sameBridge = "same-bridge"
        /// Nor those of the same bridge.
        case isolated
        /// As same-bridge, and the containers may use of the host only DNS and DHCP.
        case strict
    }
    public let bridge: LinkName
    public let policy: Policy

    public init(bridge: LinkName, policy: Policy) {
        self.bridge = bridge
        self.policy = policy
    }

    var words: String {
        switch policy {
        case .open: "everybody may reach the containers of \(bridge)"
        case .sameBridge: "containers of other bridges cannot reach those of \(bridge)"
        case .isolated: "neither containers of other bridges nor its own neighbours can reach a container of \(bridge)"
        case .strict:
            "containers of other bridges cannot reach those of \(bridge), and these use of the host only DNS and DHCP"
        }
    }

    func netfilter() -> NetfilterChanges {
        let name = bridge.description
        let own = NftRule(.outgoing(name), policy == .isolated ? .drop : .accept)
        let chain = BerthTable.immutableChain("from_\(name)", [own, NftRule(.outgoingIn(BerthTable.closed), .drop)])
        let policies = NftElement(BerthTable.policies, [.name(name)], .jump(chain.name), comment: nil)
        let closed = NftElement(BerthTable.closed, [.name(name)], comment: nil)
        let strict = NftElement(BerthTable.strict, [.name(name)], .jump(BerthTable.strictChain), comment: nil)
        // The last ADD's policy holds: what an earlier one left of a stricter policy goes.
        switch policy {
        case .open: return NetfilterChanges(absent: [closed, policies, strict].map(\.identity))
        case .sameBridge, .isolated:
            return NetfilterChanges(chains: [chain], shared: [policies, closed], absent: [strict.identity])
        case .strict: return NetfilterChanges(chains: [chain], shared: [policies, closed, strict])
        }
    }
}

/// A chain for the administrator's own rules, asked before any of ours; made empty, never emptied or removed by us.
public struct AdminChain: Hashable, Sendable {
    public let name: String

    public init(name: String) { self.name = name }

    var words: String { "the rules of chain \(name), which is yours, are asked first" }

    func netfilter() -> NetfilterChanges {
        NetfilterChanges(adminChains: [name])
    }
}
