import NetCore

/// Which frames are meant: `tcp port 8080 and not host 10.88.0.2`. Evaluated here and not by a program in the kernel: there tags
/// are taken off already and every header's place has to be found again, and what does not fit is counted in any case.
public struct PacketFilter: Hashable, Sendable {
    private indirect enum Test: Hashable, Sendable {
        case all([Test])
        case any([Test])
        case not(Test)
        case family(UInt16)
        case arp
        case protocols(Set<UInt8>)
        case address(IPPrefix, Side)
        case port(UInt16, Side)
    }

    private enum Side: Hashable, Sendable {
        case source
        case destination
        case either
    }

    /// What could not be read, as a sentence.
    public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let test: Test

    public static let words = """
        tcp, udp, icmp, icmp6, sctp, arp, ip, ip6, host A, net A/N, port N, each of the last three also after src or dst; \
        with and (or nothing) between, or, not, brackets
        """

    /// Every frame where there are no words. Throws `Fault`.
    public init(parsing words: [String]) throws(Fault) {
        var reader = Reader(words)
        guard !reader.rest.isEmpty else {
            test = .all([])
            return
        }
        guard reader.rest.count <= 200 else { throw Fault(description: "a filter of more than 200 words") }
        test = try reader.any(depth: 0)
        if let extra = reader.rest.first { throw Fault(description: "\(extra) is one bracket too many") }
    }

    private struct Reader {
        var rest: ArraySlice<String>

        init(_ words: [String]) {
            var tokens: [String] = []
            for word in words {
                var token: [UInt8] = []
                func end() {
                    if !token.isEmpty { tokens.append(String(decoding: token, as: UTF8.self)) }
                    token = []
                }
                for byte in word.utf8 {
                    switch byte {
                    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"): end()
                    case UInt8(ascii: "("), UInt8(ascii: ")"):
                        end()
                        tokens.append(byte == UInt8(ascii: "(") ? "(" : ")")
                    default: token.append(byte)
                    }
                }
                end()
            }
            rest = tokens[...]
        }

        mutating func any(depth: Int) throws(Fault) -> Test {
            var parts = [try all(depth: depth)]
            while rest.first == "or" {
                rest = rest.dropFirst()
                parts.append(try all(depth: depth))
            }
            return parts.count == 1 ? parts[0] : .any(parts)
        }

        private mutating func all(depth: Int) throws(Fault) -> Test {
            var parts = [try one(depth: depth)]
            while let next = rest.first, next != "or", next != ")" {
                if next == "and" { rest = rest.dropFirst() }
                parts.append(try one(depth: depth))
            }
            return parts.count == 1 ? parts[0] : .all(parts)
        }

        private mutating func one(depth: Int) throws(Fault) -> Test {
            guard depth < 20 else { throw Fault(description: "a filter of more than 20 levels") }
            guard let word = rest.popFirst() else {
                throw Fault(description: "the filter ends where a word was expected")
            }
            switch word {
            case "not", "!": return .not(try one(depth: depth + 1))
            case "(":
                let inner = try any(depth: depth + 1)
                guard rest.popFirst() == ")" else { throw Fault(description: "a bracket is not closed") }
                return inner
            case "arp": return .arp
            case "ip": return .family(0x0800)
            case "ip6": return .family(0x86dd)
            case "icmp": return .protocols([1, 58])
            case "tcp", "udp", "sctp", "icmp6", "gre", "igmp":
                return .protocols([ConntrackFilter.protocolNumber(word) ?? 0])
            case "src": return try place(.source, after: word)
            case "dst": return try place(.destination, after: word)
            case "host", "net", "port":
                rest = [word] + rest
                return try place(.either, after: word)
            default:
                throw Fault(description: "\(word) is no word of a filter: there are \(PacketFilter.words)")
            }
        }

        private mutating func place(_ side: Side, after word: String) throws(Fault) -> Test {
            guard let kind = rest.popFirst() else { throw Fault(description: "something was expected after \(word)") }
            if kind == "port" {
                guard let text = rest.popFirst(), let number = UInt16(text) else {
                    throw Fault(description: "a port from 0 to 65535 was expected after port")
                }
                return .port(number, side)
            }
            let isNamed = kind == "host" || kind == "net"
            guard let text = isNamed ? rest.popFirst() : kind else {
                throw Fault(description: "an address was expected after \(kind)")
            }
            if let address = IPAddress(text) { return .address(IPPrefix(host: address), side) }
            guard let prefix = IPPrefix(text) else {
                throw Fault(
                    description: "\(text) is no address: 10.88.0.2, a network as 10.88.0.0/24, or port and a number")
            }
            return .address(prefix, side)
        }
    }

    public func matches(_ frame: Frame) -> Bool {
        PacketFilter.holds(test, frame, frame.headers)
    }

    /// Does a packet with these headers match? None of ARP does.
    func matches(_ headers: PacketHeaders) -> Bool {
        var frame = Frame(kind: 0, device: 0, time: 0, bytes: [], length: 0, linkType: .raw)
        // The family's words look at the first byte.
        frame.bytes = [headers.source.family == .v6 ? 0x60 : 0x45]
        return PacketFilter.holds(test, frame, headers)
    }

    /// Protocols that a matching packet must be of, one of them; nil when the words do not say.
    var protocols: Set<UInt8>? { PacketFilter.protocols(test) }

    private static func protocols(_ test: Test) -> Set<UInt8>? {
        switch test {
        case .protocols(let numbers): return numbers
        case .port: return [6, 17, 132]
        case .arp: return []
        case .all(let parts):
            return parts.compactMap(protocols).reduce(nil as Set<UInt8>?) { $0?.intersection($1) ?? $1 }
        case .any(let parts):
            let all = parts.map(protocols)
            return all.contains { $0 == nil } ? nil : all.reduce(into: []) { $0.formUnion($1 ?? []) }
        case .not, .family, .address: return nil
        }
    }

    private static func holds(_ test: Test, _ frame: Frame, _ headers: PacketHeaders?) -> Bool {
        switch test {
        case .all(let parts): return parts.allSatisfy { holds($0, frame, headers) }
        case .any(let parts): return parts.contains { holds($0, frame, headers) }
        case .not(let inner): return !holds(inner, frame, headers)
        case .family(let type): return frame.type == type
        case .arp: return frame.type == 0x0806
        case .protocols(let numbers): return headers.map { numbers.contains($0.protocolNumber) } ?? false
        case .address(let prefix, let side):
            let ends = headers.map { ($0.source, $0.destination) } ?? frame.arp.map { ($0.sender, $0.target) }
            guard let ends else { return false }
            return side != .destination && prefix.contains(ends.0) || side != .source && prefix.contains(ends.1)
        case .port(let number, let side):
            // Of a fragment that is not the first nobody knows the ports.
            guard let headers, !frame.isLaterFragment else { return false }
            return side != .destination && headers.sourcePort == number
                || side != .source && headers.destinationPort == number
        }
    }
}
