/// A tar archive's entries, one after the other; a content is read in parts or passed over.
struct TarReader {
    let source: ByteSource
    private let limits: ArchiveLimits
    private var entries = 0
    private var bytes: Int64 = 0
    /// Of the entry's content: what was not read yet, and what fills its last block.
    private var rest: Int64 = 0
    private var padding: Int64 = 0
    private var isOver = false

    init(_ source: ByteSource, limits: ArchiveLimits = ArchiveLimits()) {
        self.source = source
        self.limits = limits
    }

    /// The next entry; nil at the end. Throws 400 for what is no archive, or asks for more than the limits.
    mutating func next() throws(ImageError) -> TarEntry? {
        guard !isOver else { return nil }
        var extensions = PaxRecords()
        var longName: Name?
        var longTarget: Name?
        while true {
            try source.skip(rest + padding)
            (rest, padding) = (0, 0)
            let block = try source.block(512)
            // The end is two blocks of zeros; one, or none, does.
            if block.isEmpty || block.allSatisfy({ $0 == 0 }) {
                isOver = true
                return nil
            }
            entries += 1
            guard entries <= limits.entries else {
                throw ImageError(
                    400, "the archive has more than \(limits.entries) entries: that is more than an image may have")
            }
            let header = try TarHeader(block, number: entries)
            switch header.type {
            case UInt8(ascii: "x"): extensions = try PaxRecords(try attached(header))
            case UInt8(ascii: "g"), UInt8(ascii: "V"): _ = try attached(header)
            case UInt8(ascii: "L"): longName = try text(header)
            case UInt8(ascii: "K"): longTarget = try text(header)
            default:
                var entry = try header.entry()
                if let longName { entry.name = longName }
                if let longTarget { entry.target = longTarget }
                try extensions.apply(to: &entry)
                // GNU tar and others: an old archive's directory is a file whose name ends in a slash.
                if entry.kind == .file, entry.name.last == UInt8(ascii: "/") { entry.kind = .directory }
                if entry.kind != .file { entry.size = 0 }
                guard entry.size <= limits.bytes - bytes else {
                    throw ImageError(
                        400, "the archive has more than \(limits.bytes) bytes of content: that is more than it may have"
                    )
                }
                bytes += entry.size
                (rest, padding) = (entry.size, (512 - entry.size % 512) % 512)
                return entry
            }
        }
    }

    /// The next part of the entry's content; none at its end. It is valid until the next call.
    mutating func part() throws(ImageError) -> UnsafeRawBufferPointer {
        guard rest > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let part = try source.next(Int(min(rest, Int64(Buffer.size))))
        if part.isEmpty { throw source.cut() }
        rest -= Int64(part.count)
        return part
    }

    /// All of the entry's content.
    mutating func content(limit: Int) throws(ImageError) -> [UInt8] {
        guard rest <= limit else {
            throw ImageError(400, "an entry of the archive has \(rest) bytes; \(limit) are allowed")
        }
        var bytes: [UInt8] = []
        while true {
            let part = try part()
            if part.isEmpty { return bytes }
            bytes.append(contentsOf: part)
        }
    }

    /// Up to the end of the source, for its digests.
    func finish() throws(ImageError) { try source.drain(limit: limits.bytes) }

    private mutating func attached(_ header: TarHeader) throws(ImageError) -> [UInt8] {
        let size = try header.size()
        guard size <= ArchiveLimits.extensions else {
            throw ImageError(
                400, "an entry of the archive has \(size) bytes of attributes; \(ArchiveLimits.extensions) are allowed")
        }
        (rest, padding) = (size, (512 - size % 512) % 512)
        return try content(limit: Int(ArchiveLimits.extensions))
    }

    private mutating func text(_ header: TarHeader) throws(ImageError) -> Name {
        Array(try attached(header).prefix { $0 != 0 })
    }
}
