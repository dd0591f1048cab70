import NetCore

/// Packets of a container that leave its subnet carry the host's outgoing address instead of the container's
/// (man 8 nft, NAT STATEMENTS; cni.md N-1): one element, and one chain a network.
public struct Masquerade: Hashable, Sendable {
    /// The container's address with its subnet's length.
    public let source: IPPrefix
    /// A fixed outgoing address instead of the link's own.
    public let translation: IPAddress?
    public let fullyRandom: Bool
    /// Destinations that see the container's own address.
    public let exceptions: [IPPrefix]

    public init(source: IPPrefix, translation: IPAddress? = nil, fullyRandom: Bool = false, exceptions: [IPPrefix] = [])
    {
        self.source = source
        self.translation = translation
        self.fullyRandom = fullyRandom
        self.exceptions = exceptions.filter { $0.family == source.family }
    }

    var words: String {
        let rest = exceptions.isEmpty ? "" : " or to " + exceptions.map(\.description).joined(by: ", ")
        let outgoing = translation.map { "\($0)" } ?? "the host's outgoing address"
        return
            "traffic from \(source.address) that leaves \(source.network), unless multicast\(rest), carries \(outgoing)"
    }

    private func chain(_ network: String) -> NftChain {
        let multicast = IPPrefix(source.family == .v4 ? "224.0.0.0/4" : "ff00::/8")!
        var rules = exceptions.map { NftRule(.address(.destination, $0), .comeBack) }
        let outside: [NftClause] = [
            .address(.destination, source.network, not: true), .address(.destination, multicast, not: true),
        ]
        rules.append(
            NftRule(outside + [translation.map { .translateSource($0) } ?? .masquerade(fullyRandom: fullyRandom)]))
        let readable = network.utf8.count <= 64 ? network : Attachment.networkTag(network)
        return BerthTable.immutableChain("masq_\(readable)", rules)
    }

    func netfilter(_ owner: Owner) -> NetfilterChanges {
        let chain = chain(owner.attachment.network)
        let element = NftElement(
            BerthTable.masquerade(source.family), [.address(source.address)], .jump(chain.name), comment: owner.comment)
        return NetfilterChanges(chains: [chain], owned: [element])
    }
}
