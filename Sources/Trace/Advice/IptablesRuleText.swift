import NetCore

extension RuleReading {
    /// Of a rule as `iptables -S` lists it, without "-A CHAIN": `-s 10.88.0.0/24 ! -o br0 -m conntrack --ctstate NEW -j ACCEPT`.
    init(iptables text: String, _ packet: PacketFacts) {
        let words = text.split(separator: " ").map(String.init)
        clauses = []
        action = ""
        var isNegated = false
        var place = 0
        while place < words.count {
            let word = words[place]
            let value = place + 1 < words.count ? words[place + 1] : ""
            place += 2
            switch word {
            case "!":
                isNegated = true
                place -= 1
                continue
            case "-m":
                // These say nothing by themselves.
                let plain = ["comment", "tcp", "udp", "icmp", "icmp6", "conntrack", "state", "addrtype", "multiport"]
                if !plain.contains(value) { clauses.append(RuleClause(text: "-m \(value)", answer: .unknown)) }
            case "--comment":
                // Quoted with blanks inside.
                if value.hasPrefix("\"") {
                    place -= 1
                    while place < words.count, !words[place].hasSuffix("\"") || words[place] == "\"" { place += 1 }
                    place += 1
                }
            case "-j", "-g":
                action = RuleReading.verdict(value)
                return
            default:
                let wanted = value.split(separator: ",").map(String.init)
                let family = packet.headers.source.family == .v4 ? "ip" : "ip6"
                let keys = [
                    "-i": "iifname", "-o": "oifname", "-s": "\(family) saddr", "-d": "\(family) daddr",
                    "-p": "meta l4proto", "--dport": "th dport", "--sport": "th sport", "--dports": "th dport",
                    "--sports": "th sport", "--ctstate": "ct state", "--state": "ct state", "--ctstatus": "ct status",
                    "--dst-type": "fib daddr type", "--src-type": "fib saddr type",
                ]
                let isLower = ["--ctstate", "--state", "--dst-type", "--src-type"].contains(word)
                var (found, seen): (Bool?, String) = (nil, "?")
                if let key = keys[word] {
                    (found, seen) = RuleReading.judge(key, isLower ? wanted.map(\.asciiLowercased) : wanted, packet)
                }
                if word == "--ctstate", wanted.contains("DNAT") || wanted.contains("SNAT") {
                    let natted = packet.holds(wanted) { ["DNAT", "SNAT"].contains($0) ? packet.hasStatus($0) : false }
                    if natted == true { found = true }
                }
                clauses.append(
                    RuleClause(
                        text: "\(isNegated ? "! " : "")\(word) \(value)",
                        answer: found.map { $0 != isNegated ? .holds : .fails("this is \(seen)") } ?? .unknown))
            }
            isNegated = false
        }
    }

    private static func verdict(_ target: String) -> String {
        switch target {
        case "ACCEPT", "DROP", "RETURN", "REJECT", "MASQUERADE": return target.asciiLowercased
        case "DNAT", "SNAT", "REDIRECT", "LOG", "MARK": return target.asciiLowercased
        default: return "jump \(target)"
        }
    }
}
