import Glibc
import NetCore

/// All that a plugin may change on a host, as sorted lines without indexes, handles, counters and timers: two states of
/// one host are equal exactly when their lines are.
public struct HostState: Hashable, Sendable {
    public let lines: [String]

    public init(lines: [String]) { self.lines = lines }

    /// Lines that are here and not there, and the reverse, as a readable text; empty when equal.
    public func difference(from before: HostState) -> String {
        func count(_ lines: [String]) -> [String: Int] { lines.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
        let (old, new) = (count(before.lines), count(lines))
        let gone = old.keys.sorted().filter { new[$0, default: 0] < old[$0]! }.map { "- \($0)" }
        let added = new.keys.sorted().filter { old[$0, default: 0] < new[$0]! }.map { "+ \($0)" }
        return (gone + added).joined(separator: "\n")
    }

    /// The lines that `isKept`.
    public func matching(_ isKept: (String) -> Bool) -> HostState { HostState(lines: lines.filter(isKept)) }

    /// The lines that do not begin with one of these words (`file /run/berth/lock`, `sysctl net/ipv4/ip_forward`).
    public func without(_ prefixes: [String]) -> HostState {
        HostState(lines: lines.filter { line in !prefixes.contains { line.hasPrefix($0) } })
    }
}

extension PrivateHost {
    /// The state of the namespace that the thread is in, and of the files that plugins keep.
    public func state(folders: [String] = ["/run/berth", "/run/cni", "/var/lib/cni"]) throws -> HostState {
        var lines = try must("ip -d -o link show").split(separator: "\n").map { HostState.link(String($0)) }
        lines += try must("ip -o address show").split(separator: "\n").compactMap { HostState.address(String($0)) }
        for family in ["-4", "-6"] {
            lines += try must("ip \(family) route show table all").split(separator: "\n").compactMap {
                HostState.route(family, String($0))
            }
            lines += try must("ip \(family) rule show").split(separator: "\n").map { "rule \(family) \($0)" }
        }
        // What bridges learn comes and goes; what they are told stays.
        lines += try must("bridge fdb show").split(separator: "\n").filter { $0.contains(" sticky") }.map {
            "fdb \($0)"
        }
        lines += try trafficControl()
        lines += HostState.ruleset(try must("nft list ruleset"))
        lines += try legacyRules()
        // nft does not tell the comments of iptables' rules.
        if TestBackend.current == .iptablesNft {
            for family in AddressFamily.allCases {
                let saved = try must("\(TestBackend.iptablesNft.program(family))-save")
                lines += saved.split(separator: "\n").filter { $0.hasPrefix("-A") }.map {
                    "iptables \(family.rawValue) \($0)"
                }
            }
        }
        lines += try HostState.sysctls()
        for folder in folders { lines += try HostState.files(below: folder) }
        return HostState(lines: lines.sorted())
    }
}

extension PrivateHost {
    /// The rules of iptables-legacy, in the tables that exist: to ask for another would make it.
    fileprivate func legacyRules() throws -> [String] {
        var lines: [String] = []
        for (family, names) in [(AddressFamily.v4, "ip_tables_names"), (.v6, "ip6_tables_names")] {
            let tables = try ignoring(.noSuchFile) { () throws(KernelError) in
                String(decoding: try Files.read("/proc/thread-self/net/\(names)"), as: UTF8.self)
            }
            for table in (tables ?? "").split(separator: "\n") {
                let saved = try must("\(TestBackend.iptablesLegacy.program(family))-save -t \(table)")
                for line in saved.split(separator: "\n") where line.hasPrefix("-A") || line.hasPrefix(":") {
                    // ":CHAIN POLICY [packets:bytes]"
                    lines.append("legacy \(family.rawValue) \(table) \(line.split(separator: "[")[0])")
                }
            }
        }
        return lines
    }

    /// Queueing disciplines that somebody chose, and the filters of what comes in; without indexes.
    private func trafficControl() throws -> [String] {
        var lines: [String] = []
        for line in try must("tc qdisc show").split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            // The kernel's own have the handle 0:.
            guard words.count > 4, words[2] != "0:" else { continue }
            lines.append(words.joined(separator: " "))
            guard words[1] == "ingress" else { continue }
            let filters = try must("tc filter show dev \(words[4]) ingress").split(separator: "\n")
            for line in filters where !line.contains("index ") {
                lines.append("filter of \(words[4]): \(line.split { $0 == " " || $0 == "\t" }.joined(separator: " "))")
            }
        }
        return lines
    }
}

extension HostState {
    /// `link cni0: up mtu 1500 …` from a line of `ip -d -o link`.
    fileprivate static func link(_ line: String) -> String {
        let words = line.split(whereSeparator: { " \\\t".contains($0) }).map(String.init)
        let name = words[1].dropLast().split(separator: "@")[0]
        let flags = words[2].dropFirst().dropLast().split(separator: ",")
        var kept = [flags.contains("UP") ? "up" : "down"]
        kept += flags.filter { ["PROMISC", "ALLMULTI"].contains($0) }.map(String.init)
        let named: Set = [
            "mtu", "master", "link/ether", "link/loopback", "alias", "promiscuity", "hairpin", "isolated", "learning",
            "qlen",
        ]
        for (index, word) in words.enumerated() where named.contains(word) && index + 1 < words.count {
            kept.append("\(word) \(words[index + 1])")
        }
        kept += words.filter { ["bridge", "veth", "bridge_slave", "tun", "macvlan", "ifb"].contains($0) }.prefix(1)
        return "link \(name): \(kept.joined(separator: " "))"
    }

    /// `address cni0 inet 10.88.0.1/16 …` without lifetimes and the flags that change by themselves.
    fileprivate static func address(_ line: String) -> String? {
        let words = line.split(whereSeparator: { " \\\t".contains($0) }).map(String.init)
        guard words.count > 3, ["inet", "inet6"].contains(words[2]) else { return nil }
        let passing: Set = ["tentative", "dadfailed", "deprecated", "dynamic", words[1]]
        // The kernel's own, which comes when the link has carrier.
        guard !words[3].hasPrefix("fe80:") else { return nil }
        let kept = words[2...].prefix { $0 != "valid_lft" }.filter { !passing.contains($0) }
        return "address \(words[1]) \(kept.joined(separator: " "))"
    }

    fileprivate static func route(_ family: String, _ line: String) -> String? {
        // The kernel's own companions of an address come a second after it, once it is known to be the only one.
        if line.contains(" table local proto kernel "), family == "-6" { return nil }
        // The link-local subnet's, which comes with the carrier.
        if line.hasPrefix("fe80::/64 "), line.contains(" proto kernel ") { return nil }
        let words = line.split(separator: " ").filter { !["linkdown", "dead"].contains($0) }
        return "route \(family) \(words.joined(separator: " "))"
    }

    /// Every rule, chain, set and element as a line of its own that says where it stands. Rules keep their order.
    fileprivate static func ruleset(_ text: String) -> [String] {
        var place: [String] = []
        var order = 0
        var lines: [String] = []
        var pending = ""
        for raw in text.split(separator: "\n") {
            let line = raw.drop { $0 == "\t" || $0 == " " }
            if !pending.isEmpty || line.hasPrefix("elements = {") {
                pending += (pending.isEmpty ? "" : " ") + line
                guard line.hasSuffix("}"), pending.filter({ $0 == "{" }).count == pending.filter({ $0 == "}" }).count
                else { continue }
                lines += elements(pending).map { "nft \(place.joined(separator: " ")) element \($0)" }
                pending = ""
            } else if line.hasSuffix("{") {
                place.append(String(line.dropLast(2)))
                order = 0
                lines.append("nft \(place.joined(separator: " "))")
            } else if line == "}" {
                place.removeLast()
            } else if !line.isEmpty {
                order += 1
                lines.append("nft \(place.joined(separator: " ")) \(order): \(withoutCounters(String(line)))")
            }
        }
        return lines
    }

    /// The elements between the outer braces, split at the commas that stand outside quotes and inner braces.
    private static func elements(_ text: String) -> [String] {
        let inner = text.dropFirst("elements = {".count).dropLast()
        var all: [String] = []
        var one = ""
        var quoted = false
        var depth = 0
        for character in inner {
            if character == "\"" { quoted.toggle() }
            if !quoted { depth += character == "{" ? 1 : character == "}" ? -1 : 0 }
            if character == "," && !quoted && depth == 0 {
                all.append(one)
                one = ""
            } else {
                one.append(character)
            }
        }
        if one.contains(where: { $0 != " " }) { all.append(one) }
        return all.map { withoutCounters($0.split(separator: " ").joined(separator: " ")) }
    }

    /// `counter packets 3 bytes 180` and `expires 2s` say nothing about what was configured.
    private static func withoutCounters(_ line: String) -> String {
        var words = line.split(separator: " ").map(String.init)
        while let at = words.firstIndex(of: "counter"), at + 4 < words.count, words[at + 1] == "packets" {
            words.removeSubrange(at + 1...at + 4)
            words[at] = "counter;"
        }
        while let at = words.firstIndex(of: "expires"), at + 1 < words.count { words.removeSubrange(at...at + 1) }
        return words.joined(separator: " ")
    }

    /// What plugins set below /proc/sys/net.
    fileprivate static func sysctls() throws -> [String] {
        var paths = ["ipv4/ip_forward", "bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"]
        for (family, keys) in [
            ("ipv4", ["forwarding", "route_localnet", "rp_filter", "arp_notify", "proxy_arp"]),
            ("ipv6", ["forwarding", "accept_ra", "accept_dad", "disable_ipv6", "proxy_ndp", "keep_addr_on_down"]),
        ] {
            let root = "/proc/sys/net/\(family)/conf"
            guard Files.exists(root) else { continue }
            for link in try Files.names(in: root).sorted() { paths += keys.map { "\(family)/conf/\(link)/\($0)" } }
        }
        return try paths.compactMap { path in
            guard
                let bytes = try ignoring(
                    .noSuchFile, do: { () throws(KernelError) in try Files.read("/proc/sys/net/\(path)") })
            else { return nil }
            return
                "sysctl net/\(path) = \(String(decoding: bytes, as: UTF8.self).split(separator: "\n").joined(separator: " "))"
        }
    }

    /// Every file and folder below `folder` with its contents; nothing when it does not exist.
    public static func files(below folder: String) throws -> [String] {
        guard let names = try ignoring(.noSuchFile, do: { () throws(KernelError) in try Files.names(in: folder) })
        else { return [] }
        var lines = ["file \(folder)/"]
        for name in names.sorted() {
            let path = "\(folder)/\(name)"
            var found = stat()
            guard lstat(path, &found) == 0 else { continue }
            switch found.st_mode & S_IFMT {
            case S_IFDIR: lines += try files(below: path)
            case S_IFREG:
                let bytes = try Files.read(path)
                lines.append("file \(path) = \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            default: lines.append("file \(path) (not a regular file)")
            }
        }
        return lines
    }
}
