import Glibc
import JSON
import NetCore

extension ImageStore {
    /// An archive that `docker load` and this store read: an OCI layout with `docker save`'s manifest.json beside it. Of an image
    /// that is named by a name that name goes with it, by its id none.
    public func save(_ references: [String], to descriptor: Int32) throws(ImageError) {
        var wishes: [(id: String, names: [ImageName])] = []
        for reference in references {
            let image = try image(reference)
            var names: [ImageName] = []
            if !reference.hasPrefix("sha256:"), !image.id.dropFirst(7).hasPrefix(reference) {
                let name = try ImageName(reference)
                if name.digest == nil { names = [name] }
            }
            if let index = wishes.firstIndex(where: { $0.id == image.id }) {
                wishes[index].names += names.filter { !wishes[index].names.contains($0) }
            } else {
                wishes.append((image.id, names))
            }
        }
        guard !wishes.isEmpty else { throw ImageError(400, "save: say which images") }
        var content = SavedArchive()
        for wish in wishes { try content.add(wish.id, wish.names, from: self) }
        try content.write(from: self, to: descriptor)
    }
}

/// What an archive of images is made of: the same images give the same bytes.
private struct SavedArchive {
    private enum Blob {
        case bytes([UInt8])
        case file(Int64)
    }

    private var blobs: [String: Blob] = [:]
    private var index: [JSON] = []
    private var docker: [JSON] = []

    mutating func add(_ id: String, _ names: [ImageName], from store: ImageStore) throws(ImageError) {
        let record = try ImageRecord(store, id)
        let configuration = try SavedArchive.read(store.blob(id))
        blobs[id] = .bytes(configuration)
        var layers: [JSON] = []
        for layer in record.layers {
            let file = try kernel { () throws(KernelError) in
                try OwnedDescriptor(open: store.blob(layer.blob), O_RDONLY)
            }
            guard let facts = try Directory.facts(file.number, []) else { continue }
            blobs[layer.blob] = .file(facts.found.size)
            var magic = [UInt8](repeating: 0, count: 2)
            let isGzip = pread(file.number, &magic, 2, 0) == 2 && magic == [0x1f, 0x8b]
            layers.append(
                [
                    "mediaType": .string("application/vnd.oci.image.layer.v1.tar" + (isGzip ? "+gzip" : "")),
                    "digest": .string(layer.blob), "size": .integer(facts.found.size),
                ])
        }
        var manifest: [UInt8]
        if let known = record.manifest, Files.exists(store.blob(known)) {
            manifest = try SavedArchive.read(store.blob(known))
        } else {
            manifest =
                JSON.object([
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": [
                        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": .string(id),
                        "size": .integer(Int64(configuration.count)),
                    ],
                    "layers": .array(layers),
                ]).bytes
        }
        let digest = sha256(manifest)
        blobs[digest] = .bytes(manifest)
        let kind = try ArchiveImage.object(manifest, "the manifest of \(id)")["mediaType"]?.string
        var descriptor: JSONObject = [
            "mediaType": .string(kind ?? "application/vnd.oci.image.manifest.v1+json"), "digest": .string(digest),
            "size": .integer(Int64(manifest.count)),
        ]
        for name in names {
            descriptor["annotations"] = [
                "io.containerd.image.name": .string(name.fullText),
                "org.opencontainers.image.ref.name": .string(name.tag ?? "latest"),
            ]
            index.append(.object(descriptor))
        }
        if names.isEmpty { index.append(.object(descriptor)) }
        docker.append(
            [
                "Config": .string(SavedArchive.path(id)),
                "RepoTags": names.isEmpty ? .null : .array(names.map { .string($0.text) }),
                "Layers": .array(record.layers.map { .string(SavedArchive.path($0.blob)) }),
            ])
    }

    func write(from store: ImageStore, to descriptor: Int32) throws(ImageError) {
        let writer = TarWriter(descriptor, "the image's archive")
        for folder in ["blobs/", "blobs/sha256/"] {
            var entry = TarEntry(name: Array(folder.utf8))
            (entry.kind, entry.mode) = (.directory, 0o755)
            try writer.begin(entry)
        }
        for (digest, blob) in blobs.sorted(by: { $0.key < $1.key }) {
            var entry = TarEntry(name: Array(SavedArchive.path(digest).utf8))
            switch blob {
            case .bytes(let bytes): try writer.add(entry, bytes)
            case .file(let size):
                entry.size = size
                try writer.begin(entry)
                let file = try kernel { () throws(KernelError) in
                    try OwnedDescriptor(open: store.blob(digest), O_RDONLY)
                }
                try writer.add(from: file.number, name: entry.name)
            }
        }
        let ends: [(String, JSON)] = [
            (
                "index.json",
                [
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                    "manifests": .array(index),
                ]
            ),
            ("manifest.json", .array(docker)), ("oci-layout", ["imageLayoutVersion": "1.0.0"]),
        ]
        for (name, json) in ends { try writer.add(TarEntry(name: Array(name.utf8)), json.bytes) }
        try writer.finish()
    }

    private static func path(_ digest: String) -> String { "blobs/sha256/\(digest.dropFirst(7))" }

    private static func read(_ path: String) throws(ImageError) -> [UInt8] {
        try kernel { () throws(KernelError) in try Files.read(path, limit: ArchiveImage.jsonLimit) }
    }
}
