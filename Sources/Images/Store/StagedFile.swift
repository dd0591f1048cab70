import Glibc
import NetCore

/// A file of an image archive, on the disk under a name of ours.
struct StagedFile {
    let path: String
    let size: Int64
    let digest: String
    /// gzip, or something else that is not plain.
    let isPlain: Bool
}

extension StagedFile {
    /// Everything that a descriptor gives.
    init(from descriptor: Int32, _ staging: Staging) throws(ImageError) {
        var copy = try StagedCopy(staging.place("file"), "the archive")
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Buffer.size, alignment: 64)
        defer { room.deallocate() }
        while true {
            let count = try kernel { () throws(KernelError) in
                try check("read the archive") { () -> Int in read(descriptor, room.baseAddress, room.count) }
            }
            if count == 0 { break }
            try copy.add(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]))
        }
        self = copy.finish()
    }

    /// One of the store's blobs.
    init(kept path: String, _ digest: String) throws(ImageError) {
        let file = try kernel { () throws(KernelError) in try OwnedDescriptor(open: path, O_RDONLY) }
        var magic = [UInt8](repeating: 0, count: 2)
        let count = pread(file.number, &magic, 2, 0)
        let size = try Directory.facts(file.number, [])?.found.size ?? 0
        self.init(path: path, size: size, digest: digest, isPlain: !(count == 2 && magic == [0x1f, 0x8b]))
    }
}

/// A new file that is written in parts, and its digest.
struct StagedCopy: ~Copyable {
    private let path: String
    private let name: String
    private let file: OwnedDescriptor
    private let digest = StreamDigest()
    private var size: Int64 = 0
    private var magic: [UInt8] = []

    init(_ path: String, _ name: String) throws(ImageError) {
        self.path = path
        self.name = name
        file = try kernel { () throws(KernelError) in
            try OwnedDescriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        }
    }

    mutating func add(_ part: UnsafeRawBufferPointer) throws(ImageError) {
        guard part.count <= ArchiveLimits().bytes - size else {
            throw ImageError(
                400, "\(name) has more than \(ArchiveLimits().bytes) bytes: that is more than an image may have")
        }
        if magic.count < 6 { magic += part.prefix(6 - magic.count) }
        digest.update(part)
        var done = 0
        while done < part.count {
            done += try kernel { () throws(KernelError) in
                try check("write \(name) into the image store") { () -> Int in
                    write(file.number, part.baseAddress! + done, part.count - done)
                }
            }
        }
        size += Int64(part.count)
    }

    consuming func finish() -> StagedFile {
        let isPlain = !magic.starts(with: [0x1f, 0x8b])
        return StagedFile(path: path, size: size, digest: digest.finish(), isPlain: isPlain)
    }
}
