import CDigest

/// SHA-256 of what passes by.
final class StreamDigest {
    private var context = SHA2_CTX()

    init() { SHA256Init(&context) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        SHA256Update(&context, start.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// `sha256:` and 64 hexadecimal digits of everything so far; nothing may follow.
    func finish() -> String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256Final(&digest, &context)
        return "sha256:" + hexadecimal(digest)
    }
}

/// `sha256:` and the digest's digits.
func sha256(_ bytes: [UInt8]) -> String {
    let digest = StreamDigest()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.finish()
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// `sha256:` and 64 small hexadecimal digits?
func isDigest(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.count == 71 && text.hasPrefix("sha256:") && bytes[7...].allSatisfy(isHexadecimal)
}

func isHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
