import NetCore
import Trace

/// Rules as they are typed behind `berth net`.
extension NetRule {
    /// Reads the words. Throws E-NAME.
    init(_ verb: String, _ words: inout NetWords) throws(LabError) {
        switch verb {
        case "masquerade": self = try NetRule.masquerade(&words)
        case "publish": self = try NetRule.publish(&words)
        default:
            let word = try words.next("what is accepted")
            guard let what = Accepted(rawValue: word) else {
                throw words.fault("\"\(word)\" is nothing that it accepts", cause: "it is published or established")
            }
            self = .accept(what)
        }
    }

    private static func masquerade(_ words: inout NetWords) throws(LabError) -> NetRule {
        let source = try words.prefix("network")
        guard source.isNetwork else {
            throw words.fault("\(source) is an address, and no network: its network is \(source.network)")
        }
        guard !words.isEmpty else { return .masquerade(source, out: nil) }
        var isNot = words.take("not", "!")
        guard words.take("out", "-o") else {
            throw words.fault(
                "cannot make sense of \"\(words.first ?? "not")\"", cause: "what follows is out LINK, or not out LINK")
        }
        if words.take("!") { isNot = true }
        // "!br0", which an interactive bash takes for its history.
        if let word = words.first, word.hasPrefix("!"), let name = LinkName(String(word.dropFirst())) {
            _ = words.next()
            return .masquerade(source, out: Outgoing(link: name, isNot: true))
        }
        return .masquerade(source, out: Outgoing(link: try words.link(), isNot: isNot))
    }

    private static func publish(_ words: inout NetWords) throws(LabError) -> NetRule {
        let (proto, port) = try words.port()
        guard words.first != "-" else {
            throw words.fault(
                "\"->\" is a redirection to a shell, which has made a file of what follows: write to instead")
        }
        _ = words.take("to", "→")
        let target = try words.next("who is to get it")
        guard let parts = ProxyTarget.parts(target) else {
            throw words.fault("\"\(target)\" is no address with a port", cause: "one looks like 10.88.0.2:80 or web:80")
        }
        guard let address = IPAddress(parts.0) ?? NetPlace.address(parts.0, .v4) else {
            throw words.fault(
                "nobody is called \(parts.0)", cause: "it is no address, and no node of this world that has one")
        }
        return .publish(proto, port, to: address, parts.1, fromHere: words.take("output"))
    }
}

extension NetWords {
    /// "8080", "5353/udp".
    mutating func port() throws(LabError) -> (TransportProtocol, UInt16) {
        let word = try next("the port")
        let parts = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let proto = parts.count == 2 ? NetWords.protocols[parts[1]] : parts.count == 1 ? .tcp : nil
        guard let proto, let port = UInt16(parts[0]), port > 0 else {
            throw fault("\"\(word)\" is no port", cause: "one looks like 8080, 8080/tcp or 5353/udp")
        }
        return (proto, port)
    }

    private static let protocols: [String: TransportProtocol] = ["tcp": .tcp, "udp": .udp, "sctp": .sctp]
}
