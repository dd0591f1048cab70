import JSON

/// An image that the store has.
public struct Image: Sendable {
    /// `sha256:` and 64 hexadecimal digits: the digest of its configuration.
    public var id: String
    /// `name:tag`, sorted.
    public var tags: [String]
    /// `name@sha256:…` of the manifests that it came with, sorted.
    public var digests: [String] = []
    /// The image's configuration as the OCI image specification has it (`config`, `rootfs`, `history`, `created`, …).
    public var configuration: JSONObject
    /// Bytes of all layers, unpacked.
    public var size: Int64

    public init(id: String, tags: [String], digests: [String] = [], configuration: JSONObject, size: Int64) {
        (self.id, self.tags, self.digests) = (id, tags, digests)
        (self.configuration, self.size) = (configuration, size)
    }
}

extension Image {
    /// The digests of the layers' archives, unpacked; the lowest first.
    static func diffIDs(_ configuration: JSONObject) -> [String] {
        (configuration["rootfs"]?["diff_ids"]?.array ?? []).compactMap(\.string)
    }

    /// What names a layer together with all below it (OCI image specification, ChainID).
    static func chainIDs(_ diffIDs: [String]) -> [String] {
        var chains: [String] = []
        for diffID in diffIDs {
            chains.append(chains.last.map { sha256(Array("\($0) \(diffID)".utf8)) } ?? diffID)
        }
        return chains
    }
}
