import CKernel
import Glibc

/// What one transaction of nf_tables took away, and who committed it, as the kernel's notifications tell.
public struct RuleRemoval: Hashable, Sendable {
    public struct Object: Hashable, Sendable, CustomStringConvertible {
        public enum Kind: String, Hashable, Sendable { case table, chain, rule, set, element }
        public let kind: Kind
        /// As nft writes it: "inet", "ip", "bridge".
        public let family: String
        public let table: String
        /// The chain that it is or stands in, the set that it is or belongs to; "" of a table.
        public let name: String

        public init(_ kind: Kind, _ family: String, _ table: String, _ name: String = "") {
            (self.kind, self.family, self.table, self.name) = (kind, family, table, name)
        }

        /// "table inet berth", "rules of chain FORWARD of ip filter"; without a name several of that kind.
        public var description: String {
            let place = "\(family) \(table)"
            return switch kind {
            case .table: "table \(place)"
            case .chain: "chain \(name) of \(place)"
            case .rule: name.isEmpty ? "rules of \(place)" : "rules of chain \(name) of \(place)"
            case .set: "set \(name) of \(place)"
            case .element: name.isEmpty ? "elements of \(place)" : "elements of \(name) of \(place)"
            }
        }
    }

    /// Seconds since 1970.
    public let time: Int
    /// Nil where the kernel had no room for the notification that names it.
    public let process: ProcessName?
    public let objects: Set<Object>

    public init(time: Int, process: ProcessName?, objects: Set<Object>) {
        (self.time, self.process, self.objects) = (time, process, objects)
    }
}

/// A process, told by its number and name: it may have ended since.
public struct ProcessName: Hashable, Sendable, CustomStringConvertible {
    /// Of the machine, whatever PID namespace asks.
    public let pid: Int32
    /// Its first 15 bytes (TASK_COMM_LEN).
    public let name: String
    /// Who started it; nil where that could not be seen, or was init.
    public let parent: Parent?

    public struct Parent: Hashable, Sendable {
        public let pid: Int32
        public let name: String

        public init(pid: Int32, name: String) { (self.pid, self.name) = (pid, name) }
    }

    public init(pid: Int32, name: String, parent: Parent? = nil) {
        (self.pid, self.name, self.parent) = (pid, name, parent)
    }

    /// Looks who started it, while it is still there.
    init(looking pid: Int32, name: String) {
        // firewalld has iptables-restore work for it: the name alone would say little. /proc has the machine's numbers only here.
        guard ProcessStatus.seesEveryProcess, let own = ProcessName.status(pid), own["Name"] == name else {
            self.init(pid: pid, name: name)
            return
        }
        // The kernel tells the thread's number.
        let number = own["Tgid"].flatMap { Int32($0) } ?? pid
        let parent = own["PPid"].flatMap { Int32($0) }.flatMap { pid -> Parent? in
            guard pid > 1, let name = ProcessName.status(pid)?["Name"] else { return nil }
            return Parent(pid: pid, name: name)
        }
        self.init(pid: number, name: name, parent: parent)
    }

    /// The lines of /proc/PID/status by their words (man 5 proc); nil where it has ended.
    private static func status(_ pid: Int32) -> [String: String]? {
        guard let bytes = try? Files.read("/proc/\(pid)/status", limit: 1 << 16) else { return nil }
        var found: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { found[String(parts[0])] = String(parts[1].drop { $0 == "\t" || $0 == " " }) }
        }
        return found
    }

    /// "pid 4410 iptables-restor, started by pid 812 firewalld".
    public var description: String {
        "pid \(pid) \(name)" + (parent.map { ", started by pid \($0.pid) \($0.name)" } ?? "")
    }
}

/// Puts the notifications of nf_tables together to transactions: first what went, then who did it (NFT_MSG_NEWGEN).
struct RemovalReader {
    /// Of the transaction that is being told.
    private var pending: Set<RuleRemoval.Object> = []
    /// The number of the last one; nil before the first.
    private var generation: UInt32?
    /// Those that nobody has taken yet, the oldest first.
    private(set) var removals: [RuleRemoval] = []
    /// A flush of a thousand chains in one transaction, or a flood of transactions, takes no more room than this.
    static let (mostObjects, mostRemovals) = (4096, 256)

    mutating func take(_ reply: NetlinkReply) {
        guard reply.type >> 8 == Int(NFNL_SUBSYS_NFTABLES) else { return }
        let message = UInt32(reply.type & 0xff)
        if message == UInt32(NFT_MSG_NEWGEN.rawValue) { return close(reply.attributes(after: 4)) }
        guard let object = RemovalReader.object(message, reply), pending.count < RemovalReader.mostObjects else {
            return
        }
        pending.insert(object)
    }

    /// Whoever asks gets each once.
    mutating func takeAll() -> [RuleRemoval] {
        defer { removals = [] }
        return removals
    }

    private mutating func close(_ attributes: [Attribute]) {
        let number = attributes[type: Int(NFTA_GEN_ID.rawValue)]?.bigEndian32
        // The kernel counts by one, and never to 0. Where one is missing, so is its name: what is pending may be its work.
        let isWhole = generation.map { known in number == (known == .max ? 1 : known + 1) } ?? true
        generation = number
        guard !pending.isEmpty else { return }
        var process: ProcessName?
        if isWhole, let pid = attributes[type: Int(NFTA_GEN_PROC_PID.rawValue)]?.bigEndian32,
            let name = attributes[type: Int(NFTA_GEN_PROC_NAME.rawValue)]?.text
        {
            process = ProcessName(looking: Int32(bitPattern: pid), name: name)
        }
        if removals.count == RemovalReader.mostRemovals { removals.removeFirst() }
        removals.append(RuleRemoval(time: time(nil), process: process, objects: pending))
        pending = []
    }

    private static func object(_ message: UInt32, _ reply: NetlinkReply) -> RuleRemoval.Object? {
        // The first two attributes of each are the table, and the chain or set in it.
        let kinds: [(nf_tables_msg_types, RuleRemoval.Object.Kind)] = [
            (NFT_MSG_DELTABLE, .table), (NFT_MSG_DELCHAIN, .chain), (NFT_MSG_DELRULE, .rule), (NFT_MSG_DELSET, .set),
            (NFT_MSG_DELSETELEM, .element),
        ]
        guard let kind = kinds.first(where: { UInt32($0.0.rawValue) == message })?.1,
            let number = reply.header(4)?.first, let family = families[Int32(number)]
        else { return nil }
        let attributes = reply.attributes(after: 4)
        let places: (table: UInt32, name: UInt32) =
            switch kind {
            case .table: (NFTA_TABLE_NAME.rawValue, 0)
            case .chain: (NFTA_CHAIN_TABLE.rawValue, NFTA_CHAIN_NAME.rawValue)
            case .rule: (NFTA_RULE_TABLE.rawValue, NFTA_RULE_CHAIN.rawValue)
            case .set: (NFTA_SET_TABLE.rawValue, NFTA_SET_NAME.rawValue)
            case .element: (NFTA_SET_ELEM_LIST_TABLE.rawValue, NFTA_SET_ELEM_LIST_SET.rawValue)
            }
        guard let table = attributes[type: Int(places.table)]?.text else { return nil }
        let name = kind == .table ? "" : attributes[type: Int(places.name)]?.text ?? ""
        return RuleRemoval.Object(kind, family, table, name)
    }

    private static let families: [Int32: String] = [
        Int32(NFPROTO_INET): "inet", Int32(NFPROTO_IPV4): "ip", Int32(NFPROTO_IPV6): "ip6",
        Int32(NFPROTO_BRIDGE): "bridge", Int32(NFPROTO_ARP): "arp", Int32(NFPROTO_NETDEV): "netdev",
    ]
}
