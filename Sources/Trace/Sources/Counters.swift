import NetCore

/// The protocol counters of the calling thread's namespace (/proc/net/snmp and /proc/net/netstat), by "Ip:InAddrErrors".
struct Counters: Hashable, Sendable {
    private var values: [String: Int64] = [:]

    static func read() throws(KernelError) -> Counters {
        var counters = Counters()
        for name in ["snmp", "netstat"] {
            counters.add(String(decoding: try Files.read("/proc/thread-self/net/\(name)"), as: UTF8.self))
        }
        return counters
    }

    init() {}

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
        "Udp:NoPorts", "TcpExt:IPReversePathFilter", "TcpExt:ListenDrops", "IpExt:InCsumErrors",
    ]
}
