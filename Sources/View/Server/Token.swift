/// Who knows it was told by whoever started the server: it is in the page's address behind the #, which browsers send to nobody, and in a
/// header of each request.
struct Token: Sendable {
    static let header = "X-Berth-Token"
    let text: String

    /// 128 bits of the kernel's randomness (man 2 getrandom).
    init() {
        var generator = SystemRandomNumberGenerator()
        text = (0..<2).map { _ in
            let word = String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - word.utf8.count) + word
        }.joined()
    }

    /// In a time that does not tell how much of it was right.
    func isSame(_ said: String) -> Bool {
        let (own, other) = (Array(text.utf8), Array(said.utf8))
        guard own.count == other.count else { return false }
        return zip(own, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
