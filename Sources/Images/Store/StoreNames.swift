import JSON
import NetCore

/// Which name stands for which image: `names.json`.
struct StoreNames {
    /// `repository:tag` → id.
    var names: [String: String] = [:]
    /// `repository@sha256:…` → id.
    var digests: [String: String] = [:]

    init(_ store: ImageStore) throws(ImageError) {
        let path = "\(store.directory)/names.json"
        guard Files.exists(path) else { return }
        let object = try store.object(path, "the names of the images in \(store.directory)")
        names = StoreNames.table(object["names"])
        digests = StoreNames.table(object["digests"])
    }

    func names(of id: String) -> [String] { names.filter { $0.value == id }.keys.sorted() }
    func digests(of id: String) -> [String] { digests.filter { $0.value == id }.keys.sorted() }

    mutating func forget(_ id: String) {
        names = names.filter { $0.value != id }
        digests = digests.filter { $0.value != id }
    }

    func write(to store: ImageStore) throws(ImageError) {
        let object: JSONObject = ["names": StoreNames.json(names), "digests": StoreNames.json(digests)]
        try kernel { () throws(KernelError) in
            // Where what a killed writer leaves is swept; under the lock there is one writer.
            try Files.replace(
                "\(store.directory)/names.json", with: Array(JSON.object(object).prettyText.utf8), durable: true,
                temporary: "\(store.temporary)/names.json")
        }
    }

    private static func table(_ json: JSON?) -> [String: String] {
        var table: [String: String] = [:]
        for (key, value) in json?.object ?? JSONObject() { table[key] = value.string }
        return table
    }

    private static func json(_ table: [String: String]) -> JSON {
        .object(JSONObject(table.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }
}

/// What belongs to an image besides its configuration: `images/HEX.json`.
struct ImageRecord {
    struct Layer {
        let chain: String
        let diff: String
        /// The archive as it came, perhaps in gzip.
        let blob: String
    }

    let id: String
    var layers: [Layer]
    /// The manifest that it came with.
    var manifest: String?
    /// Bytes of all layers, unpacked.
    var size: Int64

    init(id: String, layers: [Layer], manifest: String?, size: Int64) {
        self.id = id
        self.layers = layers
        self.manifest = manifest
        self.size = size
    }

    init(_ store: ImageStore, _ id: String) throws(ImageError) {
        let object = try store.object(store.record(id), "the record of \(id)")
        self.init(
            id: id,
            layers: (object["layers"]?.array ?? []).map {
                Layer(chain: $0["chain"]?.string ?? "", diff: $0["diff"]?.string ?? "", blob: $0["blob"]?.string ?? "")
            },
            manifest: object["manifest"]?.string, size: object["size"]?.integer ?? 0)
    }

    func write(to store: ImageStore) throws(ImageError) {
        var object: JSONObject = [
            "layers": .array(
                layers.map {
                    .object(["chain": .string($0.chain), "diff": .string($0.diff), "blob": .string($0.blob)])
                }),
            "size": .integer(size),
        ]
        if let manifest { object["manifest"] = .string(manifest) }
        try kernel { () throws(KernelError) in
            try Files.replace(
                store.record(id), with: JSON.object(object).bytes, durable: true,
                temporary: "\(store.temporary)/record.json")
        }
    }
}
