import Glibc
import JSON
import NetCore

extension ImageStore {
    /// An archive of `docker save` or of an OCI layout, plain or gzip, read from a descriptor; gives the names or ids of what came.
    /// `progress` is told the bytes read. Nothing half unpacked stays.
    public func load(from descriptor: Int32, progress: (Int64) -> Void = { _ in }) throws(ImageError) -> [String] {
        let staging = try Staging.begun(self)
        let limits = ArchiveLimits()
        let archive = try StagedArchive(
            ByteSource(descriptor, "the image's archive"), staging, limits: limits, progress: progress)
        var came: [String] = []
        for image in try archive.images() {
            try install(image, staging, limits)
            came += image.names.isEmpty ? [image.id] : image.names.map(\.text)
        }
        return came
    }

    /// The image is in the store, with its names, whole.
    /// `unpacked`: its highest layer, unpacked already.
    func install(
        _ image: ArchiveImage, _ staging: Staging, _ limits: ArchiveLimits,
        unpacked: (diffID: String, place: String)? = nil
    ) throws(ImageError) {
        let diffIDs = Image.diffIDs(image.configuration)
        let chains = Image.chainIDs(diffIDs)
        /// What is unpacked here and waits for its place, by chain id.
        var waiting: [String: String] = [:]
        if let unpacked, let last = chains.last { waiting[last] = unpacked.place }
        var verified: Set<String> = []
        // Between looking and moving somebody may remove a layer that was there: look again then.
        for _ in 0..<16 {
            var below: [String] = []
            for (index, chain) in chains.enumerated() {
                let file = image.layers[index]
                let inStore = "\(layer(chain))/files"
                if Files.exists(inStore) {
                    // The archive is kept, too: it must be the layer that it says.
                    if !verified.contains(file.digest), !Files.exists(blob(file.digest)) {
                        try StagedLayer(file).verify(diffIDs[index])
                    }
                    verified.insert(file.digest)
                    below.append(inStore)
                } else {
                    if waiting[chain] == nil {
                        let place = staging.place("layer")
                        try StagedLayer(file).unpack(to: place, diffIDs[index], above: below.reversed(), limits)
                        waiting[chain] = place
                        verified.insert(file.digest)
                    }
                    below.append("\(waiting[chain]!)/files")
                }
            }
            let isDone = try locked(.exclusive) { () throws(ImageError) -> Bool in
                do throws(ImageError) {
                    return try commit(image, diffIDs, chains, waiting)
                } catch {
                    // What has its place by now is of no image.
                    do throws(ImageError) { try collect(into: staging) } catch {}
                    throw error
                }
            }
            if isDone { return }
        }
        throw ImageError(500, "load \(image.id): other processes remove its layers again and again")
    }

    /// Under the lock: moves all to its place. False, and nothing has changed, when a layer has gone meanwhile.
    private func commit(
        _ image: ArchiveImage, _ diffIDs: [String], _ chains: [String], _ waiting: [String: String]
    ) throws(ImageError) -> Bool {
        for chain in chains where waiting[chain] == nil && !Files.exists("\(layer(chain))/files") { return false }
        var record = ImageRecord(id: image.id, layers: [], manifest: image.manifest?.digest, size: 0)
        for (index, chain) in chains.enumerated() {
            let place = layer(chain)
            if let made = waiting[chain], !Files.exists("\(place)/files") {
                try attempt("move a layer to \(place)") { rename(made, place) }
            }
            let facts = try object("\(place)/layer.json", "the layer \(chain)")
            record.size += facts["size"]?.integer ?? 0
            var file = image.layers[index].digest
            // Without a manifest that names it, the archive that is there serves.
            if image.manifest == nil, let known = facts["blob"]?.string, Files.exists(blob(known)) { file = known }
            try keep(image.layers[index], as: file)
            record.layers.append(ImageRecord.Layer(chain: chain, diff: diffIDs[index], blob: file))
        }
        var small = [(image.id, image.configurationBytes)]
        if let manifest = image.manifest { small.append(manifest) }
        try kernel { () throws(KernelError) in
            for (digest, bytes) in small where !Files.exists(blob(digest)) {
                try Files.replace(blob(digest), with: bytes, durable: true)
            }
        }
        let isNew = !Files.exists(self.record(image.id))
        // A record that knows a manifest is not made poorer.
        if image.manifest == nil, Files.exists(self.record(image.id)) {
            let known = try ImageRecord(self, image.id)
            if known.manifest != nil { record = known }
        }
        try record.write(to: self)
        var names = try StoreNames(self)
        // Those of an image of that id that was removed on a full disk.
        if isNew { names.forget(image.id) }
        for name in image.names {
            if name.digest == nil { names.names[name.text] = image.id }
            if let manifest = image.manifest { names.digests["\(name.repository)@\(manifest.digest)"] = image.id }
        }
        do throws(ImageError) { try names.write(to: self) } catch {
            // Nobody would find it.
            if isNew { unlink(self.record(image.id)) }
            throw error
        }
        return true
    }

    /// The layer's archive is among the blobs.
    private func keep(_ file: StagedFile, as digest: String) throws(ImageError) {
        guard !Files.exists(blob(digest)) else { return }
        if link(file.path, blob(digest)) == 0 || errno == EEXIST { return }
        throw ImageError(KernelError("keep the layer's archive \(digest)", .current))
    }
}
