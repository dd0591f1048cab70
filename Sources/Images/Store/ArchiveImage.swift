import JSON
import NetCore

/// An image as an archive has it, before anything of it is in the store.
struct ArchiveImage {
    /// Manifests and configurations are no longer than this.
    static let jsonLimit = 8 << 20
    /// An overlay takes no more layers.
    static let layerLimit = 500

    let id: String
    let configurationBytes: [UInt8]
    let configuration: JSONObject
    let layers: [StagedFile]
    /// The manifest, when there is one.
    var manifest: (digest: String, bytes: [UInt8])?
    var names: [ImageName] = []

    init(configuration bytes: [UInt8], layers: [StagedFile]) throws(ImageError) {
        id = sha256(bytes)
        configurationBytes = bytes
        configuration = try ArchiveImage.object(bytes, "the image's configuration")
        self.layers = layers
        if let system = configuration["os"]?.string, system != "linux", !system.isEmpty {
            throw ImageError(400, "the image is for \(Array(system.utf8).shown), not for Linux")
        }
        let diffIDs = Image.diffIDs(configuration)
        guard diffIDs.count == (configuration["rootfs"]?["diff_ids"]?.array ?? []).count, diffIDs.allSatisfy(isDigest)
        else {
            throw ImageError(
                400, "the image's configuration names layers (rootfs.diff_ids) by something else than sha256 digests")
        }
        guard diffIDs.count == layers.count else {
            throw ImageError(
                400, "the image has \(layers.count) layers, its configuration names \(diffIDs.count) (rootfs.diff_ids)")
        }
        guard layers.count <= ArchiveImage.layerLimit else {
            throw ImageError(
                400, "the image has \(layers.count) layers; \(ArchiveImage.layerLimit) are what an overlay takes")
        }
    }

    static func object(_ bytes: [UInt8], _ what: String) throws(ImageError) -> JSONObject {
        guard let object = try json(bytes, what).object else { throw ImageError(400, "\(what) is no JSON object") }
        return object
    }

    static func json(_ bytes: [UInt8], _ what: String) throws(ImageError) -> JSON {
        do throws(JSONError) { return try JSON(parsing: bytes) } catch {
            throw ImageError(400, "\(what) is not JSON: \(error)")
        }
    }
}

// MARK: docker save

extension StagedArchive {
    /// All images of the archive. Throws 400 for what is neither `docker save`'s nor an OCI layout.
    func images() throws(ImageError) -> [ArchiveImage] {
        if file("manifest.json") != nil { return try dockerImages() }
        if file("index.json") != nil { return try layoutImages() }
        throw ImageError(
            400,
            "the archive is no image: it has neither manifest.json (docker save) nor index.json (OCI layout); a root file system's archive is brought in with import"
        )
    }

    private func dockerImages() throws(ImageError) -> [ArchiveImage] {
        guard let list = try ArchiveImage.json(try content("manifest.json"), "the archive's manifest.json").array else {
            throw ImageError(400, "the archive's manifest.json is no list")
        }
        var images: [ArchiveImage] = []
        for item in list {
            guard let path = item["Config"]?.string, let paths = item["Layers"]?.array?.map(\.string) else {
                throw ImageError(400, "the archive's manifest.json lacks Config or Layers")
            }
            var layers: [StagedFile] = []
            for path in paths {
                guard let path, let file = file(path) else {
                    throw ImageError(
                        400,
                        "the archive lacks the layer \(Array((path ?? "").utf8).shown) that its manifest.json names")
                }
                try verify(path, file.digest)
                layers.append(file)
            }
            let bytes = try content(path)
            try verify(path, sha256(bytes))
            var image = try ArchiveImage(configuration: bytes, layers: layers)
            for name in item["RepoTags"]?.array ?? [] {
                guard let name = name.string else { continue }
                image.names.append(try ImageName(name))
            }
            images.append(image)
        }
        return images
    }

    /// A file whose path tells its digest has it.
    private func verify(_ path: String, _ digest: String) throws(ImageError) {
        guard let last = path.split(separator: "/").last else { return }
        var hex = String(last)
        if hex.hasSuffix(".json"), !path.utf8.contains(UInt8(ascii: "/")) { hex = String(hex.dropLast(5)) }
        let isTold = path.hasPrefix("blobs/sha256/") || path == "\(hex).json"
        guard isTold, isDigest("sha256:\(hex)"), "sha256:\(hex)" != digest else { return }
        throw ImageError(400, "the archive's \(path) is damaged: its digest is \(digest)")
    }
}
