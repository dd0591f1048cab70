import Glibc
import JSON
import NetCore

/// What the eye tells the server: a line "NAME KEY LENGTH", then so many bytes of JSON. The server passes most of it on as it is.
struct Frame: Sendable {
    enum Name: String, Sendable {
        /// A whole state that is to be shown; the key is the number of the newest entry of its timeline.
        case state
        /// The same, to be kept and not shown: what changed is told by another frame.
        case keep
        case conntrack, task
        /// What the lesson is, for the one who builds its goal: `{"lesson","backend","seed"}`, or null.
        case lesson
        /// Where the nodes are: `[{"name","path"}]`.
        case nodes
        /// To a command that wants one.
        case answer
    }
    let name: Name
    let key: Int
    let bytes: [UInt8]

    /// Longest that is believed.
    static let most = 32 << 20

    func write(to descriptor: Int32) throws(KernelError) {
        let head = Array("\(name.rawValue) \(key) \(bytes.count)\n".utf8)
        try Files.write(head + bytes, to: descriptor, operation: "tell the server")
    }

    /// The next one; nil at the end, and of anything that `write` did not write.
    static func read(_ input: FrameInput) -> Frame? {
        guard let head = input.line() else { return nil }
        let parts = head.split(separator: " ")
        guard parts.count == 3, let name = Name(rawValue: String(parts[0])), let key = Int(parts[1]),
            let length = Int(parts[2]), (0...most).contains(length), let bytes = input.bytes(length)
        else { return nil }
        return Frame(name: name, key: key, bytes: bytes)
    }
}

/// Reads a pipe, waiting.
final class FrameInput {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Nil at the end, and of a line that does not end.
    func line() -> String? {
        while true {
            if let end = buffer[start...].firstIndex(of: 0x0a) {
                defer { start = end + 1 }
                return String(decoding: buffer[start..<end], as: UTF8.self)
            }
            guard buffer.count - start < 4096, fill() else { return nil }
        }
    }

    func bytes(_ count: Int) -> [UInt8]? {
        while buffer.count - start < count { guard fill() else { return nil } }
        defer { start += count }
        return Array(buffer[start..<start + count])
    }

    private func fill() -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            buffer += chunk[..<count]
            return true
        }
    }
}
