import CZlib
import Glibc
import NetCore

/// A descriptor's bytes, as they are or out of gzip (one member or several), with the digest of what comes out. Memory is two buffers.
final class ByteSource {
    private let descriptor: Int32
    private let what: String
    private let raw = Buffer()
    private var inflation: Inflation?
    private var isBegun = false
    private let plainDigest: StreamDigest?

    /// How many bytes were read from the descriptor.
    private(set) var bytesRead: Int64 = 0
    /// How many bytes were handed out.
    private(set) var position: Int64 = 0

    /// `what` names the source in errors: "the archive", "layer sha256:…".
    init(_ descriptor: Int32, _ what: String, isDigested: Bool = false) {
        self.descriptor = descriptor
        self.what = what
        plainDigest = isDigested ? StreamDigest() : nil
    }

    /// The next bytes, at most `limit`; none at the end. They are valid until the next call.
    func next(_ limit: Int) throws(ImageError) -> UnsafeRawBufferPointer {
        if !isBegun { try begin() }
        let bytes: UnsafeRawBufferPointer
        if let inflation {
            if inflation.plain.isEmpty { try inflate(inflation) }
            bytes = inflation.plain.take(limit)
        } else {
            if raw.isEmpty { try fill() }
            bytes = raw.take(limit)
        }
        position += Int64(bytes.count)
        return bytes
    }

    /// Exactly `count` bytes; none at a clean end. Throws 400 when the end comes in between.
    func block(_ count: Int) throws(ImageError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let part = try next(count - bytes.count)
            if part.isEmpty {
                guard bytes.isEmpty else { throw cut() }
                return []
            }
            bytes.append(contentsOf: part)
        }
        return bytes
    }

    /// `count` bytes are passed over.
    func skip(_ count: Int64) throws(ImageError) {
        var rest = count
        while rest > 0 {
            let part = try next(Int(min(rest, Int64(Int32.max))))
            if part.isEmpty { throw cut() }
            rest -= Int64(part.count)
        }
    }

    /// Everything is read up to the end, so that the digest is that of the whole. Throws 400 past `limit` bytes.
    func drain(limit: Int64) throws(ImageError) {
        var count: Int64 = 0
        while true {
            let part = try next(Buffer.size)
            if part.isEmpty { return }
            count += Int64(part.count)
            if count > limit { throw ImageError(400, "read \(what): more than \(limit) bytes follow its end") }
        }
    }

    /// The digest of the whole, unpacked. After drain(), once.
    func digest() -> String { plainDigest?.finish() ?? "" }

    func cut() -> ImageError {
        ImageError(400, "read \(what): it ends in the middle: it was cut off on its way")
    }

    private func fill() throws(ImageError) {
        let room = raw.room
        let count = try kernel { () throws(KernelError) in
            try check("read \(what)") { () -> Int in Glibc.read(descriptor, room.baseAddress, room.count) }
        }
        if isBegun, inflation == nil {
            plainDigest?.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]))
        }
        raw.added(count)
        bytesRead += Int64(count)
    }

    private func begin() throws(ImageError) {
        while raw.count < 6 {
            let before = raw.count
            try fill()
            if raw.count == before { break }
        }
        isBegun = true
        let magic = Array(raw.content.prefix(6))
        if magic.starts(with: [0x1f, 0x8b]) {
            inflation = try Inflation()
            return
        }
        plainDigest?.update(raw.content)
        let others: [(String, [UInt8])] = [
            ("zstd", [0x28, 0xb5, 0x2f, 0xfd]), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]), ("bzip2", [0x42, 0x5a, 0x68]),
        ]
        for (name, start) in others where magic.starts(with: start) {
            throw ImageError(
                400,
                "read \(what): it is compressed with \(name), which berth does not unpack: give it plain or with gzip (for an image: docker buildx build --output type=oci,compression=gzip,force-compression=true)"
            )
        }
    }

    private func inflate(_ inflation: Inflation) throws(ImageError) {
        while inflation.plain.isEmpty && !inflation.isOver {
            if raw.isEmpty {
                try fill()
                if raw.isEmpty {
                    guard inflation.isBetweenMembers else { throw cut() }
                    return
                }
            }
            guard inflation.work(raw) else {
                throw ImageError(400, "read \(what): its gzip data are damaged")
            }
        }
        plainDigest?.update(inflation.plain.content)
        // What follows the last member says nothing.
        while inflation.isOver {
            _ = raw.take(Buffer.size)
            try fill()
            if raw.isEmpty { break }
        }
    }
}

/// Bytes that were put in at the end and are taken from the front.
final class Buffer {
    static let size = 256 << 10
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Buffer.size, alignment: 64)
    private var start = 0
    private var end = 0

    deinit { memory.deallocate() }

    var isEmpty: Bool { start == end }
    var count: Int { end - start }
    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start..<end]) }

    /// Where the next bytes go.
    var room: UnsafeMutableRawBufferPointer {
        if start == end { (start, end) = (0, 0) }
        return UnsafeMutableRawBufferPointer(rebasing: memory[end...])
    }

    func added(_ count: Int) { end += count }

    func take(_ limit: Int) -> UnsafeRawBufferPointer {
        let count = min(limit, end - start)
        defer { start += count }
        return UnsafeRawBufferPointer(rebasing: memory[start..<(start + count)])
    }
}

/// zlib's state for gzip, member after member.
private final class Inflation {
    let plain = Buffer()
    private let stream: UnsafeMutablePointer<z_stream>
    private(set) var isBetweenMembers = false
    /// What follows the last member is padding.
    private(set) var isOver = false

    init() throws(ImageError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw ImageError(500, "start zlib: no memory")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Moves on with what `raw` holds; false when it is no gzip.
    func work(_ raw: Buffer) -> Bool {
        if isBetweenMembers {
            // Another member, or what tar and tapes fill up with.
            guard raw.content.first == 0x1f else {
                isOver = true
                return raw.content.first == 0
            }
            inflateReset(stream)
            isBetweenMembers = false
        }
        let input = raw.content
        let output = plain.room
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress!.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let outcome = CZlib.inflate(stream, Z_NO_FLUSH)
        _ = raw.take(input.count - Int(stream.pointee.avail_in))
        plain.added(output.count - Int(stream.pointee.avail_out))
        if outcome == Z_STREAM_END { isBetweenMembers = true }
        return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR
    }
}
