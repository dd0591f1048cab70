import Glibc
import JSON
import NetCore

extension ImageStore {
    /// A root file system's tar as an image of one layer; `changes` are Dockerfile lines (CMD, ENTRYPOINT, ENV, EXPOSE, USER, VOLUME,
    /// WORKDIR, LABEL, STOPSIGNAL, HEALTHCHECK, ONBUILD).
    public func makeImage(
        fromTar descriptor: Int32, reference: String?, changes: [String], message: String?
    ) throws(ImageError) -> Image {
        var changed = ImageChanges(JSONObject())
        for line in changes { try changed.apply(line) }
        let base: JSONObject = ["architecture": .string(Machine.architecture), "os": "linux"]
        return try add(
            layerFrom: descriptor, to: base, layers: [], config: changed.config, reference: reference,
            step: ["created_by": "", "comment": .string(message ?? "Imported from -")])
    }

    /// `docker commit`: what a container has changed (`root`, mounted or not) as one more layer on its image. `config` is what the new
    /// image's configuration says; `changes` are Dockerfile lines on top.
    public func commit(
        _ root: ContainerRoot, over image: Image, config: JSONObject, changes: [String], reference: String?,
        author: String?, message: String?
    ) throws(ImageError) -> Image {
        var changed = ImageChanges(config)
        for line in changes { try changed.apply(line) }
        let record = try locked(.shared) { () throws(ImageError) in try ImageRecord(self, image.id) }
        let staging = try Staging.begun(self)
        let path = staging.place("commit")
        let file = try kernel { () throws(KernelError) in
            try OwnedDescriptor(open: path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        }
        try root.writeLayer(to: file.number)
        try attempt("read \(path) again") { Int32(truncatingIfNeeded: lseek(file.number, 0, SEEK_SET)) }
        var base = image.configuration
        if let author { base["author"] = .string(author) }
        var step: JSONObject = ["created_by": "berth commit"]
        if let author { step["author"] = .string(author) }
        if let message { step["comment"] = .string(message) }
        return try add(
            layerFrom: file.number, to: base, layers: record.layers, config: changed.config, reference: reference,
            step: step)
    }

    private func add(
        layerFrom descriptor: Int32, to base: JSONObject, layers: [ImageRecord.Layer], config: JSONObject,
        reference: String?, step: JSONObject
    ) throws(ImageError) -> Image {
        let name: ImageName? = if let reference { try ImageName(reference) } else { nil }
        if name?.digest != nil { throw ImageError(400, "an image cannot be named by a digest before it is there") }
        let staging = try Staging.begun(self)
        let layer = try StagedFile(from: descriptor, staging)
        let place = staging.place("layer")
        let below = layers.reversed().map { "\(self.layer($0.chain))/files" }
        let diffID = try StagedLayer(layer).unpack(to: place, nil, above: below, ArchiveLimits())
        var configuration = base
        configuration["created"] = .string(ImageStore.now())
        configuration["config"] = .object(config)
        configuration["rootfs"] = [
            "type": "layers", "diff_ids": .array((layers.map(\.diff) + [diffID]).map { .string($0) }),
        ]
        var step = step
        step["created"] = configuration["created"]
        configuration["history"] = .array((base["history"]?.array ?? []) + [.object(step)])
        for left in ["container", "container_config", "id", "parent"] { configuration[left] = nil }

        var files: [StagedFile] = []
        for layer in layers { files.append(try StagedFile(kept: blob(layer.blob), layer.blob)) }
        var image = try ArchiveImage(configuration: JSON.object(configuration).bytes, layers: files + [layer])
        if let name { image.names = [name] }
        try install(image, staging, ArchiveLimits(), unpacked: (diffID, place))
        return try self.image(image.id)
    }

    private static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UniversalTime.text(Int(time.tv_sec), milliseconds: Int(time.tv_nsec / 1_000_000))
    }
}
