import NetCore

/// The protocol counters of the calling thread's namespace (/proc/net/snmp, snmp6 and netstat), by "Ip:InAddrErrors".
struct Counters: Hashable, Sendable {
    private var values: [String: Int64] = [:]

    static func read() throws(KernelError) -> Counters {
        var counters = Counters()
        for name in ["snmp", "netstat"] {
            counters.add(String(decoding: try Files.read("/proc/thread-self/net/\(name)"), as: UTF8.self))
        }
        // A kernel without IPv6 has none of these.
        if let text = try? Files.read("/proc/thread-self/net/snmp6") {
            counters.add(version6: String(decoding: text, as: UTF8.self))
        }
        return counters
    }

    init() {}

    /// A name and a value a line: "Ip6InAddrErrors 1" is Ip6:InAddrErrors.
    mutating func add(version6 text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count == 2, let value = Int64(words[1]), let six = words[0].firstIndex(of: "6") else {
                continue
            }
            values["\(words[0][...six]):\(words[0][words[0].index(after: six)...])"] = value
        }
    }

    /// Lines come in pairs: names, then values, after the same first word.
    mutating func add(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        for (names, numbers) in zip(lines, lines.dropFirst()) where names.first == numbers.first {
            for (name, number) in zip(names.dropFirst(), numbers.dropFirst()) {
                if let value = Int64(number) { values["\(names[0])\(name)"] = value }
            }
        }
    }

    subscript(_ name: String) -> Int64 { values[name] ?? 0 }

    /// Of those that tell of a packet that was not wanted, what moved.
    func changes(since before: Counters, node: String) -> [Journey.CounterChange] {
        Counters.telling.compactMap { name in
            let change = self[name] - before[name]
            return change > 0 ? Journey.CounterChange(node: node, name: name, change: change) : nil
        }
    }

    /// Those of the drop reasons that docs/lab/trace.md lists.
    static let telling = [
        "Ip:InHdrErrors", "Ip:InAddrErrors", "Ip:OutNoRoutes", "Ip:FragFails", "Ip:InDiscards", "Ip:OutDiscards",
        "Icmp:OutDestUnreachs", "Icmp:InDestUnreachs", "Icmp:OutTimeExcds", "Tcp:AttemptFails", "Tcp:OutRsts",
        "Udp:NoPorts", "TcpExt:IPReversePathFilter", "TcpExt:ListenDrops", "IpExt:InCsumErrors", "Ip6:InHdrErrors",
        "Ip6:InAddrErrors",
        "Ip6:InTooBigErrors", "Ip6:InNoRoutes", "Ip6:OutNoRoutes", "Icmp6:OutDestUnreachs", "Icmp6:InDestUnreachs",
        "Icmp6:OutTimeExcds", "Icmp6:OutPktTooBigs", "Udp6:NoPorts",
    ]
}
