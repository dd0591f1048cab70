import Glibc
import NetCore

/// An archive's files by the names that they have in it. Those names never become paths.
struct StagedArchive {
    private var files: [String: StagedFile] = [:]
    /// Old archives of Docker say "the same as that one" by links.
    private var links: [String: String] = [:]
    private let reading = Reading()

    /// What has been read of manifests and configurations: one small file can be named ten thousand times.
    private final class Reading {
        static let limit = 32 << 20
        var bytes = 0
    }

    /// Reads the archive to its end. An archive of an image has few entries.
    init(
        _ source: ByteSource, _ staging: Staging, limits: ArchiveLimits, progress: (Int64) -> Void
    ) throws(ImageError) {
        var limits = limits
        limits.entries = 100_000
        var reader = TarReader(source, limits: limits)
        while let entry = try reader.next() {
            let name = StagedArchive.name(try TarEntry.parts(entry.name, depth: 32))
            switch entry.kind {
            case .file:
                files[name] = try StagedArchive.stage(&reader, staging.place("file"), name) {
                    progress(source.bytesRead)
                }
            case .hardLink: links[name] = StagedArchive.name(try TarEntry.parts(entry.target, depth: 32))
            case .symbolicLink: links[name] = StagedArchive.linked(from: name, to: entry.target)
            default: break
            }
        }
        try reader.finish()
        progress(source.bytesRead)
    }

    /// The file of that name; nil without one.
    func file(_ name: String) -> StagedFile? {
        var name = StagedArchive.linked(from: "", to: Array(name.utf8))
        for _ in 0..<8 {
            if let file = files[name] { return file }
            guard let next = links[name] else { return nil }
            name = next
        }
        return nil
    }

    /// A small file's bytes. Throws 400 when it is missing or large.
    func content(_ name: String) throws(ImageError) -> [UInt8] {
        guard let file = file(name) else {
            throw ImageError(400, "the archive has no \(Array(name.utf8).shown): it is no image, or was cut off")
        }
        guard file.size <= ArchiveImage.jsonLimit else {
            throw ImageError(
                400,
                "the archive's \(Array(name.utf8).shown) has \(file.size) bytes; \(ArchiveImage.jsonLimit) are allowed")
        }
        // Each reading costs, also of an empty file.
        reading.bytes += Int(file.size) + 4096
        guard reading.bytes <= Reading.limit else {
            throw ImageError(
                400,
                "the archive's manifests and configurations have more than \(Reading.limit) bytes, those counted again that are named again: load the images in several archives"
            )
        }
        return try kernel { () throws(KernelError) in try Files.read(file.path, limit: ArchiveImage.jsonLimit) }
    }

    private static func stage(
        _ reader: inout TarReader, _ path: String, _ name: String, _ progress: () -> Void
    ) throws(ImageError) -> StagedFile {
        var copy = try StagedCopy(path, name)
        while true {
            let part = try reader.part()
            if part.isEmpty { return copy.finish() }
            try copy.add(part)
            progress()
        }
    }

    private static func name(_ parts: [Name]) -> String {
        String(decoding: Array(parts.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
    }

    /// Where a link in an archive's directory leads, without leaving the archive.
    private static func linked(from name: String, to target: Name) -> String {
        var parts = target.first == UInt8(ascii: "/") ? [] : name.split(separator: "/").dropLast().map(String.init)
        for part in target.split(separator: UInt8(ascii: "/")) {
            switch String(decoding: part, as: UTF8.self) {
            case ".": continue
            case "..": _ = parts.popLast()
            case let part: parts.append(part)
            }
        }
        return parts.joined(by: "/")
    }
}
