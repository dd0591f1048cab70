import Glibc
import JSON
import NetCore

/// A layer's archive on its way into the store.
struct StagedLayer {
    private let file: StagedFile
    init(_ file: StagedFile) { self.file = file }

    /// `place`/files is the layer, `place`/layer.json tells of it; its digest. Throws 400 when that is not the one expected.
    @discardableResult
    func unpack(
        to place: String, _ diffID: String?, above below: [String], _ limits: ArchiveLimits
    ) throws(ImageError) -> String {
        try kernel { () throws(KernelError) in
            try Files.makeDirectories(place, mode: 0o700)
            try Files.makeDirectories("\(place)/files", mode: 0o755)
        }
        let root = try Directory.open("\(place)/files")
        try attempt("set the mode of \(place)/files") { chmod("\(place)/files", 0o755) }
        // Until the archive says otherwise the root is as the one below.
        _ = try LowerDirectory.copyAttributes(of: [], in: below, to: root.number)
        var size: Int64 = 0
        let digest = try read(diffID) { (reader) throws(ImageError) in
            var unpacking = Unpacking(root: root.number, purpose: .layer(below: below), limits: limits)
            try unpacking.unpack(&reader)
            size = unpacking.size
        }
        let facts: JSONObject = ["size": .integer(size), "blob": .string(file.digest)]
        try kernel { () throws(KernelError) in
            try Files.replace("\(place)/layer.json", with: JSON.object(facts).bytes)
        }
        return digest
    }

    /// Throws 400 when the archive is not the one of that digest.
    func verify(_ diffID: String) throws(ImageError) {
        try read(diffID) { (reader) throws(ImageError) in try reader.finish() }
    }

    @discardableResult
    private func read(
        _ diffID: String?, _ body: (inout TarReader) throws(ImageError) -> Void
    ) throws(ImageError) -> String {
        let open = try kernel { () throws(KernelError) in try OwnedDescriptor(open: file.path, O_RDONLY) }
        // What came plain has been digested on its way in.
        let source = ByteSource(open.number, "the layer \(diffID ?? file.digest)", isDigested: !file.isPlain)
        var reader = TarReader(source)
        try body(&reader)
        let digest = file.isPlain ? file.digest : source.digest()
        guard let diffID, digest != diffID else { return digest }
        throw ImageError(400, "the layer \(diffID) is damaged: its content has the digest \(digest)")
    }
}
