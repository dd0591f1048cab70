import CIptables
import Glibc
import NetCore
import NetPlan

/// A table of iptables-legacy, read as a whole and written back as a whole (libiptc). Its memory, to which its rules point, is given
/// back by the end of the process: rule by rule that takes long among thousands, and a plugin waits for the answer.
struct LegacyTable {
    let table: IptablesTable
    let family: AddressFamily
    private let handle: OpaquePointer
    private let libiptc: Libiptc

    /// Reads it; the kernel makes it if it must. Throws what the kernel said.
    init(_ table: IptablesTable, _ family: AddressFamily) throws(KernelError) {
        let name = table.rawValue
        let libiptc = try Libiptc.of(family)
        let read = { libiptc.initialize(name) }
        var found = read()
        if found == nil, errno == ENOPROTOOPT {
            // The kernel loads a table's module when it is asked for, but not the one that all tables need: iptables itself
            // calls modprobe for it.
            LegacyTable.loadModule(family == .v4 ? "ip_tables" : "ip6_tables")
            found = read()
        }
        guard let handle = found else {
            throw KernelError(
                "read table \(name) of \(family == .v4 ? "iptables" : "ip6tables")-legacy", Errno.current,
                "the kernel needs CONFIG_IP_NF_IPTABLES and CONFIG_IP6_NF_IPTABLES (modules ip_tables, ip6_tables, iptable_\(name))"
            )
        }
        self.table = table
        self.family = family
        self.handle = handle
        self.libiptc = libiptc
    }

    /// As far as it can be: what is missing then, the kernel says.
    private static func loadModule(_ name: String) {
        do throws(KernelError) {
            let named = String(decoding: try Files.read("/proc/sys/kernel/modprobe"), as: UTF8.self)
            let program = named.split(separator: "\n").first.map(String.init) ?? "/sbin/modprobe"
            _ = try ChildProcess(path: program, arguments: ["-q", name], environment: [], input: [], seconds: 20).run()
        } catch {}
    }

    // MARK: looking

    func has(_ chain: String) -> Bool { libiptc.isChain(chain, handle) != 0 }

    var chains: [String] {
        var names: [String] = []
        var next = libiptc.firstChain(handle)
        while let name = next {
            names.append(String(cString: name))
            next = libiptc.nextChain(handle)
        }
        return names
    }

    /// A chain's rules, in order.
    func rules(of chain: String) -> [LegacyRule] {
        var rules: [LegacyRule] = []
        var next = libiptc.firstRule(chain, handle)
        while let entry = next {
            // ipt_entry and ip6t_entry: behind nfcache and target_offset.
            let size = entry.loadUnaligned(fromByteOffset: LegacyRule.targetOffset(family) + 2, as: UInt16.self)
            rules.append(LegacyRule(entry, Int(size), family, libiptc.target(entry, handle)))
            next = libiptc.nextRule(entry, handle)
        }
        return rules
    }

    // MARK: changing

    /// The edits of this table are made in memory; `commit` makes them so.
    /// `counts`: how many rules of each chain were looked at; the others stay behind them.
    func apply(_ edits: IptablesEdits, counts: [IptablesChain: Int]) throws(KernelError) {
        for chain in edits.newChains where chain.table == table && !chain.isBuiltIn {
            try done("make chain \(chain.name)") { () -> Int32 in
                libiptc.createChain(chain.name, handle)
            }
        }
        for (chain, slots) in edits.chains where chain.table == table {
            try apply(slots, chain.name, count: counts[chain] ?? 0)
        }
        let gone = edits.goneChains.filter { $0.table == table }
        for chain in gone {
            try done("empty chain \(chain.name)") { () -> Int32 in
                libiptc.flush(chain.name, handle)
            }
        }
        for chain in gone {
            try done("delete chain \(chain.name)") { () -> Int32 in
                libiptc.deleteChain(chain.name, handle)
            }
        }
    }

    private func apply(_ slots: [IptablesEdits.Slot], _ chain: String, count: Int) throws(KernelError) {
        var kept = Set<Int>()
        for case .standing(let index) in slots { kept.insert(index) }
        let last = slots.lastIndex { if case .standing = $0 { true } else { false } } ?? -1
        for index in (0..<count).reversed() where !kept.contains(index) {
            try done("delete rule \(index + 1) of chain \(chain)") { () -> Int32 in
                libiptc.delete(chain, UInt32(index), handle)
            }
        }
        for (place, slot) in slots.enumerated() {
            guard case .new(let rule) = slot else { continue }
            let bytes = IptablesEntry(rule, family).bytes(family)
            try done("add to chain \(chain): \(rule.words.joined(by: " "))") { () -> Int32 in
                // The kernel's structures begin at a multiple of eight.
                withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 8) { room -> Int32 in
                    room.copyBytes(from: bytes)
                    let start = UnsafeRawPointer(room.baseAddress!)
                    // Behind all that was looked at, and all that was not.
                    guard place < last else { return libiptc.append(chain, start, handle) }
                    return libiptc.insert(chain, start, UInt32(place), handle)
                }
            }
        }
    }

    /// The table is in the kernel as it is here. Throws EAGAIN when somebody has changed it since it was read.
    func commit() throws(KernelError) {
        try done("commit") { () -> Int32 in libiptc.commit(handle) }
    }

    /// libiptc's functions return 1 when they have done it.
    private func done(_ what: @autoclosure () -> String, _ body: () -> Int32) throws(KernelError) {
        errno = 0
        guard body() == 0 else { return }
        let code = Errno.current
        let sentence = libiptc.sentence(code.rawValue)
        throw KernelError(
            "\(what()) of table \(table.rawValue) of \(family == .v4 ? "iptables" : "ip6tables")-legacy", code,
            sentence.map { String(cString: $0) })
    }
}

/// A rule that stands in a legacy table, where libiptc keeps it: only until the table is changed. Of thousands few are asked
/// for more than the beginning of their comment.
struct LegacyRule: IptablesStandingRule, @unchecked Sendable {
    private let bytes: UnsafeRawBufferPointer
    private let family: AddressFamily
    private let target: UnsafePointer<CChar>?

    init(_ start: UnsafeRawPointer, _ count: Int, _ family: AddressFamily, _ target: UnsafePointer<CChar>?) {
        bytes = UnsafeRawBufferPointer(start: start, count: count)
        self.family = family
        self.target = target
    }

    /// Where ipt_entry and ip6t_entry say where the target begins: behind the header and nfcache.
    static func targetOffset(_ family: AddressFamily) -> Int { family == .v4 ? 88 : 140 }

    private var targetName: String { target.map { String(cString: $0) } ?? "" }

    var jump: String? {
        let name = targetName
        return ["ACCEPT", "DROP", "RETURN", "QUEUE", ""].contains(name) ? nil : name
    }
    var comment: String? {
        match("comment").map { place in
            String(decoding: bytes[place].prefix { $0 != 0 }, as: UTF8.self)
        }
    }
    var ports: [ClosedRange<UInt16>]? {
        match("multiport").flatMap { IptablesExtension.ports(in: Array(bytes[$0])[...]) }
    }

    func isCommented(_ prefix: String) -> Bool {
        guard let place = match("comment"), place.count >= prefix.utf8.count else { return false }
        return bytes[place].prefix(prefix.utf8.count).elementsEqual(prefix.utf8)
    }

    func says(_ rule: IptablesRule, _ family: AddressFamily) -> Bool {
        if let wanted = rule.comment, !isCommented(wanted) { return false }
        return IptablesEntry(Array(bytes), family, target: targetName) == IptablesEntry(rule, family)
    }

    /// Where the structure of the match with that name stands.
    private func match(_ name: StaticString) -> Range<Int>? {
        let fixed = family == .v4 ? MemoryLayout<ipt_entry>.size : MemoryLayout<ip6t_entry>.size
        guard bytes.count >= fixed else { return nil }
        let end = Int(bytes.loadUnaligned(fromByteOffset: LegacyRule.targetOffset(family), as: UInt16.self))
        var at = fixed
        let frame = MemoryLayout<xt_entry_match>.size
        while at + frame <= min(end, bytes.count) {
            let size = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
            guard size >= frame, at + size <= bytes.count else { return nil }
            let count = name.utf8CodeUnitCount
            if memcmp(bytes.baseAddress! + at + 2, name.utf8Start, count) == 0, bytes[at + 2 + count] == 0 {
                return (at + frame)..<(at + size)
            }
            at += size
        }
        return nil
    }
}
