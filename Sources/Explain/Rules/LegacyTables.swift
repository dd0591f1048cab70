import CKernel
import Glibc
import NetCore

/// An entry of iptables-legacy (struct ipt_entry, struct ip6t_entry): which packets, more matches, and a target.
struct LegacyEntry: Sendable {
    struct Extension: Sendable {
        var name: String
        var revision: UInt8
        var data: [UInt8]
    }
    var isV6: Bool
    /// struct ipt_ip or ip6t_ip6.
    var head: [UInt8]
    var matches: [Extension] = []
    var target: Extension
    /// Where the entry stands, and where a jump goes.
    var place = 0
    var jump: String?
}

extension Ruleset {
    /// The tables of iptables-legacy of the thread's namespace, those that there are.
    mutating func addLegacy() throws(KernelError) {
        for isV6 in [false, true] {
            let names = (try? Files.read("/proc/thread-self/net/\(isV6 ? "ip6" : "ip")_tables_names")) ?? []
            for name in names.split(separator: 0x0a) {
                let table = String(decoding: name, as: UTF8.self)
                if let bytes = try Ruleset.entries(table, isV6: isV6) { add(bytes, table, isV6: isV6) }
            }
        }
    }

    private struct Blob {
        var hooks: [Int: (entry: Int, underflow: Int)] = [:]
        var bytes: [UInt8] = []
    }

    private static func entries(_ table: String, isV6: Bool) throws(KernelError) -> Blob? {
        let socket = OwnedDescriptor(
            taking: try check("open a raw socket") {
                Glibc.socket(
                    isV6 ? AF_INET6 : AF_INET, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_RAW))
            })
        let label = Array(table.utf8.prefix(31))
        let head = label + [UInt8](repeating: 0, count: 32 - label.count)
        let level = Int32(isV6 ? IPPROTO_IPV6 : IPPROTO_IP)
        // Between the two questions somebody may change it.
        for _ in 0..<10 {
            // struct ipt_getinfo: name, valid_hooks, hook_entry[5], underflow[5], num_entries, size.
            var info = head + [UInt8](repeating: 0, count: 52)
            var size = socklen_t(info.count)
            try check("look at table \(table)") { getsockopt(socket.number, level, 64, &info, &size) }
            let length = Int(info.little32(80))
            guard length < 64 << 20 else { return nil }
            // struct ipt_get_entries: name, size, padding, the entries.
            var bytes = head + withUnsafeBytes(of: UInt32(length)) { Array($0) } + [0, 0, 0, 0]
            bytes += [UInt8](repeating: 0, count: length)
            size = socklen_t(bytes.count)
            if getsockopt(socket.number, level, 65, &bytes, &size) == 0 {
                var blob = Blob()
                let valid = info.little32(32)
                for hook in 0..<5 where valid & 1 << UInt32(hook) != 0 {
                    blob.hooks[hook] = (Int(info.little32(36 + 4 * hook)), Int(info.little32(56 + 4 * hook)))
                }
                blob.bytes = Array(bytes[40...])
                return blob
            }
            guard errno == EAGAIN else { throw KernelError("read table \(table)", .current) }
        }
        return nil
    }

    private mutating func add(_ blob: Blob, _ table: String, isV6: Bool) {
        let (targetAt, nextAt, size) = isV6 ? (140, 142, 168) : (88, 90, 112)
        var entries: [LegacyEntry] = []
        var place = 0
        while place + size <= blob.bytes.count {
            let target = Int(blob.bytes.little16(place + targetAt))
            let next = Int(blob.bytes.little16(place + nextAt))
            guard next >= size, target >= size, target + 32 <= next, place + next <= blob.bytes.count else { return }
            var matches: [LegacyEntry.Extension] = []
            var at = place + size
            while at + 32 <= place + target {
                guard let found = Ruleset.part(blob.bytes, at) else { break }
                matches.append(found.part)
                at += found.size
            }
            guard let end = Ruleset.part(blob.bytes, place + target) else { return }
            entries.append(
                LegacyEntry(
                    isV6: isV6, head: Array(blob.bytes[place..<(place + (isV6 ? 136 : 84))]), matches: matches,
                    target: end.part, place: place))
            place += next
        }
        let family = UInt8(isV6 ? NFPROTO_IPV6 : NFPROTO_IPV4)
        let names = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        let priorities: [String: Int32] = ["raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50]
        // A chain begins at a hook's entry, or after an ERROR entry that bears its name, and ends before the next.
        var current: Chain?
        var starts: [Int: String] = [:]
        var ordered: [Chain] = []
        for entry in entries {
            let hook = blob.hooks.first { $0.value.entry == entry.place }
            if entry.target.name == "ERROR" {
                if let current { ordered.append(current) }
                current = nil
                let name = String(decoding: entry.target.data.prefix { $0 != 0 }, as: UTF8.self)
                if name != "ERROR" { current = Chain(family: family, table: table, name: name, isLegacy: true) }
                continue
            }
            if let hook {
                if let current { ordered.append(current) }
                var chain = Chain(
                    family: family, table: table, name: names[hook.key], hook: UInt32(hook.key), isLegacy: true)
                chain.type = table == "nat" ? "nat" : "filter"
                chain.priority = table == "nat" && (hook.key == 1 || hook.key == 4) ? 100 : priorities[table] ?? 0
                current = chain
            }
            guard var chain = current else { continue }
            if chain.rules.isEmpty, starts[entry.place] == nil { starts[entry.place] = chain.name }
            if let number = chain.hook, blob.hooks[Int(number)]?.underflow == entry.place {
                chain.drops = entry.target.data.count >= 4 && Int32(bitPattern: entry.target.data.little32(0)) == -1
            } else {
                chain.rules.append(Rule(handle: UInt64(chain.rules.count + 1), entry: entry))
            }
            current = chain
        }
        if let current { ordered.append(current) }
        for var chain in ordered {
            for index in chain.rules.indices {
                guard let target = chain.rules[index].entry?.target, target.name.isEmpty, target.data.count >= 4 else {
                    continue
                }
                let value = Int32(bitPattern: target.data.little32(0))
                if value >= 0 { chain.rules[index].entry?.jump = starts[Int(value)] }
            }
            chains[Name(family: family, table: table, chain: chain.name, isLegacy: true)] = chain
        }
    }

    /// struct xt_entry_match or xt_entry_target: size, name of 29, revision, data.
    private static func part(_ bytes: [UInt8], _ at: Int) -> (part: LegacyEntry.Extension, size: Int)? {
        guard at + 32 <= bytes.count else { return nil }
        let size = Int(bytes.little16(at))
        guard size >= 32, at + size <= bytes.count else { return nil }
        let name = String(decoding: bytes[(at + 2)..<(at + 31)].prefix { $0 != 0 }, as: UTF8.self)
        return (.init(name: name, revision: bytes[at + 31], data: Array(bytes[(at + 32)..<(at + size)])), size)
    }
}

extension Array where Element == UInt8 {
    /// Of this machine's order; 0 beyond the end.
    func little16(_ at: Int) -> UInt16 { UInt16(truncatingIfNeeded: little(at, 2)) }
    func little32(_ at: Int) -> UInt32 { UInt32(truncatingIfNeeded: little(at, 4)) }
    func big16(_ at: Int) -> UInt16 { little16(at).byteSwapped }

    private func little(_ at: Int, _ count: Int) -> UInt64 {
        guard at >= 0, at + count <= self.count else { return 0 }
        return (0..<count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(self[at + $1]) }
    }
}
