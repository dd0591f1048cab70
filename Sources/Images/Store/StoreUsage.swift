import JSON
import NetCore

/// How much the store's layers hold.
public struct ImageUsage: Sendable {
    /// Bytes of all layers, unpacked, each once.
    public var layers: Int64 = 0
    /// By an image's id: bytes of its layers that another image has, too.
    public var shared: [String: Int64] = [:]
}

extension ImageStore {
    /// What `docker system df` tells of images.
    public func usage() throws(ImageError) -> ImageUsage {
        guard Files.exists(directory) else { return ImageUsage() }
        return try locked(.shared) { () throws(ImageError) in
            var records: [ImageRecord] = []
            for id in try ids() { records.append(try ImageRecord(self, id)) }
            var users: [String: Int] = [:]
            for chain in records.flatMap({ Set($0.layers.map(\.chain)) }) { users[chain, default: 0] += 1 }
            var sizes: [String: Int64] = [:]
            for chain in users.keys {
                sizes[chain] = try object("\(layer(chain))/layer.json", "the layer \(chain)")["size"]?.integer ?? 0
            }
            var usage = ImageUsage()
            usage.layers = sizes.values.reduce(0, +)
            for record in records {
                usage.shared[record.id] = Set(record.layers.map(\.chain)).filter { users[$0] ?? 0 > 1 }
                    .reduce(0) { $0 + (sizes[$1] ?? 0) }
            }
            return usage
        }
    }
}
