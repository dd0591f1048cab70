import NetCore

/// Where the page is served: an address of this machine's loopback alone, as whoever reaches it sees the network, and may send
/// packets in it.
public struct ViewAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    /// 0 for one that is free.
    public var port: Int

    public static let usual = ViewAddress(host: "127.0.0.1", port: 7070)

    private init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// "127.0.0.1:7070", "[::1]:7070", "localhost:7070", ":7070". Throws a sentence.
    public init(_ text: String) throws(ViewError) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw ViewError(
                .address, "--listen \(text): an address and a port are expected", fix: "write it as 127.0.0.1:7070")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty || host == "localhost" { host = "127.0.0.1" }
        guard let address = IPAddress(host), ViewAddress.isLoopback(address) else {
            throw ViewError(
                .address,
                "--listen \(text) is refused: whoever reaches the page sees this network, and may send packets in it",
                fix: "listen on 127.0.0.1 or [::1]; from elsewhere, come by ssh -L 7070:127.0.0.1:7070 THIS-MACHINE")
        }
        (self.host, self.port) = ("\(address)", Int(port))
    }

    private static func isLoopback(_ address: IPAddress) -> Bool {
        IPPrefix("127.0.0.0/8")?.contains(address) ?? false || address == IPAddress("::1")
    }

    public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// What a browser may call it by in the header Host. A page of another site that had its name led here (DNS rebinding) says its own.
    var names: Set<String> { [description, "localhost:\(port)"] }
}

/// Why there is no page, as a sentence with how to mend it.
public struct ViewError: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// The address is none to listen on.
        case address
        /// Somebody listens there.
        case inUse
        /// There is nothing to look at.
        case nothing
    }
    public let kind: Kind
    public let message: String
    public let fix: String

    init(_ kind: Kind, _ message: String, fix: String) { (self.kind, self.message, self.fix) = (kind, message, fix) }
}
