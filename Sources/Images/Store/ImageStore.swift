import Glibc
import JSON
import NetCore

/// Images under one directory, content-addressed; layers are unpacked once and shared. Any number of processes may use it.
///
///     blobs/sha256/HEX    configurations, manifests and layers' archives as they came
///     layers/HEX/files    a layer unpacked, by its chain id; layer.json beside it
///     images/HEX.json     what belongs to the image of that id
///     names.json          which name stands for which image
///     tmp/…               what is being made: moved to its place whole, or swept
///     lock                held for a moment by who changes any of these
public struct ImageStore: Sendable {
    public let directory: String
    public init(_ directory: String) { self.directory = directory }

    /// By name (`:latest` when it has no tag), `name@sha256:…`, id or a beginning of one. Throws 404, 409 when several begin so.
    public func image(_ reference: String) throws(ImageError) -> Image {
        try locked(.shared) { () throws(ImageError) in
            let names = try StoreNames(self)
            return try image(id: try id(reference, names), names)
        }
    }

    /// Newest first.
    public func images() throws(ImageError) -> [Image] {
        guard Files.exists(directory) else { return [] }
        return try locked(.shared) { () throws(ImageError) in
            let names = try StoreNames(self)
            var images: [(created: String, image: Image)] = []
            for id in try ids() {
                let image = try image(id: id, names)
                images.append((image.configuration["created"]?.string ?? "", image))
            }
            return images.sorted { ($0.created, $0.image.id) > ($1.created, $1.image.id) }.map(\.image)
        }
    }

    /// The unpacked layers, the lowest first: directories.
    public func layers(of image: Image) throws(ImageError) -> [String] {
        var paths: [String] = []
        for chain in Image.chainIDs(Image.diffIDs(image.configuration)) {
            let path = "\(layer(chain))/files"
            guard Files.exists(path) else {
                throw ImageError(500, "the image \(image.id) lacks its layer \(chain) in \(directory): load it again")
            }
            paths.append(path)
        }
        return paths
    }

    /// The image has that name too; who had it before has it no more.
    public func tag(_ reference: String, as name: String) throws(ImageError) {
        let name = try ImageName(name)
        guard name.digest == nil else { throw ImageError(400, "refusing to create a tag with a digest reference") }
        try locked(.exclusive) { () throws(ImageError) in
            var names = try StoreNames(self)
            names.names[name.text] = try id(reference, names)
            try names.write(to: self)
        }
    }
}

// MARK: places

extension ImageStore {
    func blob(_ digest: String) -> String { "\(directory)/blobs/sha256/\(digest.dropFirst(7))" }
    func layer(_ chain: String) -> String { "\(directory)/layers/\(chain.dropFirst(7))" }
    func record(_ id: String) -> String { "\(directory)/images/\(id.dropFirst(7)).json" }
    var temporary: String { "\(directory)/tmp" }

    func prepare() throws(ImageError) {
        try kernel { () throws(KernelError) in
            try Files.makeDirectories(directory, mode: 0o700)
            for name in ["blobs", "blobs/sha256", "layers", "images", "tmp"] {
                try Files.makeDirectories("\(directory)/\(name)", mode: 0o700)
            }
        }
    }

    @discardableResult
    func locked<R>(_ mode: FileLock.Mode, _ body: () throws(ImageError) -> R) throws(ImageError) -> R {
        if !Files.exists(directory) { try prepare() }
        let lock = try kernel { () throws(KernelError) in try FileLock("\(directory)/lock", mode) }
        let result: R
        do throws(ImageError) {
            result = try body()
        } catch {
            lock.release()
            throw error
        }
        lock.release()
        return result
    }

    /// The ids of all images. Under the lock.
    func ids() throws(ImageError) -> [String] {
        let names: [String]?
        do throws(KernelError) {
            names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: "\(directory)/images") }
        } catch {
            throw ImageError(error)
        }
        return (names ?? []).filter { $0.hasSuffix(".json") }.map { "sha256:\($0.dropLast(5))" }.filter(isDigest)
            .sorted()
    }

    /// The image of an id that the store has. Under the lock.
    func image(id: String, _ names: StoreNames) throws(ImageError) -> Image {
        let record = try ImageRecord(self, id)
        return Image(
            id: id, tags: names.names(of: id), digests: names.digests(of: id),
            configuration: try object(blob(id), "the configuration of \(id)"), size: record.size)
    }

    /// A JSON object from a file of ours.
    func object(_ path: String, _ what: String) throws(ImageError) -> JSONObject {
        let bytes = try kernel { () throws(KernelError) in try Files.read(path, limit: ArchiveImage.jsonLimit) }
        return try ArchiveImage.object(bytes, what)
    }
}

// MARK: finding

extension ImageStore {
    /// The id that a person's word stands for. Under the lock.
    func id(_ reference: String, _ names: StoreNames) throws(ImageError) -> String {
        let ids = try ids()
        if reference.hasPrefix("sha256:") {
            return try id(beginning: String(reference.dropFirst(7)), reference, ids, names)
        }
        let isHex = !reference.isEmpty && reference.utf8.allSatisfy(isHexadecimal)
        if isHex, reference.utf8.count == 64 { return try id(beginning: reference, reference, ids, names) }
        let name = try ImageName(reference)
        if let id = names.names[name.text] ?? names.digests[name.text], ids.contains(id) { return id }
        if let digest = name.digest, ids.contains(digest) { return digest }
        if isHex { return try id(beginning: reference, name.text, ids, names) }
        throw missing(name.text, names, ids)
    }

    private func id(
        beginning: String, _ reference: String, _ ids: [String], _ names: StoreNames
    ) throws(ImageError) -> String {
        let found = beginning.isEmpty ? [] : ids.filter { $0.hasPrefix("sha256:\(beginning)") }
        if found.count > 1 {
            throw ImageError(
                409,
                "\(found.count) images have ids that begin with \(beginning): \(found.prefix(4).map { String($0.dropFirst(7).prefix(12)) }.joined(by: ", ")): say more of it"
            )
        }
        guard let id = found.first else { throw missing(reference, names, ids) }
        return id
    }

    /// Docker's own beginning: clients read it and pull.
    private func missing(_ reference: String, _ names: StoreNames, _ ids: [String]) -> ImageError {
        let known = names.names.filter { ids.contains($0.value) }.keys
        let nearest = ImageName.nearest(to: reference, among: Array(known))
        return ImageError(
            404, "No such image: \(reference)" + (nearest.isEmpty ? "" : " (did you mean \(nearest.joined(by: ", "))?)")
        )
    }
}
