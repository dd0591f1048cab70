public import JSON
import NetCore

/// Text to be shown to others: MACs and public addresses are replaced, each by the same name wherever it stands. Private,
/// loopback, link-local and documentation addresses stay.
public struct Redaction {
    private var names: [String: String] = [:]
    private var counts = (mac: 0, v4: 0, v6: 0)

    public init() {}

    public mutating func text(_ text: String) -> String {
        var result = ""
        var word = ""
        for character in text {
            if character.isHexDigit || character == ":" || character == "." || character == "%" {
                word.append(character)
                continue
            }
            // A word of letters that begins like a number of sixteen is none.
            if character.isLetter || character == "_" {
                result += word
                result.append(character)
                word = ""
                continue
            }
            result += replaced(word)
            result.append(character)
            word = ""
        }
        return result + replaced(word)
    }

    public mutating func json(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): return .string(self.text(text))
        case .array(let members):
            var list: [JSON] = []
            for member in members { list.append(json(member)) }
            return .array(list)
        case .object(let object):
            var copy = JSONObject()
            for (key, member) in object { copy[key] = json(member) }
            return .object(copy)
        default: return value
        }
    }

    /// A word of digits, colons and dots; what stands around an address in it stays.
    private mutating func replaced(_ word: String) -> String {
        var core = word[...]
        var (head, tail) = ("", "")
        while let last = core.last, last == ":" || last == "." || last == "%", !core.hasSuffix("::") {
            tail = String(last) + tail
            core = core.dropLast()
        }
        while let first = core.first, first == ".", true {
            head.append(first)
            core = core.dropFirst()
        }
        if let name = name(String(core)) { return head + name + tail }
        // 203.0.113.7:8080
        if let colon = core.lastIndex(of: ":"), let name = name(String(core[..<colon])) {
            return head + name + String(core[colon...]) + tail
        }
        return word
    }

    /// Nil for what is neither, and for what may stay.
    private mutating func name(_ text: String) -> String? {
        if MACAddress(text) != nil {
            return pseudonym(text) { counts in
                counts.mac += 1
                return "mac-\(counts.mac)"
            }
        }
        guard text.contains(".") || text.contains(":"), let address = IPAddress(text), Redaction.isPublic(address)
        else {
            return nil
        }
        return pseudonym("\(address)") { counts in
            if address.family == .v4 {
                counts.v4 += 1
                return "public-\(counts.v4)"
            }
            counts.v6 += 1
            return "public6-\(counts.v6)"
        }
    }

    private mutating func pseudonym(
        _ text: String, _ next: (inout (mac: Int, v4: Int, v6: Int)) -> String
    ) -> String {
        let key = text.lowercasedASCII
        if let known = names[key] { return known }
        let name = next(&counts)
        names[key] = name
        return name
    }

    private static let kept = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/127", "fc00::/7",
        "fe80::/10", "ff00::/8", "2001:db8::/32", "3fff::/20",
    ].map { IPPrefix($0)! }

    static func isPublic(_ address: IPAddress) -> Bool {
        !kept.contains { $0.family == address.family && $0.contains(address) }
    }
}

extension String {
    fileprivate var lowercasedASCII: String {
        String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
