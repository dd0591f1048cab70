import CKernel
import Glibc
import NetCore

/// The tables of iptables-legacy in one namespace, each as the kernel has it in one piece, without its counters
/// (linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h).
struct LegacyState: Hashable {
    struct TableName: Hashable, Comparable {
        let isV6: Bool
        let name: String
        static func < (one: TableName, other: TableName) -> Bool {
            (one.isV6 ? 1 : 0, one.name) < (other.isV6 ? 1 : 0, other.name)
        }
    }

    struct Table: Hashable {
        var validHooks: UInt32
        var entryPlaces: [UInt32]
        var underflows: [UInt32]
        var count: UInt32
        var entries: [UInt8]
    }

    var tables: [TableName: Table] = [:]

    /// Where things stand in struct ipt_entry or ip6t_entry.
    struct Layout {
        let target: Int
        let next: Int
        let comeFrom: Int
        let counters: Int
        let size: Int
        static let v4 = Layout(target: 88, next: 90, comeFrom: 92, counters: 96, size: 112)
        static let v6 = Layout(target: 140, next: 142, comeFrom: 144, counters: 152, size: 168)
    }

    /// Of the thread's namespace, without tables that let everything pass: they are as if they were not there.
    static func read() -> LegacyState {
        LegacyState(tables: all().filter { name, table in table != table.emptied(name.isV6 ? .v6 : .v4) })
    }

    /// Only tables that are there are asked for: the question would make them.
    private static func all() -> [TableName: Table] {
        var found: [TableName: Table] = [:]
        for isV6 in [false, true] {
            let names = (try? Files.read("/proc/thread-self/net/\(isV6 ? "ip6" : "ip")_tables_names")) ?? []
            for name in names.split(separator: 0x0a) {
                let name = TableName(isV6: isV6, name: String(decoding: name, as: UTF8.self))
                if let table = try? read(name) { found[name] = table }
            }
        }
        return found
    }

    private static func socket(_ isV6: Bool) throws(KernelError) -> OwnedDescriptor {
        OwnedDescriptor(
            taking: try check("open a raw socket") {
                Glibc.socket(
                    isV6 ? AF_INET6 : AF_INET, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_RAW))
            })
    }

    // IPT_BASE_CTL 64, of both families: SO_SET_REPLACE 64, SO_GET_INFO 64, SO_GET_ENTRIES 65.
    private static func level(_ isV6: Bool) -> Int32 { Int32(isV6 ? IPPROTO_IPV6 : IPPROTO_IP) }

    private static func read(_ name: TableName) throws(KernelError) -> Table {
        let socket = try socket(name.isV6)
        let label = Array(name.name.utf8.prefix(31))
        let head = label + [UInt8](repeating: 0, count: 32 - label.count)
        // Between the two questions somebody may change it.
        for _ in 0..<10 {
            var info = head + [UInt8](repeating: 0, count: 52)
            var size = socklen_t(info.count)
            try check("look at table \(name.name)") { getsockopt(socket.number, level(name.isV6), 64, &info, &size) }
            func word(_ place: Int) -> UInt32 { RawAttribute.number(info[place...]) }
            let length = Int(word(80))
            var bytes = head + RawAttribute.little(UInt32(length)) + [0, 0, 0, 0]
            bytes += [UInt8](repeating: 0, count: length)
            size = socklen_t(bytes.count)
            let code = getsockopt(socket.number, level(name.isV6), 65, &bytes, &size)
            if code != 0, errno == EAGAIN { continue }
            try check("read table \(name.name)") { code }
            var table = Table(
                validHooks: word(32), entryPlaces: (0..<5).map { word(36 + 4 * $0) },
                underflows: (0..<5).map { word(56 + 4 * $0) }, count: word(76), entries: Array(bytes[40...]))
            table.forgetCounters(name.isV6 ? .v6 : .v4)
            return table
        }
        throw KernelError("read table \(name.name)", .tryAgain)
    }

    /// The thread's namespace has these tables. One that was not there is empty, and lets everything pass: tables do not go.
    func restore() throws(KernelError) {
        let now = LegacyState.all()
        for name in now.keys.sorted() {
            let old = now[name]!
            let new = tables[name] ?? old.emptied(name.isV6 ? .v6 : .v4)
            if new != old { try LegacyState.write(new, over: old, name) }
        }
    }

    private static func write(_ new: Table, over old: Table, _ name: TableName) throws(KernelError) {
        let socket = try socket(name.isV6)
        let label = Array(name.name.utf8.prefix(31))
        var counters = [UInt8](repeating: 0, count: 16 * Int(old.count))
        let code = counters.withUnsafeMutableBytes { room in
            var bytes = label + [UInt8](repeating: 0, count: 32 - label.count)
            bytes += RawAttribute.little(new.validHooks) + RawAttribute.little(new.count)
            bytes += RawAttribute.little(UInt32(new.entries.count))
            bytes += (new.entryPlaces + new.underflows).flatMap(RawAttribute.little)
            bytes += RawAttribute.little(old.count)
            let address = UInt64(UInt(bitPattern: room.baseAddress))
            bytes += RawAttribute.little(UInt32(truncatingIfNeeded: address))
            bytes += RawAttribute.little(UInt32(truncatingIfNeeded: address >> 32))
            bytes += new.entries
            return setsockopt(socket.number, level(name.isV6), 64, bytes, socklen_t(bytes.count))
        }
        try check("bring back table \(name.name) of iptables-legacy") { code }
    }
}

extension LegacyState.Table {
    /// Each rule's bytes with the place where it begins.
    func parts(_ layout: LegacyState.Layout) -> [(place: Int, bytes: ArraySlice<UInt8>)] {
        var found: [(Int, ArraySlice<UInt8>)] = []
        var place = 0
        while place + layout.size <= entries.count {
            let next = Int(entries[place + layout.next]) | Int(entries[place + layout.next + 1]) << 8
            guard next >= layout.size, place + next <= entries.count else { break }
            found.append((place, entries[place..<(place + next)]))
            place += next
        }
        return found
    }

    fileprivate mutating func forgetCounters(_ layout: LegacyState.Layout) {
        for part in parts(layout) {
            for place in (part.place + layout.comeFrom)..<(part.place + layout.comeFrom + 4) { entries[place] = 0 }
            for place in (part.place + layout.counters)..<(part.place + layout.size) { entries[place] = 0 }
        }
    }

    /// Chains by name, each with its rules; of a built-in one the last is the policy, of another "come back".
    func chains(_ layout: LegacyState.Layout) -> [(name: String, rules: [[UInt8]])] {
        var chains: [(name: String, rules: [[UInt8]])] = []
        let names = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        let all = parts(layout)
        var starts: [Int: String] = [:]
        for hook in 0..<5 where validHooks & (1 << UInt32(hook)) != 0 { starts[Int(entryPlaces[hook])] = names[hook] }
        for part in all {
            if let name = errorName(part.bytes, layout) {
                // What stands behind it is the chain.
                starts[part.place + part.bytes.count] = name
            }
        }
        for part in all {
            if let name = starts[part.place], part.place != all.last?.place { chains.append((name, [])) }
            guard errorName(part.bytes, layout) == nil, !chains.isEmpty else { continue }
            var bytes = Array(part.bytes)
            // A jump's place changes with what stands before it: its chain's name is what counts.
            let target = Int(bytes[layout.target]) | Int(bytes[layout.target + 1]) << 8
            if target + 36 <= bytes.count, bytes[target + 2] == 0 {
                let verdict = RawAttribute.number(bytes[(target + 32)...])
                if verdict < 1 << 31, let name = starts[Int(verdict)] {
                    bytes.replaceSubrange((target + 32)..<(target + 36), with: Array(name.utf8))
                }
            }
            chains[chains.count - 1].rules.append(bytes)
        }
        return chains
    }

    /// The text of an ERROR target, which begins a chain and ends the table.
    private func errorName(_ bytes: ArraySlice<UInt8>, _ layout: LegacyState.Layout) -> String? {
        let start = bytes.startIndex
        let target = Int(bytes[start + layout.target]) | Int(bytes[start + layout.target + 1]) << 8
        guard target + 32 + 30 <= bytes.count,
            bytes[(start + target + 2)...].starts(with: Array("ERROR".utf8) + [0])
        else { return nil }
        return String(decoding: bytes[(start + target + 32)...].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The table with nothing but built-in chains that accept.
    fileprivate func emptied(_ layout: LegacyState.Layout) -> LegacyState.Table {
        let all = parts(layout)
        guard let last = all.last else { return self }
        var empty = LegacyState.Table(
            validHooks: validHooks, entryPlaces: entryPlaces, underflows: underflows, count: 0, entries: [])
        for hook in 0..<5 where validHooks & (1 << UInt32(hook)) != 0 {
            let place = UInt32(empty.entries.count)
            (empty.entryPlaces[hook], empty.underflows[hook]) = (place, place)
            // A policy's entry (an xt_standard_target of 40 bytes), whose verdict is -NF_ACCEPT - 1.
            var entry = [UInt8](repeating: 0, count: layout.size + 40)
            entry[layout.target] = UInt8(layout.size & 0xff)
            entry[layout.target + 1] = UInt8(layout.size >> 8)
            entry[layout.next] = UInt8(entry.count & 0xff)
            entry[layout.next + 1] = UInt8(entry.count >> 8)
            entry[layout.size] = 40
            entry.replaceSubrange(
                (layout.size + 32)..<(layout.size + 36), with: RawAttribute.little(UInt32(bitPattern: -2)))
            empty.entries += entry
            empty.count += 1
        }
        empty.entries += last.bytes
        empty.count += 1
        return empty
    }
}
