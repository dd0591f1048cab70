/// Docker's frames: eight bytes (stream, 0 0 0, length in big endian), then that many of the stream.
public struct Frames: Sendable {
    private var header: [UInt8] = []
    private var stream: UInt8 = 1
    private var left = 0

    public init() {}

    /// The pieces in the bytes, each with its stream: 1 output, 2 errors, 3 the daemon's own. A frame may come in parts.
    /// Throws when they are no frames.
    public mutating func feed(_ bytes: ArraySlice<UInt8>) throws(ClientError) -> [(
        stream: UInt8, bytes: ArraySlice<UInt8>
    )] {
        var pieces: [(stream: UInt8, bytes: ArraySlice<UInt8>)] = []
        var rest = bytes
        while !rest.isEmpty {
            if left > 0 {
                let piece = rest.prefix(left)
                pieces.append((stream, piece))
                left -= piece.count
                rest = rest.dropFirst(piece.count)
                continue
            }
            let part = rest.prefix(8 - header.count)
            header += part
            rest = rest.dropFirst(part.count)
            guard header.count == 8 else { break }
            guard header[0] <= 3, header[1] == 0, header[2] == 0, header[3] == 0 else {
                throw ClientError(
                    "the container's stream cannot be read",
                    by: "the daemon sends something other than Docker's frames",
                    fix: "this is a mistake in berth or its daemon; please report it")
            }
            stream = header[0]
            left = header[4...].reduce(0) { $0 << 8 | Int($1) }
            header = []
        }
        return pieces
    }
}
