import JSON
import NetCore

/// An OCI layout: `index.json` names manifests, each with a configuration and layers, all by digest.
extension StagedArchive {
    func layoutImages() throws(ImageError) -> [ArchiveImage] {
        let index = try ArchiveImage.object(try content("index.json"), "the archive's index.json")
        var images: [ArchiveImage] = []
        for descriptor in index["manifests"]?.array ?? [] {
            guard let found = try image(descriptor, depth: 0) else { continue }
            var image = found
            image.names = try StagedArchive.names(descriptor)
            if let index = images.firstIndex(where: { $0.id == image.id }) {
                images[index].names += image.names
            } else {
                images.append(image)
            }
        }
        guard !images.isEmpty else {
            throw ImageError(400, "the archive's index.json names no image for linux/\(Machine.architecture)")
        }
        return images
    }

    /// Nil for what is no image: a signature, an attestation.
    private func image(_ descriptor: JSON, depth: Int) throws(ImageError) -> ArchiveImage? {
        let (digest, bytes) = try blob(descriptor, "a manifest")
        let manifest = try ArchiveImage.object(bytes, "the manifest \(digest)")
        if let several = manifest["manifests"]?.array {
            guard depth < 3 else { throw ImageError(400, "the archive's index.json leads from index to index") }
            guard let chosen = StagedArchive.choice(several) else { return nil }
            return try image(chosen, depth: depth + 1)
        }
        guard let configuration = manifest["config"], let descriptors = manifest["layers"]?.array else {
            throw ImageError(400, "the manifest \(digest) lacks config or layers")
        }
        let kind = configuration["mediaType"]?.string ?? ""
        guard
            kind.isEmpty || kind.hasPrefix("application/vnd.oci.image.config.")
                || kind.hasPrefix("application/vnd.docker.container.image.")
        else { return nil }
        var layers: [StagedFile] = []
        for layer in descriptors {
            let kind = layer["mediaType"]?.string ?? ""
            if kind.hasSuffix("zstd") {
                throw ImageError(
                    400,
                    "a layer of the image is compressed with zstd, which berth does not unpack: make the image with gzip (docker buildx build --output type=oci,compression=gzip,force-compression=true)"
                )
            }
            if kind.hasSuffix("+encrypted") || (layer["digest"] != nil && !kind.isEmpty && !kind.holds("tar")) {
                throw ImageError(
                    400, "a layer of the image is of a kind that berth does not unpack: \(Array(kind.utf8).shown)")
            }
            layers.append(try blobFile(layer, "a layer"))
        }
        var image = try ArchiveImage(configuration: try blob(configuration, "a configuration").bytes, layers: layers)
        image.manifest = (digest, bytes)
        return image
    }

    /// Of an index for several machines the manifest for this one.
    private static func choice(_ manifests: [JSON]) -> JSON? {
        let wanted = manifests.filter { $0["platform"]?["os"]?.string != "unknown" }
        let here = wanted.first {
            $0["platform"]?["architecture"]?.string == Machine.architecture && $0["platform"]?["os"]?.string == "linux"
        }
        return here ?? wanted.first { $0["platform"] == nil }
    }

    private func blobFile(_ descriptor: JSON, _ what: String) throws(ImageError) -> StagedFile {
        guard let digest = descriptor["digest"]?.string, isDigest(digest) else {
            throw ImageError(400, "\(what) in the archive is not named by a sha256 digest")
        }
        guard let file = file("blobs/sha256/\(digest.dropFirst(7))") else {
            throw ImageError(400, "the archive lacks \(what), \(digest)")
        }
        guard file.digest == digest else {
            throw ImageError(
                400, "the archive's \(what.dropFirst(2)) \(digest) is damaged: its digest is \(file.digest)")
        }
        return file
    }

    private func blob(_ descriptor: JSON, _ what: String) throws(ImageError) -> (digest: String, bytes: [UInt8]) {
        let file = try blobFile(descriptor, what)
        return (file.digest, try content("blobs/sha256/\(file.digest.dropFirst(7))"))
    }

    /// containerd writes the whole name, podman too; a tag alone names nothing.
    private static func names(_ descriptor: JSON) throws(ImageError) -> [ImageName] {
        let annotations = descriptor["annotations"]
        if let name = annotations?["io.containerd.image.name"]?.string { return [try ImageName(name)] }
        guard let name = annotations?["org.opencontainers.image.ref.name"]?.string,
            name.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") })
        else { return [] }
        return [try ImageName(name)]
    }
}

/// What images call this machine.
enum Machine {
    static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }
}
