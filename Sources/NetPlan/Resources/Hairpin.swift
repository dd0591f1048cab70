import NetCore

/// A container's published ports answer its own subnet and this host's 127.0.0.1: there the source is rewritten, because
/// a direct reply would not come back through the host; everybody else's is kept (cni.md N-2).
public struct Hairpin: Hashable, Sendable {
    /// The container's address with its subnet's length.
    public let target: IPPrefix
    /// Every source is rewritten (portmap's masqAll).
    public let everySource: Bool
    /// How iptables knows such packets once they are to leave; nftables needs no mark.
    public let marking: Marking

    public enum Marking: Hashable, Sendable {
        /// A bit of the packet's mark (portmap's markMasqBit).
        case bit(Int)
        /// Somebody's chain that sets a mark and masquerades by it (portmap's externalSetMarkChain).
        case chain(String)
    }

    public init(
        target: IPPrefix, everySource: Bool = false, marking: Marking = .bit(IptablesNames.defaultMarkBit)
    ) {
        self.marking = marking
        self.target = target
        self.everySource = everySource
    }

    var words: String {
        everySource
            ? "whoever uses a published port of \(target.address) appears to it as the host"
            : "neighbours in \(target.network)\(target.family == .v4 ? " and 127.0.0.1" : "") reach the published ports of \(target.address) by the host's addresses"
    }

    func netfilter(_ owner: Owner) -> NetfilterChanges {
        let map = BerthTable.hairpin(target.family)
        let comment = owner.comment
        if everySource {
            return NetfilterChanges(owned: [
                NftElement(map, [.address(target.address)], .jump(BerthTable.masqueradeAll), comment: comment)
            ])
        }
        var rules = [NftRule(.address(.source, target.network), .masquerade())]
        if target.family == .v4 { rules.append(NftRule(.address(.source, IPPrefix("127.0.0.0/8")!), .masquerade())) }
        let chain = BerthTable.immutableChain("hairpin", rules)
        return NetfilterChanges(
            chains: [chain], owned: [NftElement(map, [.address(target.address)], .jump(chain.name), comment: comment)])
    }
}
