/// The keys that leave a container's terminal, `ctrl-p,ctrl-q`, and what of them was typed so far.
public struct DetachKeys: Sendable {
    private let sequence: [UInt8]
    private var matched = 0

    /// ctrl-p ctrl-q.
    public static let standard = DetachKeys(bytes: [16, 17])
    private init(bytes: [UInt8]) { sequence = bytes }

    /// Keys between commas: a character, or `ctrl-` and one of a–z @ [ \ ] ^ _. Empty: none.
    public init(_ text: String) throws(ClientError) {
        var bytes: [UInt8] = []
        for key in text.split(separator: ",") {
            let code = Array(key.utf8)
            if code.count == 1 {
                bytes.append(code[0])
            } else if key.hasPrefix("ctrl-"), code.count == 6, (0x40...0x7a).contains(code[5]) {
                bytes.append(code[5] & 0x1f)
            } else {
                throw ClientError(
                    "--detach-keys \(text) cannot be read", by: "there is no key \(key)",
                    fix: "write for example ctrl-p,ctrl-q")
            }
        }
        sequence = bytes
    }

    /// What of the typed bytes goes to the container, and whether the sequence is whole. The beginning of one is kept back.
    public mutating func pass(_ typed: some Sequence<UInt8>) -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        for byte in typed {
            guard !sequence.isEmpty else {
                bytes.append(byte)
                continue
            }
            if byte == sequence[matched] {
                matched += 1
                if matched == sequence.count { return (bytes, true) }
                continue
            }
            bytes += sequence[..<matched]
            matched = byte == sequence[0] ? 1 : 0
            if matched == 0 { bytes.append(byte) }
        }
        return (bytes, false)
    }
}
